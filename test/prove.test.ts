import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ErrorCode, isGdpfsError } from '../src/base/errors.ts';
import { change, listPage, listPages, makeDirectory, remove, stat } from '../src/client/files.ts';
import { type Home, openHome, type Profile } from '../src/client/home.ts';
import { readFile } from '../src/client/read.ts';
import { Servers } from '../src/client/servers.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { listRemoteTree } from '../src/client/sync/remote-tree.ts';
import { copy } from '../src/client/transfer.ts';
import { provingSession } from '../src/client/trust/proving-session.ts';
import { trustVolume, type TrustedVolume } from '../src/client/trust/volume-trust.ts';
import { createVolume, rotateKey } from '../src/client/volumes.ts';
import { parseCheckpoint } from '../src/format/checkpoint.ts';
import { decodeStateEvidence, encodeStateEvidence } from '../src/format/state-evidence.ts';
import { startServerHere, temporaryDirectory, type TestServer } from './support/server.ts';
import { openTestSession, type TestSession, VOLUME } from './support/session.ts';
import { startTamperingProxy, type TamperingProxy } from './support/tampering-proxy.ts';

/** A client that has everything proven, and a server that may lie, or somebody on the way. */

let stack: AsyncDisposableStack;
let server: TestServer;
let client: TestSession;
let proxy: TamperingProxy;
let folder: string;
let home: Home;
let profile: Profile;
let plain: Session;
let proving: Session;
const trusted = new Map<string, Promise<TrustedVolume>>();

function trust(reference: string): Promise<TrustedVolume> {
  let trusting = trusted.get(reference);
  if (trusting === undefined) {
    trusting = trustVolume({ session: plain, home, profile, reference });
    trusted.set(reference, trusting);
  }
  return trusting;
}

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerHere(join(folder, 'data')));
  client = stack.use(await openTestSession(server));
  proxy = stack.use(await startTamperingProxy(server, client));
  home = openHome(join(folder, 'home'));
  await home.saveProfile({ ...client.identity, name: 'default', principal: 'admin' });
  profile = await home.profile();
  plain = stack.use(openSession({ ...client.identity, url: proxy.url }));
  proving = provingSession(plain, trust);
  await fill();
});
after(() => stack.disposeAsync());

async function fill(): Promise<void> {
  const source = join(folder, 'tree');
  mkdirSync(join(source, 'many'), { recursive: true });
  for (let index = 0; index < 60; index += 1) {
    writeFileSync(join(source, 'many', `file-${index}`), randomBytes(index));
  }
  writeFileSync(join(source, 'large'), randomBytes(700_000));
  symlinkSync('large', join(source, 'link'));
  const { session } = client;
  const destination = {
    kind: 'remote',
    session,
    remote: { volume: VOLUME, path: 'tree' },
  } as const;
  await copy({ sources: [{ kind: 'local', path: source }], destination, recursive: true });
  const tree = `/${VOLUME}/tree`;
  await change(session, `${tree}/many`, { op: 'copy', to: `${tree}/again`, recursive: true });
  await change(session, `${tree}/again`, { op: 'rename', to: `${tree}/moved` });
  await remove(session, `${tree}/moved/file-7`);
  await makeDirectory(session, `${tree}/empty`);
}

/** Runs `action` while answers to proofs are what `tamper` makes of them. */
async function withProofs<T>(
  tamper: (body: Buffer) => Buffer,
  action: () => Promise<T>,
): Promise<T> {
  proxy.tamper = ({ url, body }) => (url.pathname.endsWith('/proof') ? tamper(body) : body);
  try {
    return await action();
  } finally {
    proxy.tamper = ({ body }) => body;
  }
}

async function isRefused(action: () => Promise<unknown>, codes: readonly ErrorCode[], state = /./) {
  await assert.rejects(
    action,
    (error) => isGdpfsError(error, ...codes) && state.test(error.message),
  );
}

const PATHS = ['', '/tree', '/tree/large', '/tree/link', '/tree/moved/file-12', '/tree/empty'];

test('what is proven is what the server says: files, directories, links, the root, in pages of any size', async () => {
  for (const path of PATHS) {
    assert.deepEqual(
      await stat(proving, `/${VOLUME}${path}`),
      await stat(plain, `/${VOLUME}${path}`),
    );
  }
  for (const path of ['', '/tree', '/tree/many', '/tree/moved', '/tree/empty']) {
    for (const limit of [7, 1000]) {
      const names = async (session: Session) => {
        const entries = [];
        for await (const page of listPages(session, `/${VOLUME}${path}`, { limit })) {
          entries.push(...page.entries);
        }
        return entries;
      };
      assert.deepEqual(await names(proving), await names(plain));
    }
  }
});

test('a whole tree is proven, in pages of any size, as it is listed and as it is copied', async () => {
  const all = async (session: Session, limit: number) => {
    const entries = [];
    for await (const page of listPages(session, `/${VOLUME}`, { recursive: true, limit })) {
      entries.push(...page.entries);
    }
    return entries;
  };
  const truth = await all(plain, 1000);
  assert(truth.length > 120);
  for (const limit of [7, 63, 1000]) assert.deepEqual(await all(proving, limit), truth);
  const rowsOf = async (session: Session) => {
    const rows = [];
    for await (const page of (await listRemoteTree(session, `/${VOLUME}/tree`)).pages) {
      rows.push(...page);
    }
    return rows;
  };
  assert.deepEqual(await rowsOf(proving), await rowsOf(plain));
  const remote = { volume: VOLUME, path: 'tree' };
  const target = join(folder, 'copied');
  const result = await copy({
    sources: [{ kind: 'remote', session: proving, remote }],
    destination: { kind: 'local', path: target },
    recursive: true,
  });
  assert.deepEqual([result.errors, result.files], [[], 120]);
  assert.deepEqual(
    readFileSync(join(target, 'many', 'file-59')),
    readFileSync(join(folder, 'tree', 'many', 'file-59')),
  );
});

test('what is not there is proven not to be there', async () => {
  for (const path of ['/nothing', '/tree/moved/file-7', '/tree/nothing/below', '/tree/lar', '/a']) {
    await isRefused(() => stat(proving, `/${VOLUME}${path}`), ['not_found'], /as is proven/);
  }
  const below = `/${VOLUME}/tree/large/x`;
  await isRefused(() => stat(proving, below), ['not_a_directory'], /as is proven/);
  await isRefused(() => listPage(proving, `/${VOLUME}/tree/large`), ['not_a_directory']);
});

test('a proven file is read by its proven content', async () => {
  const pieces = [];
  for await (const piece of readFile(proving, `/${VOLUME}/tree/large`)) pieces.push(piece);
  assert.deepEqual(Buffer.concat(pieces), readFileSync(join(folder, 'tree', 'large')));
});

test('any flipped bit of a proof is found, or changes nothing of the answer', async () => {
  const path = `/${VOLUME}/tree/moved/file-12`;
  const truth = await stat(plain, path);
  let length = 0;
  await withProofs(
    (body) => {
      ({ length } = body);
      return body;
    },
    () => stat(proving, path),
  );
  let found = 0;
  for (let bit = 3; bit < length * 8; bit += 61) {
    const flip = (body: Buffer): Buffer => {
      body.writeUInt8(body.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      return body;
    };
    try {
      assert.deepEqual(await withProofs(flip, () => stat(proving, path)), truth);
    } catch (error) {
      assert(isGdpfsError(error, 'untrusted', 'corrupt'), String(error));
      found += 1;
    }
  }
  // All but the tags around messages.
  assert(found > (length * 8) / 61 - 8, `${found} of ${Math.floor((length * 8) / 61)} found`);
});

test('truncated, extended and oversized proofs are refused', async () => {
  const list = () => listPage(proving, `/${VOLUME}/tree/many`);
  const cuts = [0, 1, 3, 100, 500, 1000, 2000];
  for (const cut of cuts) {
    await isRefused(
      () => withProofs((body) => body.subarray(0, cut), list),
      ['corrupt', 'untrusted'],
    );
  }
  const longer = (body: Buffer): Buffer => Buffer.concat([body, Buffer.alloc(1)]);
  await isRefused(() => withProofs(longer, list), ['corrupt']);
  // A count of four thousand million nodes.
  const many = (body: Buffer): Buffer =>
    Buffer.concat([body.subarray(0, -8), Buffer.alloc(8, 0xff)]);
  await isRefused(() => withProofs(many, list), ['corrupt']);
  const huge = (): Buffer => Buffer.alloc(40 * 1024 * 1024);
  await isRefused(() => withProofs(huge, list), ['corrupt'], /more than \d+ bytes/);
});

test('a proof of another path, of another volume and of an earlier state is refused', async () => {
  const proofOf = async (path: string): Promise<Buffer> => {
    let proof = Buffer.alloc(0);
    await withProofs(
      (body) => {
        proof = Buffer.from(body);
        return body;
      },
      () => stat(proving, path),
    );
    return proof;
  };
  const ask = () => stat(proving, `/${VOLUME}/tree/moved/file-12`);
  const elsewhere = await proofOf(`/${VOLUME}/tree/large`);
  await isRefused(() => withProofs(() => elsewhere, ask), ['untrusted'], /a node is missing/);
  await createVolume(client.session, { name: 'other' });
  await makeDirectory(client.session, '/other/tree');
  const foreign = await proofOf('/other/tree');
  await isRefused(() => withProofs(() => foreign, ask), ['untrusted'], /it is of another volume/);
  const earlier = await proofOf(`/${VOLUME}/tree/moved/file-12`);
  await makeDirectory(client.session, `/${VOLUME}/later`);
  trusted.clear();
  await isRefused(() => withProofs(() => earlier, ask), ['untrusted'], /were seen before/);
});

test('a server that hides a name, or shows one that is gone, cannot prove it', async () => {
  // What an honest client would believe: an answer of a directory that never had the name.
  const path = `/${VOLUME}/tree/many`;
  const withOne = await listPage(proving, path, { limit: 5 });
  const shorter = (body: Buffer): Buffer => {
    // The last name of the page is the last field: one that comes earlier hides what is between.
    const last = Buffer.from('file-1');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(last.length);
    const old = 4 + Buffer.byteLength(withOne.cursor ?? '');
    return Buffer.concat([body.subarray(0, -old), length, last]);
  };
  const page = await withProofs(shorter, () => listPage(proving, path, { limit: 5 }));
  // It can only end the page earlier, and the next one begins there.
  assert.deepEqual(page.entries.at(-1)?.name, page.cursor);
  assert.deepEqual(page.entries, withOne.entries.slice(0, page.entries.length));
});

test('any moment of the past is proven, at the end of each commit, until too much has changed', async () => {
  const path = `/${VOLUME}/tree`;
  // What comes, goes, moves, comes back and is replaced.
  await change(client.session, `${path}/moved`, { op: 'rename', to: `${path}/many/inside` });
  await remove(client.session, `${path}/many`, { recursive: true });
  await makeDirectory(client.session, `${path}/many`);
  await change(client.session, `${path}/large`, { op: 'rename', to: `${path}/again` });
  await change(client.session, `${path}/again`, { op: 'copy', to: `${path}/large` });
  await change(client.session, `${path}/again`, { op: 'truncate', size: 10 });
  const { seq: last } = await listPage(plain, path);
  const all = async (session: Session, at: string) => {
    const entries = [];
    for await (const page of listPages(session, path, { recursive: true, at })) {
      entries.push(...page.entries);
    }
    return entries;
  };
  let proven = 0;
  for (let seq = last; seq >= 2; seq -= 1) {
    const at = String(seq);
    try {
      await stat(proving, path, { at });
    } catch (error) {
      assert(isGdpfsError(error, 'bad_request') && error.message.includes('inside of a commit'));
      continue;
    }
    assert.deepEqual(await all(proving, at), await all(plain, at));
    proven += 1;
  }
  assert(proven >= 10, `${proven} commits`);
  const byTime = { at: new Date(Date.now() + 60_000).toISOString() };
  assert.deepEqual(await stat(proving, path, byTime), await stat(plain, path));
});

test('a proof of another moment than the one asked for is refused', async () => {
  const path = `/${VOLUME}/tree`;
  await makeDirectory(client.session, `/${VOLUME}/one`);
  const { seq } = await listPage(plain, path);
  await makeDirectory(client.session, `/${VOLUME}/two`);
  await makeDirectory(client.session, `/${VOLUME}/three`);
  let past = Buffer.alloc(0);
  const keep = (body: Buffer): Buffer => {
    past = Buffer.from(body);
    return body;
  };
  await withProofs(keep, () => stat(proving, path, { at: String(seq) }));
  const old = (): Buffer => past;
  await isRefused(() => withProofs(old, () => stat(proving, path)), ['untrusted'], /of the past/);
  const next = { at: String(seq + 1) };
  const elsewhen = () => withProofs(old, () => stat(proving, path, next));
  await isRefused(elsewhen, ['untrusted'], /of another moment/);
  const { checkpoint = Buffer.alloc(0) } = decodeStateEvidence(past).past ?? {};
  const { timeMs } = parseCheckpoint(checkpoint).checkpoint;
  const sooner = { at: new Date(timeMs - 1).toISOString() };
  await isRefused(
    () => withProofs(old, () => stat(proving, path, sooner)),
    ['untrusted'],
    /moment/,
  );
  // A state that was never signed, under the checkpoint of one that was.
  const mixed = (body: Buffer): Buffer => {
    const evidence = decodeStateEvidence(body);
    const { nodes } = decodeStateEvidence(past);
    return Buffer.from(encodeStateEvidence({ ...evidence, nodes }));
  };
  await isRefused(() => withProofs(mixed, () => stat(proving, path, next)), ['untrusted']);
});

test('the past is proven by the key of its time, and not by another', async () => {
  const path = `/${VOLUME}/tree`;
  const { seq } = await listPage(plain, path);
  const truth = await stat(plain, path);
  await rotateKey(client.session, VOLUME);
  await makeDirectory(client.session, `/${VOLUME}/after`);
  trusted.clear();
  const at = String(seq);
  assert.deepEqual(await stat(proving, path, { at }), truth);
  const newest = (body: Buffer): Buffer => {
    const evidence = decodeStateEvidence(body);
    const { policy } = evidence.checkpoint;
    const past = evidence.past && { ...evidence.past, policy };
    return Buffer.from(encodeStateEvidence({ ...evidence, past }));
  };
  await isRefused(() => withProofs(newest, () => stat(proving, path, { at })), ['untrusted']);
});

test('a profile that says so has everything proven, and others ask for it one by one', async () => {
  const asked: string[] = [];
  proxy.before = async ({ url }) => void asked.push(url.pathname.split('/').at(-1) ?? '');
  const proofsOf = async (prove: boolean, always: boolean): Promise<number> => {
    const path = join(folder, 'home', 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    config.profiles.default.url = proxy.url;
    config.profiles.default.prove = always;
    writeFileSync(path, JSON.stringify(config));
    asked.length = 0;
    await using servers = new Servers(home, undefined, { prove });
    const file = await servers.locateText(`gdp://${VOLUME}/tree/large`);
    await stat(file.session, file.apiPath);
    return asked.filter((name) => name === 'proof').length;
  };
  assert.deepEqual(
    [await proofsOf(false, false), await proofsOf(true, false), await proofsOf(false, true)],
    [0, 1, 1],
  );
});
