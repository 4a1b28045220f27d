/** Proofs for somebody who may see only a part of a volume, and what they show of the rest. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { concatBytes } from '../src/base/bytes.ts';
import { type ErrorCode, isGdpfsError } from '../src/base/errors.ts';
import { parseCheckpoint } from '../src/format/checkpoint.ts';
import { decodeStateEntry, stateKey } from '../src/format/state-entry.ts';
import { decodeStateEvidence, encodeStateEvidence } from '../src/format/state-evidence.ts';
import { decodeStateNode, hashStateNode } from '../src/format/state-node.ts';
import { listPage, listPages, stat } from '../src/client/files.ts';
import { type Home, openHome } from '../src/client/home.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { provingSession } from '../src/client/trust/proving-session.ts';
import { trustVolume, type TrustedVolume } from '../src/client/trust/volume-trust.ts';
import type { Entry } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import type { HttpClient } from './support/http-client.ts';
import { addUser, enrol, startServerHere, temporaryDirectory } from './support/server.ts';
import { startTamperingProxy, type TamperingProxy } from './support/tampering-proxy.ts';

/** Below these, all may be seen. */
const GRANTED = ['open', 'way/open', 'empty', 'way/deep/er'] as const;
const VISIBLE = [
  '',
  '/way',
  '/way/deep',
  ...GRANTED.map((path) => `/${path}`),
  '/open/file-1',
  '/open/below',
  '/open/below/x',
  '/way/open/one',
];
const HIDDEN = ['/secret', '/secret/name', '/way/hidden', '/nothing', '/lonely/sole'];

let stack: AsyncDisposableStack;
let alice: HttpClient;
let proxy: TamperingProxy;
/** Of bob: what the server says, and what it proves. */
let plain: Session;
let proving: Session;
let home: Home;
let serverUrl: string;
let bodies: Buffer[] = [];
let trusted: Promise<TrustedVolume> | undefined;

before(async () => {
  stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await startServerHere(join(directory, 'data')));
  const admin = stack.use(await enrol(server, server.adminToken ?? ''));
  alice = stack.use(await addUser(server, admin, 'alice'));
  const bob = stack.use(await addUser(server, admin, 'bob'));
  const directories = ['secret', 'open', 'open/below', 'way', 'way/open', 'way/deep', 'empty'];
  for (const path of [...directories, 'way/deep/er', 'lonely']) await mkdir(path);
  const files = ['secret/name', 'way/hidden', 'lonely/sole', 'open/below/x', 'way/open/one'];
  for (const path of files) await put(path, path);
  for (let index = 0; index < 30; index += 1) await put(`open/file-${index}`, String(index));
  for (const path of GRANTED) {
    const json = { subject: 'bob', permission: 'read', path: `/alice/${path}` };
    await ok(alice.send('POST', '/api/v1/admin/grants', { json }));
  }
  const { ca, certificate = '', key = '' } = bob.options;
  const identity = { url: server.url, ca, certificate, key };
  plain = stack.use(openSession(identity));
  proxy = stack.use(await startTamperingProxy(server, { identity, session: plain } as never));
  serverUrl = server.url;
  home = openHome(join(directory, 'home'));
  await home.saveProfile({ ...identity, name: 'default', principal: 'bob' });
  const profile = await home.profile();
  const session = stack.use(openSession({ ...identity, url: proxy.url }));
  proving = provingSession(session, (reference) => {
    trusted ??= trustVolume({ session, home, profile, reference });
    return trusted;
  });
  honest();
});
after(() => stack.disposeAsync());

async function ok(answer: ReturnType<HttpClient['send']>): Promise<Entry> {
  const { status, text, json } = await answer;
  assert(status < 300, text);
  return json as Entry;
}

async function mkdir(path: string): Promise<void> {
  const json = { path: `/alice/${path}`, kind: 'directory' };
  await ok(alice.send('POST', '/api/v1/files', { json }));
}

async function put(path: string, content: string): Promise<void> {
  const query = { path: `/alice/${path}` };
  const body = new TextEncoder().encode(content);
  await ok(alice.send('POST', '/api/v1/storage/files', { query, body, type: MEDIA_TYPES.bytes }));
}

async function seqOf(path: string): Promise<string> {
  const query = { path: `/alice/${path}` };
  return String((await ok(alice.send('GET', '/api/v1/files', { query }))).seq);
}

function honest(): void {
  bodies = [];
  proxy.tamper = ({ url, body }) => {
    if (url.pathname.endsWith('/proof')) bodies.push(Buffer.from(body));
    return body;
  };
}

/** Runs `action` while proofs are what `tamper` makes of them. */
async function lying<T>(tamper: (body: Buffer) => Uint8Array, action: () => Promise<T>) {
  proxy.tamper = ({ url, body }) =>
    url.pathname.endsWith('/proof') ? Buffer.from(tamper(body)) : body;
  try {
    return await action();
  } finally {
    honest();
  }
}

async function isRefused(action: () => Promise<unknown>, codes: readonly ErrorCode[], state = /./) {
  await assert.rejects(
    action,
    (error) => isGdpfsError(error, ...codes) && state.test(error.message),
  );
}

async function all(
  session: Session,
  path: string,
  options: { readonly recursive?: boolean; readonly limit: number; readonly at?: string },
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const page of listPages(session, path, options)) entries.push(...page.entries);
  return entries;
}

async function proofOf(action: () => Promise<unknown>): Promise<Buffer> {
  bodies = [];
  await action();
  const [body] = bodies;
  assert(body !== undefined);
  return body;
}

test('whoever may see a part has it proven: paths, listings and whole trees, in pages of any size', async () => {
  for (const path of VISIBLE) {
    assert.deepEqual(await stat(proving, `/alice${path}`), await stat(plain, `/alice${path}`));
  }
  for (const path of ['', '/way', '/way/deep', '/open', '/open/below', '/empty']) {
    for (const limit of [1, 7, 1000]) {
      const options = { limit };
      const truth = await all(plain, `/alice${path}`, options);
      assert.deepEqual(await all(proving, `/alice${path}`, options), truth);
    }
  }
  const tree = { recursive: true, limit: 9 };
  const truth = await all(plain, '/alice', tree);
  assert(truth.length > 35);
  assert.deepEqual(await all(proving, '/alice', tree), truth);
});

test('that a name is not there is proven where all names may be seen, and nothing is said elsewhere', async () => {
  for (const path of ['/open/file-99', '/open/nothing/below', '/empty/x', '/open/below/xy']) {
    await isRefused(() => stat(proving, `/alice${path}`), ['not_found'], /as is proven/);
  }
  await isRefused(() => stat(proving, '/alice/open/file-1/x'), ['not_a_directory'], /as is proven/);
  for (const path of HIDDEN) await isRefused(() => stat(proving, `/alice${path}`), ['forbidden']);
});

test('a proof has no key, entry or node of anything outside the grants, now and in the past', async () => {
  await put('open/moved', 'for a while');
  const shown = await seqOf('open/moved');
  const query = { path: '/alice/open/moved' };
  const json = { op: 'rename', to: '/alice/secret/moved' };
  await ok(alice.send('PATCH', '/api/v1/files', { query, json }));
  bodies = [];
  const ask = async (options: { readonly at?: string }): Promise<Entry[]> => {
    for (const path of VISIBLE) await stat(proving, `/alice${path}`, options);
    return await all(proving, '/alice', { recursive: true, limit: 100, ...options });
  };
  const visible = [...(await ask({})), ...(await ask({ at: shown }))];
  assert(bodies.length > 30);
  const nodes = new Map(visible.map(({ path, node }) => [path, node]));
  const keys = visible.map(({ path, name }) => {
    const parent = path.slice(0, -name.length - 1);
    return Buffer.from(stateKey(nodes.get(parent) ?? 0, name));
  });
  for (const body of bodies) {
    const { nodes: proof, entries, view = new Uint8Array(0) } = decodeStateEvidence(body);
    for (const entry of entries) {
      const { parent, name } = decodeStateEntry(entry);
      assert(
        keys.some((key) => key.equals(stateKey(parent, name))),
        name,
      );
    }
    // Every node leads, by labels that are beginnings of visible keys, from the root that was signed.
    const left = new Map(
      proof.map((node) => [Buffer.from(hashStateNode(node)).toString('base64'), node]),
    );
    const visit = (path: Uint8Array, hash: string): void => {
      const node = left.get(hash);
      left.delete(hash);
      for (const child of node === undefined ? [] : decodeStateNode(node)) {
        const below = concatBytes([path, child.label]);
        assert(
          keys.some((key) => key.subarray(0, below.length).equals(below)),
          Buffer.from(below).toString('latin1'),
        );
        if (!child.isLeaf) visit(below, Buffer.from(child.hash).toString('base64'));
      }
    };
    const [, root = ''] = /^state (.*)$/m.exec(Buffer.from(view).toString()) ?? [];
    visit(new Uint8Array(0), root);
    assert.equal(left.size, 0);
  }
});

test('a moment of the past is proven as far as it may be seen', async () => {
  const before = await seqOf('open/file-29');
  await put('open/later', 'x');
  await ok(alice.send('DELETE', '/api/v1/files', { query: { path: '/alice/open/file-3' } }));
  for (const path of ['/open/file-3', '/open', '/way']) {
    const moment = { at: before };
    const truth = await stat(plain, `/alice${path}`, moment);
    assert.deepEqual(await stat(proving, `/alice${path}`, moment), truth);
  }
  const options = { recursive: true, limit: 5, at: before };
  assert.deepEqual(await all(proving, '/alice', options), await all(plain, '/alice', options));
  await isRefused(
    () => stat(proving, '/alice/open/later', { at: before }),
    ['not_found'],
    /proven/,
  );
});

test('a view of another directory, state or volume is refused, and so is none', async () => {
  const ask = (): Promise<Entry> => stat(proving, '/alice/open/file-1');
  const swapped = (other: Buffer) => (body: Buffer) => {
    const { view } = decodeStateEvidence(other);
    return encodeStateEvidence({ ...decodeStateEvidence(body), view });
  };
  // Another directory, of which all may be seen: it proves nothing of this one.
  const elsewhere = await proofOf(() => listPage(proving, '/alice/empty'));
  await isRefused(() => lying(() => elsewhere, ask), ['untrusted'], /says nothing of it/);
  await isRefused(() => lying(swapped(elsewhere), ask), ['untrusted'], /a node is missing/);
  const listing = (): Promise<unknown> => listPage(proving, '/alice/way/open');
  await isRefused(() => lying(() => elsewhere, listing), ['untrusted']);
  const none = (body: Buffer): Uint8Array =>
    encodeStateEvidence({ ...decodeStateEvidence(body), view: undefined });
  await isRefused(() => lying(none, ask), ['untrusted'], /a node is missing/);
  const earlier = await proofOf(ask);
  await mkdir('open/more');
  await isRefused(() => lying(swapped(earlier), ask), ['untrusted'], /of another state/);
  // A checkpoint is no view, though the same key has signed it.
  const checkpoint = (body: Buffer): Uint8Array => {
    const evidence = decodeStateEvidence(body);
    return encodeStateEvidence({ ...evidence, view: evidence.checkpoint.checkpoint });
  };
  await isRefused(() => lying(checkpoint, ask), ['untrusted'], /of another state/);
  assert(parseCheckpoint(decodeStateEvidence(await proofOf(ask)).checkpoint.checkpoint));
});

test('any flipped bit of a proof with a view is found, or changes nothing of the answer', async () => {
  const ask = (): Promise<Entry> => stat(proving, '/alice/open/file-12');
  const truth = await ask();
  const { length } = await proofOf(ask);
  let found = 0;
  for (let bit = 5; bit < length * 8; bit += 97) {
    const flip = (body: Buffer): Buffer => {
      body.writeUInt8(body.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      return body;
    };
    try {
      assert.deepEqual(await lying(flip, ask), truth);
    } catch (error) {
      assert(isGdpfsError(error, 'untrusted', 'corrupt'), String(error));
      found += 1;
    }
  }
  assert(found > (length * 8) / 97 - 8, `${found} of ${Math.floor((length * 8) / 97)} found`);
});

test('who was shown the whole of a volume is not content with a part of it, until trust is reset', async () => {
  const { ca, certificate = '', key = '' } = alice.options;
  await using session = openSession({ url: proxy.url, ca, certificate, key });
  const store = home.checkpoints;
  await home.saveProfile({
    url: proxy.url,
    ca,
    certificate,
    key,
    name: 'owner',
    principal: 'alice',
  });
  const profile = await home.profile('owner');
  const options = { session, home, profile, reference: 'alice' };
  const owning = provingSession(session, async () => await trustVolume(options));
  // The proxy asks with the certificate of bob.
  const asBob = (): Promise<Entry> => stat(owning, '/alice/open/file-1');
  await asBob();
  const { name } = await trustVolume(options);
  assert.deepEqual(
    [await store.hasSeenWhole(name, 'alice'), await store.hasSeenWhole(name, 'bob')],
    [false, false],
  );
  await using direct = openSession({ url: serverUrl, ca, certificate, key });
  const whole = provingSession(
    direct,
    async () => await trustVolume({ ...options, session: direct }),
  );
  await stat(whole, '/alice/secret/name');
  assert.equal(await store.hasSeenWhole(name, 'alice'), true);
  await isRefused(asBob, ['untrusted'], /proves a part of it only/);
  // Somebody else with the same folder of what was seen may see a part, as before.
  await stat(proving, '/alice/open/file-1');
  await store.forget(name);
  await asBob();
});
