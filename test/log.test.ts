import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { change, makeDirectory, remove } from '../src/client/files.ts';
import { openHome } from '../src/client/home.ts';
import { type LogLine, readLog } from '../src/client/log.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { copy } from '../src/client/transfer.ts';
import { trustVolume, type TrustedVolume } from '../src/client/trust/volume-trust.ts';
import type { LogPage } from '../src/wire/generated/api.ts';
import { startServerHere, temporaryDirectory } from './support/server.ts';
import { openTestSession, type TestSession, VOLUME } from './support/session.ts';
import { startTamperingProxy, type TamperingProxy } from './support/tampering-proxy.ts';

let stack: AsyncDisposableStack;
let client: TestSession;
let proxy: TamperingProxy;
let session: Session;
let trusted: TrustedVolume;

before(async () => {
  stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await startServerHere(join(folder, 'data')));
  client = stack.use(await openTestSession(server));
  proxy = stack.use(await startTamperingProxy(server, client));
  session = stack.use(openSession({ ...client.identity, url: proxy.url }));
  const home = openHome(join(folder, 'home'));
  await home.saveProfile({ ...client.identity, name: 'default', principal: 'admin' });
  const profile = await home.profile();
  trusted = await trustVolume({ session, home, profile, reference: VOLUME });
  await writeFile(join(folder, 'file'), 'hello');
  const source = { kind: 'local', path: join(folder, 'file') } as const;
  const remote = { volume: VOLUME, path: 'a/file' };
  await makeDirectory(client.session, `/${VOLUME}/a`);
  const destination = { kind: 'remote', session: client.session, remote } as const;
  await copy({ sources: [source], destination });
  await change(client.session, `/${VOLUME}/a/file`, { op: 'rename', to: `/${VOLUME}/b` });
  await makeDirectory(client.session, `/${VOLUME}/a/deep`);
  await remove(client.session, `/${VOLUME}/a`, { recursive: true });
  for (let index = 0; index < 70; index += 1) {
    await makeDirectory(client.session, `/${VOLUME}/many-${index}`);
  }
});
after(() => stack.disposeAsync());

async function linesOf(path: string, limit = Infinity): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of readLog(session, trusted, { path })) {
    lines.push(line);
    if (lines.length === limit) break;
  }
  return lines;
}

/** Has the proxy change each page of the log. */
function tamper(change: (page: LogPage) => void): void {
  proxy.tamper = ({ url, body }) => {
    if (!url.pathname.endsWith('/log')) return body;
    const page = JSON.parse(body.toString()) as LogPage;
    change(page);
    return Buffer.from(JSON.stringify(page));
  };
}

test('the log has every change of a volume, the newest first, over several pages', async () => {
  proxy.tamper = ({ body }) => body;
  const lines = await linesOf('');
  const last = lines[0]?.seq ?? 0;
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    Array.from({ length: last + 1 }, (_, index) => last - index),
  );
  assert(lines.every(({ signature, epoch }) => signature === 'signed' && epoch === 1));
  const oldest = lines.toReversed().map(({ change: what, path }) => `${what} ${path}`);
  assert.deepEqual(oldest.slice(0, 7), [
    'volume ',
    'policy ',
    'created a',
    'created a/file',
    'changed b',
    'created a/deep',
    'removed a',
  ]);
  assert(lines.slice(0, -2).every(({ author, timeMs }) => author === 'admin' && timeMs > 0));
});

test('the log of a path has what is below it, and follows its node through renames', async () => {
  proxy.tamper = ({ body }) => body;
  const changes = async (path: string) => (await linesOf(path)).map(({ path: at }) => at);
  assert.deepEqual(await changes('a'), ['a', 'a/deep', 'a/file', 'a']);
  assert.deepEqual(await changes('b'), ['b', 'a/file']);
  assert.deepEqual(await changes('nothing'), []);
});

test('a record that was altered, moved or invented is not taken for one of the log', async () => {
  const lies: readonly ((page: LogPage) => void)[] = [
    ({ entries: [first] }) => {
      const record = Buffer.from(first?.record ?? '', 'base64');
      record.writeUInt8(record.readUInt8(record.length - 1) ^ 1, record.length - 1);
      if (first !== undefined) first.record = record.toString('base64');
    },
    ({ entries: [first] }) => {
      if (first !== undefined) first.seq -= 1;
    },
    ({ entries: [first, second] }) => {
      if (first !== undefined && second !== undefined) first.inclusion = second.inclusion;
    },
    ({ entries: [first] }) => void first?.inclusion.pop(),
    ({ entries: [first] }) => void first?.inclusion.push(...first.inclusion),
    (page) => {
      page.proof.checkpoint = page.commits.at(-1) ?? '';
    },
  ];
  for (const lie of lies) {
    tamper(lie);
    await assert.rejects(linesOf('', 1), (error) => isGdpfsError(error, 'untrusted'));
  }
});

test('a time that nobody signed is not shown as signed', async () => {
  tamper((page) => {
    page.commits = page.commits.map((note) => note.replace(/^time \d+$/m, 'time 5'));
  });
  const [line] = await linesOf('', 1);
  assert.deepEqual([line?.signature, line?.timeMs], ['in log', 5]);
});
