import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { pinnedSession } from './pinned-session.ts';
import type { ApiRequest, Session } from './session.ts';
import type { TrustedVolume } from './trust/volume-trust.ts';

const FILES = '/api/v1/files';
const SNAPSHOTS = [
  { name: 'v1.0', seq: 7, createdMs: 1 },
  { name: 'v1.1', seq: 9, createdMs: 1 },
];

/** What is asked of the server, and of which volumes it was shown what they are. */
async function sent(request: ApiRequest): Promise<{ asked: ApiRequest; shown: string[] }> {
  const shown: string[] = [];
  let asked: ApiRequest | undefined;
  const server = {
    request: (received: ApiRequest) => {
      asked = received;
      return Promise.resolve({ headers: {}, body: new Uint8Array(0), bodyBytes: 0 });
    },
  } as unknown as Session;
  const trusted = { checkpoint: { snapshots: SNAPSHOTS } } as unknown as TrustedVolume;
  await pinnedSession(server, (volume) => {
    shown.push(volume);
    return Promise.resolve(trusted);
  }).request(request);
  assert(asked);
  return { asked, shown };
}

describe('pinnedSession()', () => {
  it('asks for the seq that a name stands for, in a path or as a moment', async () => {
    const questions: readonly (readonly [object, object])[] = [
      [{ path: '/v@v1.0/d/f' }, { path: '/v/d/f', at: '7' }],
      [{ path: '/v@v1.1' }, { path: '/v', at: '9' }],
      [
        { path: '/v/d/f', at: 'v1.0' },
        { path: '/v/d/f', at: '7' },
      ],
      [
        { path: '/v@v1.0/d', at: 'v1.0' },
        { path: '/v/d', at: '7' },
      ],
      [
        { path: '/v@v1.0/d', at: '7', cursor: 'x' },
        { path: '/v/d', at: '7', cursor: 'x' },
      ],
      [{ path: '/v@7/d' }, { path: '/v/d', at: '7' }],
      [{ path: '/v@v1.0/d@x/@' }, { path: '/v/d@x/@', at: '7' }],
    ];
    for (const route of [FILES, '/api/v1/file/chunks', '/api/v1/storage/files']) {
      for (const [query, expected] of questions) {
        const { asked } = await sent({ method: 'GET', route, query });
        assert.deepEqual(asked.query, expected);
      }
    }
    const tar = { method: 'POST', route: '/api/v1/storage/tar', json: {} } as const;
    const { asked } = await sent({ ...tar, query: { path: '/v@v1.0/d' } });
    assert.deepEqual(asked.query, { path: '/v/d', at: '7' });
  });

  it('hands on what names no snapshot as it is, and asks nobody what its volume is', async () => {
    const requests: readonly ApiRequest[] = [
      { method: 'GET', route: FILES, query: { path: '/v/a@v1.0/f', at: '7' } },
      { method: 'GET', route: FILES, query: { path: '/v', at: '2026-11-20T12:00:00Z' } },
      { method: 'GET', route: '/api/v1/volumes/v/log', query: { path: 'a@v1.0/f' } },
      { method: 'GET', route: '/api/v1/volumes' },
      { method: 'DELETE', route: FILES, query: { path: '/v/a@v1.0' } },
      { method: 'PATCH', route: FILES, query: { path: '/v/a' }, json: { op: 'copy', to: '/v/b' } },
      { method: 'POST', route: FILES, json: { path: '/v/a@v1.0', kind: 'directory' } },
    ];
    for (const request of requests) {
      const { asked, shown } = await sent(request);
      assert.equal(asked, request);
      assert.deepEqual(shown, []);
    }
  });

  it('copies and restores from a snapshot', async () => {
    const patch = (path: string, json: object): ApiRequest => ({
      method: 'PATCH',
      route: FILES,
      query: { path },
      json,
    });
    const copy = { op: 'copy', to: '/v/b' };
    for (const request of [
      patch('/v@v1.0/a', copy),
      patch('/v/a', { ...copy, at: 'v1.0' }),
      patch('/v@v1.0/a', { ...copy, at: '7' }),
    ]) {
      const { asked } = await sent(request);
      assert.deepEqual([asked.query, asked.json], [{ path: '/v/a' }, { ...copy, at: '7' }]);
    }
    const restore = await sent(patch('/v/a', { op: 'restore', at: 'v1.1' }));
    assert.deepEqual(restore.asked.json, { op: 'restore', at: '9' });
    const changes = [{ op: 'copy', path: 'b', from: 'a' }];
    const set = { method: 'POST', route: `${FILES}/changes`, query: { path: '/v/d' } } as const;
    for (const from of [
      { copiesFrom: '/v@v1.0/e' },
      { copiesFrom: '/v/e', at: 'v1.0' },
      { copiesFrom: '/v@v1.0/e', at: '7' },
    ]) {
      const { asked } = await sent({ ...set, json: { ...from, changes } });
      assert.deepEqual(asked.json, { copiesFrom: '/v/e', at: '7', changes });
    }
    const own = await sent({ ...set, json: { at: 'v1.0', changes } });
    assert.deepEqual(own.asked.json, { at: '7', changes });
  });

  it('refuses to change what is in a snapshot', async () => {
    const query = { path: '/v@v1.0/a' };
    const body = { type: 'x', bytes: new Uint8Array(1) };
    const requests: readonly ApiRequest[] = [
      { method: 'DELETE', route: FILES, query },
      { method: 'POST', route: '/api/v1/storage/files', query, body },
      { method: 'PATCH', route: FILES, query, body },
      { method: 'PATCH', route: FILES, query, json: { op: 'rename', to: '/v/b' } },
      { method: 'PATCH', route: FILES, query, json: { op: 'restore', at: '7' } },
      {
        method: 'PATCH',
        route: FILES,
        query: { path: '/v/b' },
        json: { op: 'copy', to: query.path },
      },
      { method: 'POST', route: FILES, json: { ...query, kind: 'upload' } },
      { method: 'POST', route: `${FILES}/changes`, query, json: { changes: [] } },
      {
        method: 'POST',
        route: `${FILES}/changes`,
        query,
        json: { copiesFrom: '/v/b', changes: [] },
      },
    ];
    for (const request of requests) {
      await assert.rejects(
        sent(request),
        (error) =>
          isGdpfsError(error, 'read_only') &&
          /"gdp:\/\/v@v1\.0\/a": .*need "gdp:\/\/v\/a"$/.test(error.message),
      );
    }
  });

  it('refuses a moment beside a path in another snapshot', async () => {
    const query = { path: '/v@v1.0/a', at: 'v1.1' };
    await assert.rejects(
      sent({ method: 'GET', route: FILES, query }),
      (error) =>
        isGdpfsError(error, 'usage') && /after record 7, and that at "v1.1"/.test(error.message),
    );
  });
});
