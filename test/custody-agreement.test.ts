import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { fc } from './support/property.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import { encodeRecords } from '../src/format/commit.ts';
import { writeFile } from '../src/client/write.ts';
import { verifyVolume } from '../src/client/verify.ts';
import { type ApiRequest, jsonOf } from '../src/client/session.ts';
import type { Upload } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import { commitOf, type FilePlan, framesOf, planAppend, planFile } from './support/file-plan.ts';
import { createOwn, openWriter, type OwnVolume, type Writer } from './support/own-volume.ts';
import { startServerHere } from './support/server.ts';
import { startTestClient, type TestClient } from './support/session.ts';

/** What the client expects of a change is what the server makes of it, for any change of any tree. */

let stack: AsyncDisposableStack;
let client: TestClient;
let own: OwnVolume;
let writer: Writer;

before(async () => {
  stack = new AsyncDisposableStack();
  // What is refused here, after it was prepared there, is not waited for.
  client = stack.use(await startTestClient((data) => startServerHere(data, { turnMs: 2 })));
  own = await createOwn(client, 'own');
  writer = stack.use(openWriter(client, own));
});
after(() => stack.disposeAsync());

const FILES = '/api/v1/files';
const NAMES = ['a', 'é'];
const PATH = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));
const ATTRIBUTES = fc.record(
  { mode: fc.integer({ min: 0, max: 0o7777 }), mtimeUs: fc.integer() },
  { requiredKeys: [] },
);

const at = (path: string): string => `/own/${path}`;
const request = (method: ApiRequest['method'], rest: Partial<ApiRequest>): ApiRequest => ({
  method,
  route: FILES,
  changes: true,
  ...rest,
});

const CREATION = fc.record({
  path: PATH,
  body: fc.oneof(
    fc.constant({ kind: 'directory' }),
    fc.constant({ kind: 'symlink', target: 'x' }),
    fc.record({ kind: fc.constant('file'), size: fc.constantFrom(0, 5) }),
  ),
  parents: fc.constantFrom(true, true, true, false),
  attributes: ATTRIBUTES,
  ifAbsent: fc.constantFrom(false, false, true),
});

function entryOf(path: string, kind: 'file' | 'directory' | 'symlink', mtimeUs: number) {
  const base = { path, mode: 0o640, mtimeUs };
  if (kind === 'directory') return { ...base, kind };
  if (kind === 'symlink') return { ...base, kind, target: 'y' };
  const data = new Uint8Array(Buffer.from(`${path} ${mtimeUs % 3}`));
  const digest = new Uint8Array(createHash('sha256').update(data).digest());
  return { ...base, kind, data, ...(mtimeUs % 2 === 0 ? { digest } : {}) };
}

const CHANGE: fc.Arbitrary<ApiRequest> = fc.oneof(
  CREATION.map(({ path, body, parents, attributes, ifAbsent }) =>
    request('POST', { json: { path: at(path), parents, ...body, ...attributes }, ifAbsent }),
  ),
  fc
    .tuple(PATH, PATH, fc.boolean())
    .map(([path, to, ifAbsent]) =>
      request('PATCH', { query: { path: at(path) }, json: { op: 'rename', to: at(to) }, ifAbsent }),
    ),
  fc.tuple(PATH, PATH, fc.boolean()).map(([path, to, recursive]) =>
    request('PATCH', {
      query: { path: at(path) },
      json: { op: 'copy', to: at(to), recursive },
    }),
  ),
  fc.tuple(PATH, PATH, fc.nat(80), fc.boolean()).map(([path, to, seq, recursive]) =>
    request('PATCH', {
      query: { path: at(path) },
      json: { op: 'copy', to: at(to), recursive, at: String(seq) },
    }),
  ),
  fc
    .tuple(PATH, fc.nat(80))
    .map(([path, seq]) =>
      request('PATCH', { query: { path: at(path) }, json: { op: 'restore', at: String(seq) } }),
    ),
  fc
    .tuple(PATH, fc.constantFrom(0, 1, 3, 9))
    .map(([path, size]) =>
      request('PATCH', { query: { path: at(path) }, json: { op: 'truncate', size } }),
    ),
  fc
    .tuple(PATH, ATTRIBUTES)
    .map(([path, attributes]) =>
      request('PATCH', { query: { path: at(path) }, json: { op: 'set', ...attributes } }),
    ),
  fc
    .tuple(PATH, fc.boolean())
    .map(([path, recursive]) => request('DELETE', { query: { path: at(path), recursive } })),
  fc
    .array(
      fc.oneof(
        PATH.map((path) => ({ op: 'remove', path })),
        fc
          .tuple(PATH, ATTRIBUTES)
          .map(([path, attributes]) => ({ op: 'set', path, ...attributes })),
        fc.tuple(PATH, PATH).map(([path, to]) => ({ op: 'copy', path, to })),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((changes) =>
      request('POST', { route: `${FILES}/changes`, query: { path: '/own' }, json: { changes } }),
    ),
  fc
    .uniqueArray(
      fc.tuple(PATH, fc.constantFrom('file', 'file', 'directory', 'symlink'), fc.nat(5)),
      { minLength: 1, maxLength: 6, selector: ([path]) => path },
    )
    .map((entries) =>
      request('POST', {
        route: '/api/v1/storage/files',
        query: { path: '/own' },
        body: {
          type: MEDIA_TYPES.tar,
          bytes: encodeTar(entries.map(([path, kind, time]) => entryOf(path, kind, time))),
        },
      }),
    ),
);

test('the client agrees with the server on every change that the server makes, and on the root after it', async () => {
  let made = 0;
  const property = fc.asyncProperty(
    fc.array(CHANGE, { minLength: 10, maxLength: 20 }),
    async (all) => {
      for (const one of all) {
        try {
          await writer.session.request(one);
          made += 1;
        } catch (error) {
          // What the server refuses is no disagreement.
          const isRefused =
            isGdpfsError(error) && error.code !== 'untrusted' && error.code !== 'usage';
          if (!isRefused) throw error;
        }
      }
    },
  );
  await fc.assert(property, { numRuns: 40 });
  assert(made > 60, `${made} changes were made`);
  const report = await verifyVolume(client.session, { volume: 'own', data: true });
  assert.deepEqual(report.problems, []);
});

test('files of many chunks are the same for both, cut in either way', async () => {
  for (const chunking of ['fixed', 'cdc'] as const) {
    const volume = await createOwn(client, `with-${chunking}`, chunking);
    await using other = openWriter(client, volume);
    const bytes = new Uint8Array(randomBytes(1_500_000));
    await writeFile(other.session, `/with-${chunking}/large`, bytes);
    await other.session.request(
      request('POST', {
        route: '/api/v1/storage/files',
        query: { path: `/with-${chunking}` },
        body: {
          type: MEDIA_TYPES.tar,
          bytes: encodeTar([
            {
              kind: 'file',
              path: 'cut',
              mode: 0o600,
              mtimeUs: 5,
              data: bytes.subarray(0, 1_100_000),
            },
          ]),
        },
      }),
    );
    const report = await verifyVolume(client.session, { volume: volume.alias, data: true });
    assert.deepEqual(report.problems, []);
    assert.equal(report.files, 2);
  }
});

async function appendTo(path: string, plan: FilePlan, bytes: Uint8Array): Promise<FilePlan> {
  const longer = planAppend(plan, bytes, 1000);
  const { session } = writer;
  const size = longer.bytes.length;
  const json = { path: at(path), kind: 'append', content: plan.content, size };
  const { upload } = jsonOf<Upload>(await session.request(request('POST', { json })));
  const added = longer.chunks.slice(plan.chunks.length);
  const frames = framesOf(longer, added);
  await session.request({
    method: 'POST',
    route: '/api/v1/storage/file/chunks',
    query: { upload },
    body: { type: MEDIA_TYPES.chunks, bytes: frames },
  });
  const { root: _, ...query } = commitOf(longer, { path: at(path), upload }).query;
  const body = { type: MEDIA_TYPES.records, bytes: encodeRecords(longer.records) };
  await session.request(request('PATCH', { query, body }));
  return { ...longer, records: [...plan.records, ...longer.records] };
}

test('appends go on where the file is, in its log, or in one of its own where that has gone another way', async () => {
  const bytes = new Uint8Array(randomBytes(2500));
  const plan = planFile(bytes, 1000);
  const { session } = writer;
  const json = { path: at('log'), kind: 'upload', size: bytes.length };
  const { upload } = jsonOf<Upload>(await session.request(request('POST', { json })));
  const body = { type: MEDIA_TYPES.chunks, bytes: framesOf(plan) };
  const route = '/api/v1/storage/file/chunks';
  await session.request({ method: 'POST', route, query: { upload }, body });
  const commit = commitOf(plan, { path: at('log'), upload });
  const records = { type: commit.type, bytes: commit.body };
  await session.request(request('PATCH', { query: commit.query, body: records }));
  const longer = await appendTo('log', plan, new Uint8Array(randomBytes(1500)));
  const copy = { op: 'copy', to: at('branch') };
  await session.request(request('PATCH', { query: { path: at('log') }, json: copy }));
  const more = await appendTo('log', longer, new Uint8Array(randomBytes(10)));
  const other = await appendTo('branch', longer, new Uint8Array(randomBytes(20)));
  assert.deepEqual(await readWhole('log'), more.bytes);
  assert.deepEqual(await readWhole('branch'), other.bytes);
  const report = await verifyVolume(client.session, { volume: 'own', data: true });
  assert.deepEqual(report.problems, []);
});

async function readWhole(path: string): Promise<Uint8Array> {
  const query = { path: at(path) };
  const accept = MEDIA_TYPES.bytes;
  const answer = await writer.session.request({
    method: 'GET',
    route: '/api/v1/storage/files',
    query,
    accept,
  });
  return answer.body;
}
