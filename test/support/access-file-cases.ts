/** Cases of test/access-routes.test.ts: every operation on files. */
import assert from 'node:assert/strict';
import { concatBytes } from '../../src/base/bytes.ts';
import { crc32, sha256 } from '../../src/base/digest.ts';
import { encodeChunkHeader } from '../../src/format/chunk-frame.ts';
import type { Missing, Upload } from '../../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../../src/wire/media-types.ts';
import type { OperationId } from '../../src/wire/openapi.ts';
import { type AccessLab, at, FILES, SECRET, SECRET_NAME, SHOWN, STORAGE } from './access-lab.ts';
import type { HttpAnswer, HttpRequest } from './http-client.ts';

/** A request of bob's and what comes of it. */
export interface AccessCase {
  readonly title: string;
  readonly request: () => Promise<HttpAnswer> | HttpAnswer;
  /** A code, or the status of a success. */
  readonly expected: string | number;
}

function digests(body: Uint8Array): HttpRequest {
  return { body, type: MEDIA_TYPES.digests };
}

async function uploadTo(lab: AccessLab, path: string): Promise<Upload> {
  const json = { path, kind: 'upload', size: SECRET.length };
  return (await lab.send('POST', FILES, { json })).json as Upload;
}

/** AccessCases about reading one path: refused outside the grants, whatever is there. */
function reading(
  lab: AccessLab,
  [method, route]: readonly [string, string],
  more: object = {},
): AccessCase[] {
  const row = (path: string, expected: AccessCase['expected'], extra: object = {}): AccessCase => ({
    title: `${path} ${JSON.stringify(extra)}`,
    request: () => lab.send(method, route, at(path, { ...more, ...extra })),
    expected,
  });
  return [
    row(`/alice/secret/${SECRET_NAME}`, 'forbidden'),
    row('/alice/secret/nothing', 'forbidden'),
    row('/alice/open/../secret', 'bad_request'),
    row('/alice/open//shown', 'bad_request'),
    row('/alice/nothing', 'forbidden'),
    row('/alice/open/left-open', 'not_found'),
    row('/alice/secret/left-open', 'forbidden'),
    row('/admin', 'forbidden'),
    row('/alice/open/shown', 200),
    row('/alice/way/open/shown', 200),
    row('/alice/secret/turned-open', 'forbidden', { at: '5' }),
  ];
}

export function fileCases(lab: AccessLab) {
  return {
    filesGet: () => [
      ...reading(lab, ['GET', FILES]),
      {
        title: 'a moment when it was in the open',
        request: () => lab.send('GET', FILES, at('/alice/open/left-open', { at: lab.beforeMove })),
        expected: 200,
      },
      ...['/alice', '/alice/way'].map((path) => ({
        title: `a recursive listing of ${path}`,
        request: () => lab.send('GET', FILES, at(path, { list: 'recursive' })),
        expected: 200,
      })),
      ...['secret', 'secret/a', 'way/a'].map((cursor) => ({
        title: `a listing that goes on inside of what is hidden: ${cursor}`,
        request: () => lab.send('GET', FILES, at('/alice', { list: 'recursive', cursor })),
        expected: 200,
      })),
      {
        title: 'a compact listing of the root',
        request: () =>
          lab.send('GET', FILES, {
            ...at('/alice', { list: 'children' }),
            headers: { accept: MEDIA_TYPES.listing },
          }),
        expected: 200,
      },
      {
        title: 'a listing of what is secret',
        request: () => lab.send('GET', FILES, at('/alice/secret', { list: 'children' })),
        expected: 'forbidden',
      },
    ],
    filesPost: () =>
      (['directory', 'file', 'upload'] as const).flatMap((kind) => {
        const size = kind === 'upload' ? { size: 1 } : {};
        const create = (path: string): Promise<HttpAnswer> =>
          lab.send('POST', FILES, { json: { path, kind, ...size } });
        return [
          ...['/alice/open/new', '/alice/secret/new', '/alice/new', '/alice/way/new'].map(
            (path) => ({
              title: `${kind} ${path}`,
              request: () => create(path),
              expected: 'forbidden',
            }),
          ),
          { title: kind, request: () => create(`/alice/workshop/${kind}`), expected: 201 },
        ];
      }),
    filesPatch: () => {
      const patch = (path: string, json: object): Promise<HttpAnswer> =>
        lab.send('PATCH', FILES, { query: { path }, json });
      const secret = `/alice/secret/${SECRET_NAME}`;
      return [
        [
          `a copy of ${secret}`,
          () => patch(secret, { op: 'copy', to: '/alice/workshop/x' }),
          'forbidden',
        ],
        [
          'a copy of a directory on the way',
          () => patch('/alice/way', { op: 'copy', to: '/alice/workshop/x', recursive: true }),
          'forbidden',
        ],
        [
          'a copy out of the grants',
          () => patch('/alice/open/shown', { op: 'copy', to: '/alice/secret/x' }),
          'forbidden',
        ],
        [
          'a copy of what was secret then',
          () =>
            patch('/alice/secret/turned-open', { op: 'copy', to: '/alice/workshop/x', at: '9' }),
          'forbidden',
        ],
        ['a copy', () => patch('/alice/open/shown', { op: 'copy', to: '/alice/workshop/c' }), 200],
        [
          `a rename of ${secret}`,
          () => patch(secret, { op: 'rename', to: '/alice/workshop/x' }),
          'forbidden',
        ],
        [
          'a rename of what may be read only',
          () => patch('/alice/open/shown', { op: 'rename', to: '/alice/workshop/x' }),
          'forbidden',
        ],
        [
          'a rename of the granted directory itself',
          () => patch('/alice/workshop', { op: 'rename', to: '/alice/elsewhere' }),
          'forbidden',
        ],
        [
          'a rename out',
          () => patch('/alice/workshop/c', { op: 'rename', to: '/alice/x' }),
          'forbidden',
        ],
        [
          'a truncation',
          () => patch('/alice/open/shown', { op: 'truncate', size: 0 }),
          'forbidden',
        ],
        ['a mode', () => patch('/alice/open/shown', { op: 'set', mode: 0 }), 'forbidden'],
        [
          'a restore',
          () => patch('/alice/secret/x', { op: 'restore', at: String(lab.beforeMove) }),
          'forbidden',
        ],
      ].map(([title, request, expected]) => ({ title, request, expected }) as AccessCase);
    },
    filesChangesPost: () => {
      const changes = (path: string, json: object): Promise<HttpAnswer> =>
        lab.send('POST', `${FILES}/changes`, { query: { path }, json });
      const remove = (path: string): object => ({ changes: [{ op: 'remove', path }] });
      const copy = (copiesFrom: string, path: string): object => ({
        copiesFrom,
        changes: [{ op: 'copy', path, to: 'many' }],
      });
      return [
        ['of what may be read only', () => changes('/alice/open', remove('shown')), 'forbidden'],
        ['of what is hidden', () => changes('/alice/secret', remove(SECRET_NAME)), 'forbidden'],
        ['from above the grants', () => changes('/alice', remove('work/c')), 'forbidden'],
        [
          'by a name that leads out',
          () => changes('/alice/workshop', remove('../way')),
          'bad_request',
        ],
        [
          'a copy of what is hidden',
          () => changes('/alice/workshop', copy('/alice/secret', SECRET_NAME)),
          'forbidden',
        ],
        [
          'a copy of what is hidden, from above',
          () => changes('/alice/workshop', copy('/alice', `secret/${SECRET_NAME}`)),
          'forbidden',
        ],
        ['a copy', () => changes('/alice/workshop', copy('/alice/open', 'shown')), 200],
        ['a removal', () => changes('/alice/workshop', remove('many')), 200],
      ].map(([title, request, expected]) => ({ title, request, expected }) as AccessCase);
    },
    filesDelete: () => [
      ...['/alice/open/shown', '/alice/workshop', `/alice/secret/${SECRET_NAME}`, '/alice/way'].map(
        (path) => ({
          title: path,
          request: () => lab.send('DELETE', FILES, at(path, { recursive: true })),
          expected: 'forbidden',
        }),
      ),
      {
        title: 'own',
        request: () => lab.send('DELETE', FILES, at('/alice/workshop/file')),
        expected: 200,
      },
    ],
    fileChunksGet: () => reading(lab, ['GET', '/api/v1/file/chunks']),
    fileChunksPost: () => [
      {
        title: 'the digest of a secret counts as missing',
        request: async () => {
          const answer = await lab.send('POST', '/api/v1/file/chunks', {
            ...at('/alice'),
            ...digests(sha256(SECRET)),
          });
          assert.deepEqual((answer.json as Missing).missing, [0]);
          return answer;
        },
        expected: 200,
      },
      {
        title: 'of a file that is replaced only the chunks are known',
        request: async () => {
          const opened = await uploadTo(lab, '/alice/workshop/replaced');
          const query = { upload: opened.upload };
          const body = digests(concatBytes([sha256(SHOWN), sha256(SECRET)]));
          const answer = await lab.send('POST', '/api/v1/file/chunks', { query, ...body });
          assert.deepEqual((answer.json as Missing).missing, [1]);
          return answer;
        },
        expected: 200,
      },
      {
        title: 'and in an upload, whose commit cannot use it either',
        request: async () => {
          const opened = await uploadTo(lab, '/alice/workshop/probe');
          const query = { upload: opened.upload };
          const body = digests(sha256(SECRET));
          const answer = await lab.send('POST', '/api/v1/file/chunks', { query, ...body });
          assert.deepEqual((answer.json as Missing).missing, [0]);
          return answer;
        },
        expected: 200,
      },
    ],
    fileMd5Get: () => reading(lab, ['GET', '/api/v1/file/md5']),
    storageFilesGet: () => [
      ...reading(lab, ['GET', STORAGE]),
      ...['/alice', '/alice/way'].map((path) => ({
        title: `${path} as tar`,
        request: () => lab.send('GET', STORAGE, at(path, { format: 'tar' })),
        expected: 200,
      })),
      ...['/alice', '/alice/way'].map((path) => ({
        title: `${path} as zip`,
        request: () => lab.send('GET', STORAGE, at(path, { format: 'zip' })),
        expected: 200,
      })),
      {
        title: 'what is hidden as zip',
        request: () => lab.send('GET', STORAGE, at('/alice/secret', { format: 'zip' })),
        expected: 'forbidden',
      },
      ...['secret', 'secret/a', 'way/a'].map((after) => ({
        title: `a tar that goes on inside of what is hidden: ${after}`,
        request: () =>
          lab.send(
            'GET',
            STORAGE,
            at('/alice', { format: 'tar', after, limit: 100, maxFileSize: 1000 }),
          ),
        expected: 200,
      })),
    ],
    storageFilesPost: () =>
      ['/alice/open/shown', '/alice/secret/x', '/alice/x'].map((path) => ({
        title: path,
        request: () =>
          lab.send('POST', STORAGE, { ...at(path), body: SHOWN, type: MEDIA_TYPES.bytes }),
        expected: 'forbidden',
      })),
    storageTarPost: () => [
      {
        title: 'names what is hidden',
        request: () =>
          lab.send('POST', '/api/v1/storage/tar', {
            ...at('/alice'),
            json: { paths: [`secret/${SECRET_NAME}`, `way/${SECRET_NAME}`, 'open/shown'] },
          }),
        expected: 200,
      },
      {
        title: 'below what is hidden',
        request: () =>
          lab.send('POST', '/api/v1/storage/tar', {
            ...at('/alice/secret'),
            json: { paths: [SECRET_NAME] },
          }),
        expected: 'forbidden',
      },
    ],
    storageFileChunksGet: () =>
      reading(lab, ['GET', '/api/v1/storage/file/chunks'], { ranges: '0:5' }),
    storageFileChunksPost: () => [
      {
        title: "somebody else's upload",
        request: async () => {
          const json = { path: '/alice/mine', kind: 'upload', size: SHOWN.length };
          const opened = (await lab.alice.send('POST', FILES, { json })).json as Upload;
          const { length } = SHOWN;
          const head = encodeChunkHeader({ offset: 0, length, checksum: crc32(SHOWN) });
          return await lab.send('POST', '/api/v1/storage/file/chunks', {
            query: { upload: opened.upload },
            body: concatBytes([head, SHOWN]),
            type: MEDIA_TYPES.chunks,
          });
        },
        expected: 'upload_not_found',
      },
    ],
  } satisfies Partial<Record<OperationId, () => AccessCase[]>>;
}
