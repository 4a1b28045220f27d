import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { LIMITS } from '../src/base/limits.ts';
import type { HttpClient, HttpRequest } from './support/http-client.ts';
import { type TestServer } from './support/server.ts';
import { startWithUsers } from './support/users.ts';
import { assertProblem, assertRefused } from './support/volume-state.ts';

let stack: AsyncDisposableStack;
let server: TestServer;
let admin: HttpClient;
let alice: HttpClient;
let upload = '';

before(async () => {
  stack = new AsyncDisposableStack();
  ({ server, admin, alice } = stack.use(await startWithUsers(['alice'])));
  await alice.send('POST', '/api/v1/files', { json: { path: '/alice/d', kind: 'directory' } });
  await alice.send('POST', '/api/v1/files', {
    json: { path: '/alice/f', kind: 'file', size: 100 },
  });
  await alice.send('POST', '/api/v1/files', {
    json: { path: '/alice/l', kind: 'symlink', target: 'f' },
  });
  const json = { path: '/alice/u', kind: 'upload', size: 100 };
  const opened = await alice.send('POST', '/api/v1/files', { json });
  ({ upload } = opened.json as { upload: string });
});
after(() => stack.disposeAsync());

const NAME_256 = 'n'.repeat(256);
const FILES = '/api/v1/files';
const STORAGE = '/api/v1/storage/files';
const one = new Uint8Array(1);
const digest = `sha256:${'0'.repeat(64)}`;

interface Row {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly request: HttpRequest | (() => HttpRequest);
  readonly code: string;
  readonly status: number;
}

function row(
  what: string,
  [method, path]: readonly [string, string],
  request: Row['request'],
  [code, status]: readonly [string, number],
): Row {
  return { what, method, path, request, code, status };
}

const badRequest = ['bad_request', 400] as const;
const notFound = ['not_found', 404] as const;
const at = (path: string) => ({ query: { path } });
const json = (value: unknown) => ({ json: value });
const records = 'application/vnd.gdpfs.records';
const commit = { path: '/alice/u', size: 100, root: digest, content: digest };

const ROWS: readonly Row[] = [
  // Names
  row('an unknown volume', ['GET', FILES], at('/nobody'), ['forbidden', 403]),
  row('an impossible volume', ['GET', FILES], at('/No_Volume'), badRequest),
  row('a relative path', ['GET', FILES], at('alice/f'), badRequest),
  row('an unknown path', ['GET', FILES], at('/alice/nothing'), notFound),
  row('a path below a file', ['GET', FILES], at('/alice/f/x'), ['not_a_directory', 409]),
  row('a path with ".."', ['GET', FILES], at('/alice/d/../f'), badRequest),
  row('a path with an empty name', ['GET', FILES], at('/alice/d//f'), badRequest),
  row('a path with NUL', ['GET', FILES], at('/alice/a\0b'), badRequest),
  row('a long name', ['POST', FILES], json({ path: `/alice/${NAME_256}`, kind: 'file' }), [
    'name_too_long',
    400,
  ]),
  row(
    'a lone surrogate',
    ['POST', FILES],
    json({ path: '/alice/\ud800', kind: 'file' }),
    badRequest,
  ),
  row('a moment to come', ['GET', FILES], { query: { path: '/alice', at: 99_999 } }, badRequest),

  // Queries and bodies
  row('an unknown parameter', ['GET', FILES], { query: { path: '/alice', x: 1 } }, badRequest),
  row('a listing of a file', ['GET', FILES], { query: { path: '/alice/f', list: 'children' } }, [
    'not_a_directory',
    409,
  ]),
  row('a limit without list', ['GET', FILES], { query: { path: '/alice', limit: 1 } }, badRequest),
  row('a body where none belongs', ['DELETE', FILES], { ...at('/alice/f'), body: one }, badRequest),
  row(
    'an unknown field',
    ['POST', FILES],
    json({ path: '/alice/x', kind: 'file', x: 1 }),
    badRequest,
  ),
  row('an unknown kind', ['POST', FILES], json({ path: '/alice/x', kind: 'fifo' }), badRequest),
  row('no JSON', ['POST', FILES], { body: Buffer.from('{'), type: 'application/json' }, badRequest),
  row(
    'JSON that is not UTF-8',
    ['POST', FILES],
    {
      body: Buffer.from('{"path":"/alice/\xff","kind":"file"}', 'latin1'),
      type: 'application/json',
    },
    badRequest,
  ),
  row('another media type', ['POST', FILES], { body: one, type: 'text/plain' }, [
    'unsupported_media_type',
    415,
  ]),
  row('a form', ['POST', STORAGE], { ...at('/alice/x'), body: one, type: 'multipart/form-data' }, [
    'unsupported_media_type',
    415,
  ]),
  row(
    'JSON that is too long',
    ['POST', FILES],
    () => json({ path: `/alice/${'x'.repeat(LIMITS.jsonBodyBytesMax)}`, kind: 'file' }),
    ['body_too_large', 413],
  ),
  row(
    'JSON that is too long and does not say how long',
    ['POST', FILES],
    () => ({ body: pieces(LIMITS.jsonBodyBytesMax + 1), type: 'application/json' }),
    ['body_too_large', 413],
  ),
  row(
    'a tar that is too long',
    ['POST', STORAGE],
    () => ({
      ...at('/alice/d'),
      body: pieces(LIMITS.tarBodyBytesMax + 1),
      type: 'application/x-tar',
    }),
    ['body_too_large', 413],
  ),
  row(
    'a bad Idempotency-Key',
    ['DELETE', FILES],
    { ...at('/alice/f'), headers: { 'idempotency-key': 'a b' } },
    badRequest,
  ),

  // Changes
  row('a directory that exists', ['POST', FILES], json({ path: '/alice/d', kind: 'directory' }), [
    'exists',
    409,
  ]),
  row('a file at a directory', ['POST', FILES], json({ path: '/alice/d', kind: 'file' }), [
    'is_a_directory',
    409,
  ]),
  row(
    'a file in a missing directory',
    ['POST', FILES],
    json({ path: '/alice/x/y', kind: 'file' }),
    notFound,
  ),
  row(
    'a whole file in a missing directory',
    ['POST', STORAGE],
    { ...at('/alice/x/y'), body: one },
    notFound,
  ),
  row('a whole file at a directory', ['POST', STORAGE], { ...at('/alice/d'), body: one }, [
    'is_a_directory',
    409,
  ]),
  row('a whole file at the root', ['POST', STORAGE], { ...at('/alice'), body: one }, [
    'is_a_directory',
    409,
  ]),
  row(
    'a link without target',
    ['POST', FILES],
    json({ path: '/alice/m', kind: 'symlink', target: '' }),
    badRequest,
  ),
  row(
    'a removal of the root',
    ['DELETE', FILES],
    { query: { path: '/alice', recursive: true } },
    badRequest,
  ),
  row('a removal of nothing', ['DELETE', FILES], at('/alice/nothing'), notFound),
  row(
    'a removal of another kind',
    ['DELETE', FILES],
    { query: { path: '/alice/f', only: 'directory' } },
    ['not_a_directory', 409],
  ),
  row(
    'a rename into another volume',
    ['PATCH', FILES],
    { ...at('/alice/f'), ...json({ op: 'rename', to: '/nobody/f' }) },
    ['forbidden', 403],
  ),
  row(
    'a directory moved into itself',
    ['PATCH', FILES],
    { ...at('/alice/d'), ...json({ op: 'rename', to: '/alice/d/e' }) },
    badRequest,
  ),
  row(
    'a copy of a directory that is not recursive',
    ['PATCH', FILES],
    { ...at('/alice/d'), ...json({ op: 'copy', to: '/alice/e' }) },
    ['is_a_directory', 409],
  ),
  row(
    'a truncation of a directory',
    ['PATCH', FILES],
    { ...at('/alice/d'), ...json({ op: 'truncate', size: 0 }) },
    ['is_a_directory', 409],
  ),
  row(
    'commit parameters with JSON',
    ['PATCH', FILES],
    { query: { path: '/alice/f', mode: 0 }, ...json({ op: 'set', mode: 0 }) },
    badRequest,
  ),

  // Preconditions
  row(
    'If-Match with another ETag',
    ['DELETE', FILES],
    { ...at('/alice/f'), headers: { 'if-match': `"${digest}"` } },
    ['changed', 412],
  ),
  row(
    'If-Match of a form that is no ETag',
    ['DELETE', FILES],
    { ...at('/alice/f'), headers: { 'if-match': 'x' } },
    badRequest,
  ),
  row(
    'If-None-Match at a file',
    ['POST', STORAGE],
    { ...at('/alice/f'), body: one, headers: { 'if-none-match': '*' } },
    ['exists', 409],
  ),
  row(
    'If-None-Match at a file, with JSON',
    ['POST', FILES],
    { ...json({ path: '/alice/f', kind: 'file' }), headers: { 'if-none-match': '*' } },
    ['exists', 409],
  ),
  row(
    'If-None-Match with an ETag, for a change',
    ['POST', FILES],
    { ...json({ path: '/alice/x', kind: 'file' }), headers: { 'if-none-match': `"${digest}"` } },
    badRequest,
  ),
  row(
    'If-Match with another ETag, for a whole file',
    ['POST', STORAGE],
    { ...at('/alice/f'), body: one, headers: { 'if-match': `"${digest}"` } },
    ['changed', 412],
  ),

  // Reads
  row('bytes of a directory', ['GET', STORAGE], at('/alice/d'), ['is_a_directory', 409]),
  row('bytes of a link', ['GET', STORAGE], at('/alice/l'), ['not_a_file', 409]),
  row('a tar of a file', ['GET', STORAGE], { query: { path: '/alice/f', format: 'tar' } }, [
    'not_a_directory',
    409,
  ]),
  row(
    'tar parameters for a file',
    ['GET', STORAGE],
    { query: { path: '/alice/f', limit: 1 } },
    badRequest,
  ),
  row(
    'a tar page without maxFileSize',
    ['GET', STORAGE],
    { query: { path: '/alice', format: 'tar', limit: 1 } },
    badRequest,
  ),
  row('chunks of a directory', ['GET', '/api/v1/file/chunks'], at('/alice/d'), [
    'is_a_directory',
    409,
  ]),
  row('chunks of nothing', ['GET', '/api/v1/file/chunks'], {}, badRequest),
  row(
    'frames of ranges beyond the file',
    ['GET', '/api/v1/storage/file/chunks'],
    { query: { path: '/alice/f', ranges: '0:101' } },
    ['bad_range', 416],
  ),
  row(
    'frames of another content',
    ['GET', '/api/v1/storage/file/chunks'],
    { query: { path: '/alice/f', ranges: '0:1' }, headers: { 'if-match': `"${digest}"` } },
    ['changed', 412],
  ),

  // Uploads
  row(
    'an upload at a directory',
    ['POST', FILES],
    json({ path: '/alice/d', kind: 'upload', size: 1 }),
    ['is_a_directory', 409],
  ),
  row(
    'an upload of too many chunks',
    ['POST', FILES],
    json({ path: '/alice/x', kind: 'upload', size: 1e12, chunkSize: 1 }),
    badRequest,
  ),
  row(
    'an append to another content',
    ['POST', FILES],
    json({ path: '/alice/f', kind: 'append', size: 200, content: digest }),
    ['changed', 412],
  ),
  row(
    'an append to nothing',
    ['POST', FILES],
    json({ path: '/alice/nothing', kind: 'append', size: 200, content: digest }),
    notFound,
  ),
  row(
    'chunks into an unknown upload',
    ['POST', '/api/v1/storage/file/chunks'],
    { query: { upload: 'x' }, body: one, type: 'application/vnd.gdpfs.chunks' },
    ['upload_not_found', 404],
  ),
  row(
    'digests of a wrong length',
    ['POST', '/api/v1/file/chunks'],
    () => ({ query: { upload }, body: new Uint8Array(33), type: 'application/vnd.gdpfs.digests' }),
    badRequest,
  ),
  row(
    'too many digests',
    ['POST', '/api/v1/file/chunks'],
    () => ({
      query: { upload },
      body: new Uint8Array(32 * (LIMITS.missingDigestsMax + 1)),
      type: 'application/vnd.gdpfs.digests',
    }),
    ['body_too_large', 413],
  ),
  row(
    'a commit without its parameters',
    ['PATCH', FILES],
    { ...at('/alice/u'), body: one, type: records },
    badRequest,
  ),
  row(
    'a commit of an unknown upload',
    ['PATCH', FILES],
    { query: { ...commit, upload: 'x' }, body: one, type: records },
    ['upload_not_found', 404],
  ),
  row(
    'a commit of an unknown upload with an Idempotency-Key',
    ['PATCH', FILES],
    {
      query: { ...commit, upload: 'x' },
      body: one,
      type: records,
      headers: { 'idempotency-key': 'never-seen' },
    },
    ['upload_not_found', 404],
  ),
  row(
    'a commit of an upload for another path',
    ['PATCH', FILES],
    () => ({ query: { ...commit, upload, path: '/alice/x' }, body: one, type: records }),
    badRequest,
  ),
  row(
    'a commit of records that are cut',
    ['PATCH', FILES],
    () => ({ query: { ...commit, upload }, body: new Uint8Array(3), type: records }),
    badRequest,
  ),
  row(
    'a commit of records that are none',
    ['PATCH', FILES],
    () => ({ query: { ...commit, upload }, body: Buffer.from('\0\0\0\x02ab'), type: records }),
    badRequest,
  ),
];

for (const { what, method, path, request, code, status } of ROWS) {
  test(`${method} ${path}: ${what} is refused with ${code}`, async () => {
    await assertRefused(alice, { volume: 'alice', code, status }, () =>
      alice.send(method, path, typeof request === 'function' ? request() : request),
    );
  });
}

test('a repeated parameter is refused', async () => {
  const answer = await alice.send('GET', `${FILES}?path=/alice&path=/alice/f`);
  assertProblem(answer, { code: 'bad_request', status: 400 });
});

test('a path that is not UTF-8 is refused, not repaired', async () => {
  const answer = await alice.send('GET', `${FILES}?path=/alice/%ff`);
  assertProblem(answer, { code: 'bad_request', status: 400 });
});

test('a volume that exists, or of a kind that is not supported yet, is refused', async () => {
  for (const [body, code] of [
    [{ name: 'alice' }, 'exists'],
    [{ name: 'other', custody: 'client' }, 'bad_request'],
    [{ name: 'UPPER' }, 'bad_request'],
    [{ name: 'x'.repeat(33) }, 'bad_request'],
  ] as const) {
    assert.equal((await admin.send('POST', '/api/v1/volumes', { json: body })).code, code);
  }
});

test('the connection can be used again after a refusal that read the whole body', async () => {
  const { port } = new URL(server.url);
  const bad = JSON.stringify({ path: '/alice/x', kind: 'fifo' });
  const answer = await raw(
    `POST ${FILES} HTTP/1.1\r\nHost: x:${port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${bad.length}\r\n\r\n${bad}` +
      `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1.1 400 [^]*HTTP\/1.1 200 OK/);
});

test('a refusal of a request without a body does not end the connection for those behind it', async () => {
  const missing = `GET ${FILES}?path=%2Falice%2Fnone HTTP/1.1\r\nHost: x\r\n\r\n`;
  const last = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const answer = await raw(missing + missing + last);
  assert.match(answer, /^HTTP\/1.1 404 [^]*HTTP\/1.1 404 [^]*HTTP\/1.1 200 OK/);
});

test('a body that is far too long gets its answer before it has been sent, and the connection ends', async () => {
  const head =
    `POST ${FILES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
    'Content-Length: 99999999999\r\n\r\n';
  const answer = await raw(head + 'x'.repeat(100_000));
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.match(answer, /connection: close/i);
});

for (const [what, request] of [
  ['a head that is too long', `GET /healthz HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  ['what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
] as const) {
  test(`${what} gets a problem document and the connection ends`, async () => {
    const answer = await raw(request);
    assert.match(answer, /^HTTP\/1.1 400 [^]*application\/problem\+json[^]*"code":"bad_request"/);
  });
}

/** What comes back on a connection of alice's, until the server closes it. */
async function raw(request: string): Promise<string> {
  const { ca, key, certificate } = alice.options;
  const { hostname: host, port } = new URL(server.url);
  const socket = connect({ host, port: Number(port), ca, key, cert: certificate });
  await once(socket, 'secureConnect');
  socket.write(request);
  return await text(socket);
}

/** A body of unknown length. */
async function* pieces(length: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(64 * 1024);
  for (let left = length; left > 0; left -= piece.length) {
    yield piece.subarray(0, Math.min(left, piece.length));
  }
}
