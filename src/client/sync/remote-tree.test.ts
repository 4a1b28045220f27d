import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { TarEntry } from '../../wire/tar.ts';
import { encodeTar } from '../../wire/tar-writer.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { startTestClient, type TestClient, VOLUME } from '../../../test/support/session.ts';
import { listPages, makeDirectory, remove } from '../files.ts';
import type { Session } from '../session.ts';
import type { TreeEntry } from './action.ts';
import { listRemoteTree, type RemoteTree } from './remote-tree.ts';

let client: TestClient;

before(async () => {
  client = await startTestClient();
});

after(() => client[Symbol.asyncDispose]());

async function put(path: string, entries: readonly TarEntry[]): Promise<void> {
  const body = { type: MEDIA_TYPES.tar, bytes: encodeTar(entries) };
  const query = { path, parents: true };
  const request = { method: 'POST', route: '/api/v1/storage/files', query, body } as const;
  await client.session.request({ ...request, changes: true });
}

async function rowsOf({ pages }: RemoteTree): Promise<TreeEntry[]> {
  const rows: TreeEntry[] = [];
  for await (const page of pages) rows.push(...page);
  return rows;
}

type Answer = Awaited<ReturnType<Session['request']>>;

/** A session whose answers are changed on the way; `query` goes with each request. */
function changedSession(
  session: Session,
  change: (answer: Answer) => Answer,
  query: Record<string, number> = {},
): Session {
  return {
    ...session,
    url: session.url,
    request: async (request) =>
      change(await session.request({ ...request, query: { ...request.query, ...query } })),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The same from the listing in JSON. */
async function listed(path: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const { entries } of listPages(client.session, path, { recursive: true })) {
    for (const { path: whole, kind, size, mode, mtimeUs, target, etag } of entries) {
      rows.push({
        relative: whole.slice(path.length + 1),
        kind,
        size,
        mode,
        mtimeUs,
        target,
        etag,
      });
    }
  }
  return rows;
}

describe('listRemoteTree()', () => {
  test('tells what the listing in JSON tells, in the same order, over several pages', async () => {
    const common = { mode: 0o640, mtimeUs: -1_234_567 };
    const data = new Uint8Array(3);
    await put(`/${VOLUME}/tree`, [
      { ...common, kind: 'directory', path: 'a' },
      { ...common, kind: 'directory', path: 'a/empty' },
      { ...common, kind: 'file', path: 'a-b', data },
      { ...common, kind: 'file', path: 'a/x\ny', data: new Uint8Array(0) },
      { ...common, kind: 'symlink', path: '\u{1f600}', target: '../\ufffd' },
      { ...common, kind: 'file', path: '\ue000', data },
    ]);
    for (let start = 0; start <= LIMITS.listPageMax; start += LIMITS.tarFilesMax) {
      const names = [...Array(LIMITS.tarFilesMax).keys()].map((index) => `many/${start + index}`);
      await put(
        `/${VOLUME}/tree`,
        names.map((path) => ({ ...common, kind: 'directory', path })),
      );
    }
    const rows = await rowsOf(await listRemoteTree(client.session, `/${VOLUME}/tree`));
    assert(rows.length > LIMITS.listPageMax);
    const told = rows.map(({ content, ...row }) => ({
      ...row,
      target: row.target,
      etag: content && `sha256:${Buffer.from(content).toString('hex')}`,
    }));
    assert.deepEqual(told, await listed(`/${VOLUME}/tree`));
  });

  test('is of one state of the volume, whatever happens meanwhile', async () => {
    const path = `/${VOLUME}/state`;
    await makeDirectory(client.session, `${path}/before`, { parents: true });
    const tree = await listRemoteTree(client.session, path);
    await remove(client.session, `${path}/before`, { recursive: true });
    await makeDirectory(client.session, `${path}/after`);
    const relatives = async (listing: RemoteTree): Promise<string[]> => {
      return (await rowsOf(listing)).map(({ relative }) => relative);
    };
    assert.deepEqual(await relatives(tree), ['before']);
    const past = await listRemoteTree(client.session, path, { at: String(tree.seq) });
    assert.deepEqual(await relatives(past), ['before']);
    assert.deepEqual(await relatives(await listRemoteTree(client.session, path)), ['after']);
  });

  test('ends where nothing follows, be it behind a full page or with an empty one', async () => {
    const path = `/${VOLUME}/full`;
    const names = [...Array(LIMITS.firstNames).keys()].map(String);
    await put(
      path,
      names.map((name) => ({ kind: 'directory', path: name, mode: 0o755, mtimeUs: 0 })),
    );
    const rows = await rowsOf(await listRemoteTree(client.session, path));
    assert.deepEqual(rows.map(({ relative }) => relative).toSorted(), names.toSorted());
    let pages = 0;
    const cautious = changedSession(client.session, (answer) => {
      pages += 1;
      const last = '9999';
      return pages === 1
        ? { ...answer, headers: { ...answer.headers, 'gdpfs-cursor': last } }
        : answer;
    });
    assert.equal((await rowsOf(await listRemoteTree(cautious, path))).length, names.length);
    assert.equal(pages, 2);
  });

  test('throws if there is no directory', async () => {
    await assert.rejects(listRemoteTree(client.session, `/${VOLUME}/none`), (error) =>
      isGdpfsError(error, 'not_found'),
    );
  });

  test('refuses a server that does not keep the order', async () => {
    // The second page comes again and again.
    const reversed = changedSession(
      client.session,
      (answer) => ({ ...answer, headers: { ...answer.headers, 'gdpfs-cursor': 'a' } }),
      { limit: 1 },
    );
    const tree = await listRemoteTree(reversed, `/${VOLUME}/tree`);
    await assert.rejects(rowsOf(tree), (error) => isGdpfsError(error, 'corrupt'));
  });
});
