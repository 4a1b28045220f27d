/**
 * Requests that are refused, in a volume `alice` that has the directory `d`, the file `f` of 100 bytes,
 * the link `l` and, at `u`, an unfinished upload of 100 bytes.
 */
import { LIMITS } from '../../src/base/limits.ts';
import type { HttpRequest } from './http-client.ts';

const NAME_256 = 'n'.repeat(256);
const FILES = '/api/v1/files';
const STORAGE = '/api/v1/storage/files';
const one = new Uint8Array(1);
const digest = `sha256:${'0'.repeat(64)}`;

interface BadRequest {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  /** Some need the name of the unfinished upload. */
  readonly request: HttpRequest | ((upload: string) => HttpRequest);
  readonly code: string;
  readonly status: number;
}

function row(
  what: string,
  [method, path]: readonly [string, string],
  request: BadRequest['request'],
  [code, status]: readonly [string, number],
): BadRequest {
  return { what, method, path, request, code, status };
}

const badRequest = ['bad_request', 400] as const;
const notFound = ['not_found', 404] as const;
const at = (path: string) => ({ query: { path } });
const json = (value: unknown) => ({ json: value });
const records = 'application/vnd.gdpfs.records';
const commit = { path: '/alice/u', size: 100, root: digest, content: digest };

export const BAD_REQUESTS: readonly BadRequest[] = [
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
    (upload) => ({
      query: { upload },
      body: new Uint8Array(33),
      type: 'application/vnd.gdpfs.digests',
    }),
    badRequest,
  ),
  row(
    'too many digests',
    ['POST', '/api/v1/file/chunks'],
    (upload) => ({
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
    (upload) => ({ query: { ...commit, upload, path: '/alice/x' }, body: one, type: records }),
    badRequest,
  ),
  row(
    'a commit of records that are cut',
    ['PATCH', FILES],
    (upload) => ({ query: { ...commit, upload }, body: new Uint8Array(3), type: records }),
    badRequest,
  ),
  row(
    'a commit of records that are none',
    ['PATCH', FILES],
    (upload) => ({
      query: { ...commit, upload },
      body: Buffer.from('\0\0\0\x02ab'),
      type: records,
    }),
    badRequest,
  ),
];

/** A body of unknown length. */
async function* pieces(length: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(64 * 1024);
  for (let left = length; left > 0; left -= piece.length) {
    yield piece.subarray(0, Math.min(left, piece.length));
  }
}
