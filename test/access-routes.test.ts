/** Every route of the contract, asked by somebody who may see only part of a volume. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { crc32, formatDigest, sha256 } from '../src/base/digest.ts';
import { concatBytes } from '../src/base/bytes.ts';
import { encodeChunkHeader } from '../src/format/chunk-frame.ts';
import { loadContract } from '../src/wire/contract.ts';
import type { Entry, Listing, Missing, Share, Upload } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import type { OperationId } from '../src/wire/openapi.ts';
import { type HttpAnswer, type HttpClient, type HttpRequest, ok } from './support/http-client.ts';
import { addUser, anonymousClient, type TestServer } from './support/server.ts';
import { startWithUsers } from './support/users.ts';

const SECRET = new TextEncoder().encode('the secret text of alice');
const SECRET_NAME = 'hidden-name';
const SHOWN = new TextEncoder().encode('what bob may read');

let stack: AsyncDisposableStack;
let server: TestServer;
let admin: HttpClient;
let alice: HttpClient;
let bob: HttpClient;
/** What bob must never get: names, bytes, digests. */
const secrets: string[] = [];
let secretEntry: Entry;
let beforeMove = 0;

before(async () => {
  stack = new AsyncDisposableStack();
  ({ server, admin, alice, bob } = stack.use(await startWithUsers(['alice', 'bob'])));
  for (const path of ['secret', 'open', 'work', 'way', 'way/open']) await mkdir(`/alice/${path}`);
  await put(`/alice/secret/${SECRET_NAME}`, SECRET);
  await put(`/alice/way/${SECRET_NAME}`, SECRET);
  await put('/alice/work/replaced', SHOWN);
  await put('/alice/open/shown', SHOWN);
  await put('/alice/way/open/shown', SHOWN);
  // Once in the open, now secret; and the other way round.
  await put(`/alice/open/left-open`, new TextEncoder().encode('it was in the open once'));
  await put('/alice/secret/turned-open', new TextEncoder().encode('it was secret once'));
  beforeMove = await seqOf('/alice/open/left-open');
  await rename('/alice/open/left-open', '/alice/secret/left-open');
  await grant('bob', 'read', '/alice/open');
  await grant('bob', 'read', '/alice/way/open');
  await grant('bob', 'write', '/alice/work');
  const answer = await alice.send('GET', '/api/v1/files', {
    query: { path: `/alice/secret/${SECRET_NAME}` },
  });
  secretEntry = answer.json as Entry;
  const { etag = '', log = '', root = '' } = secretEntry;
  secrets.push(SECRET_NAME, 'secret text', etag, log, root, formatDigest(sha256(SECRET)));
});
after(() => stack.disposeAsync());

async function mkdir(path: string): Promise<void> {
  await ok(alice.send('POST', '/api/v1/files', { json: { path, kind: 'directory' } }));
}

async function put(path: string, body: Uint8Array): Promise<void> {
  const type = MEDIA_TYPES.bytes;
  await ok(alice.send('POST', '/api/v1/storage/files', { query: { path }, body, type }));
}

async function rename(path: string, to: string): Promise<void> {
  await ok(alice.send('PATCH', '/api/v1/files', { query: { path }, json: { op: 'rename', to } }));
}

async function seqOf(path: string): Promise<number> {
  const answer = await ok(alice.send('GET', '/api/v1/files', { query: { path } }));
  return (answer.json as Entry).seq;
}

async function grant(subject: string, permission: string, path: string): Promise<void> {
  const json = { subject, permission, path };
  await ok(alice.send('POST', '/api/v1/admin/grants', { json }));
}

interface Case {
  readonly title: string;
  readonly request: () => Promise<HttpAnswer> | HttpAnswer;
  /** A code, or the status of a success. */
  readonly expected: string | number;
}

function send(method: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
  return bob.send(method, path, request);
}

const FILES = '/api/v1/files';
const STORAGE = '/api/v1/storage/files';
const bytes = { body: SHOWN, type: MEDIA_TYPES.bytes };
const digests = (body: Uint8Array): HttpRequest => ({ body, type: MEDIA_TYPES.digests });
const at = (path: string, more: object = {}): HttpRequest => ({ query: { path, ...more } });
const upload = async (path: string): Promise<HttpAnswer> =>
  await send('POST', FILES, { json: { path, kind: 'upload', size: SECRET.length } });

/** Cases about reading one path: refused outside the grants, whatever is there. */
function reading(method: string, route: string, more: object = {}): Case[] {
  const row = (path: string, expected: Case['expected'], extra: object = {}): Case => ({
    title: `${path} ${JSON.stringify(extra)}`,
    request: () => send(method, route, at(path, { ...more, ...extra })),
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

/** For admins and owners of the server alone. */
function refused(method: string, path: string, request: HttpRequest = {}): Case[] {
  return [
    { title: 'by a user', request: () => send(method, path, request), expected: 'forbidden' },
  ];
}

/** Operations that have nothing to decide: who may call them is in the contract. */
const OPEN: Case[] = [];

const CASES: Readonly<Record<OperationId, () => Case[]>> = {
  contractGet: () => OPEN,
  enrollPost: () => OPEN,
  healthGet: () => OPEN,
  readyGet: () => OPEN,
  certificatesPost: () => OPEN,
  filesGet: () => [
    ...reading('GET', FILES),
    {
      title: 'a moment when it was in the open',
      request: () => send('GET', FILES, at('/alice/open/left-open', { at: beforeMove })),
      expected: 200,
    },
    ...['/alice', '/alice/way'].map((path) => ({
      title: `a recursive listing of ${path}`,
      request: () => send('GET', FILES, at(path, { list: 'recursive' })),
      expected: 200,
    })),
    ...['secret', 'secret/a', 'way/a'].map((cursor) => ({
      title: `a listing that goes on inside of what is hidden: ${cursor}`,
      request: () => send('GET', FILES, at('/alice', { list: 'recursive', cursor })),
      expected: 200,
    })),
    {
      title: 'a compact listing of the root',
      request: () =>
        send('GET', FILES, {
          ...at('/alice', { list: 'children' }),
          headers: { accept: MEDIA_TYPES.listing },
        }),
      expected: 200,
    },
    {
      title: 'a listing of what is secret',
      request: () => send('GET', FILES, at('/alice/secret', { list: 'children' })),
      expected: 'forbidden',
    },
  ],
  filesPost: () =>
    (['directory', 'file', 'upload'] as const).flatMap((kind) => {
      const size = kind === 'upload' ? { size: 1 } : {};
      const create = (path: string): Promise<HttpAnswer> =>
        send('POST', FILES, { json: { path, kind, ...size } });
      return [
        ...['/alice/open/new', '/alice/secret/new', '/alice/new', '/alice/way/new'].map((path) => ({
          title: `${kind} ${path}`,
          request: () => create(path),
          expected: 'forbidden',
        })),
        { title: kind, request: () => create(`/alice/work/${kind}`), expected: 201 },
      ];
    }),
  filesPatch: () => {
    const patch = (path: string, json: object): Promise<HttpAnswer> =>
      send('PATCH', FILES, { query: { path }, json });
    const secret = `/alice/secret/${SECRET_NAME}`;
    return [
      [
        `a copy of ${secret}`,
        () => patch(secret, { op: 'copy', to: '/alice/work/x' }),
        'forbidden',
      ],
      [
        'a copy of a directory on the way',
        () => patch('/alice/way', { op: 'copy', to: '/alice/work/x', recursive: true }),
        'forbidden',
      ],
      [
        'a copy out of the grants',
        () => patch('/alice/open/shown', { op: 'copy', to: '/alice/secret/x' }),
        'forbidden',
      ],
      [
        'a copy of what was secret then',
        () => patch('/alice/secret/turned-open', { op: 'copy', to: '/alice/work/x', at: '9' }),
        'forbidden',
      ],
      ['a copy', () => patch('/alice/open/shown', { op: 'copy', to: '/alice/work/c' }), 200],
      [
        `a rename of ${secret}`,
        () => patch(secret, { op: 'rename', to: '/alice/work/x' }),
        'forbidden',
      ],
      [
        'a rename of what may be read only',
        () => patch('/alice/open/shown', { op: 'rename', to: '/alice/work/x' }),
        'forbidden',
      ],
      [
        'a rename of the granted directory itself',
        () => patch('/alice/work', { op: 'rename', to: '/alice/elsewhere' }),
        'forbidden',
      ],
      ['a rename out', () => patch('/alice/work/c', { op: 'rename', to: '/alice/x' }), 'forbidden'],
      ['a truncation', () => patch('/alice/open/shown', { op: 'truncate', size: 0 }), 'forbidden'],
      ['a mode', () => patch('/alice/open/shown', { op: 'set', mode: 0 }), 'forbidden'],
      [
        'a restore',
        () => patch('/alice/secret/x', { op: 'restore', at: String(beforeMove) }),
        'forbidden',
      ],
    ].map(([title, request, expected]) => ({ title, request, expected }) as Case);
  },
  filesChangesPost: () => {
    const changes = (path: string, json: object): Promise<HttpAnswer> =>
      send('POST', `${FILES}/changes`, { query: { path }, json });
    const remove = (path: string): object => ({ changes: [{ op: 'remove', path }] });
    const copy = (copiesFrom: string, path: string): object => ({
      copiesFrom,
      changes: [{ op: 'copy', path, to: 'many' }],
    });
    return [
      ['of what may be read only', () => changes('/alice/open', remove('shown')), 'forbidden'],
      ['of what is hidden', () => changes('/alice/secret', remove(SECRET_NAME)), 'forbidden'],
      ['from above the grants', () => changes('/alice', remove('work/c')), 'forbidden'],
      ['by a name that leads out', () => changes('/alice/work', remove('../way')), 'bad_request'],
      [
        'a copy of what is hidden',
        () => changes('/alice/work', copy('/alice/secret', SECRET_NAME)),
        'forbidden',
      ],
      [
        'a copy of what is hidden, from above',
        () => changes('/alice/work', copy('/alice', `secret/${SECRET_NAME}`)),
        'forbidden',
      ],
      ['a copy', () => changes('/alice/work', copy('/alice/open', 'shown')), 200],
      ['a removal', () => changes('/alice/work', remove('many')), 200],
    ].map(([title, request, expected]) => ({ title, request, expected }) as Case);
  },
  filesDelete: () => [
    ...['/alice/open/shown', '/alice/work', `/alice/secret/${SECRET_NAME}`, '/alice/way'].map(
      (path) => ({
        title: path,
        request: () => send('DELETE', FILES, at(path, { recursive: true })),
        expected: 'forbidden',
      }),
    ),
    { title: 'own', request: () => send('DELETE', FILES, at('/alice/work/file')), expected: 200 },
  ],
  fileChunksGet: () => reading('GET', '/api/v1/file/chunks'),
  fileChunksPost: () => [
    {
      title: 'the digest of a secret counts as missing',
      request: async () => {
        const answer = await send('POST', '/api/v1/file/chunks', {
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
        const opened = (await upload('/alice/work/replaced')).json as Upload;
        const query = { upload: opened.upload };
        const body = digests(concatBytes([sha256(SHOWN), sha256(SECRET)]));
        const answer = await send('POST', '/api/v1/file/chunks', { query, ...body });
        assert.deepEqual((answer.json as Missing).missing, [1]);
        return answer;
      },
      expected: 200,
    },
    {
      title: 'and in an upload, whose commit cannot use it either',
      request: async () => {
        const opened = (await upload('/alice/work/probe')).json as Upload;
        const query = { upload: opened.upload };
        const body = digests(sha256(SECRET));
        const answer = await send('POST', '/api/v1/file/chunks', { query, ...body });
        assert.deepEqual((answer.json as Missing).missing, [0]);
        return answer;
      },
      expected: 200,
    },
  ],
  fileMd5Get: () => reading('GET', '/api/v1/file/md5'),
  storageFilesGet: () => [
    ...reading('GET', STORAGE),
    ...['/alice', '/alice/way'].map((path) => ({
      title: `${path} as tar`,
      request: () => send('GET', STORAGE, at(path, { format: 'tar' })),
      expected: 200,
    })),
    ...['/alice', '/alice/way'].map((path) => ({
      title: `${path} as zip`,
      request: () => send('GET', STORAGE, at(path, { format: 'zip' })),
      expected: 200,
    })),
    {
      title: 'what is hidden as zip',
      request: () => send('GET', STORAGE, at('/alice/secret', { format: 'zip' })),
      expected: 'forbidden',
    },
    ...['secret', 'secret/a', 'way/a'].map((after) => ({
      title: `a tar that goes on inside of what is hidden: ${after}`,
      request: () =>
        send('GET', STORAGE, at('/alice', { format: 'tar', after, limit: 100, maxFileSize: 1000 })),
      expected: 200,
    })),
  ],
  storageFilesPost: () =>
    ['/alice/open/shown', '/alice/secret/x', '/alice/x'].map((path) => ({
      title: path,
      request: () => send('POST', STORAGE, { ...at(path), ...bytes }),
      expected: 'forbidden',
    })),
  storageTarPost: () => [
    {
      title: 'names what is hidden',
      request: () =>
        send('POST', '/api/v1/storage/tar', {
          ...at('/alice'),
          json: { paths: [`secret/${SECRET_NAME}`, `way/${SECRET_NAME}`, 'open/shown'] },
        }),
      expected: 200,
    },
    {
      title: 'below what is hidden',
      request: () =>
        send('POST', '/api/v1/storage/tar', {
          ...at('/alice/secret'),
          json: { paths: [SECRET_NAME] },
        }),
      expected: 'forbidden',
    },
  ],
  storageFileChunksGet: () => reading('GET', '/api/v1/storage/file/chunks', { ranges: '0:5' }),
  storageFileChunksPost: () => [
    {
      title: "somebody else's upload",
      request: async () => {
        const json = { path: '/alice/mine', kind: 'upload', size: SHOWN.length };
        const opened = (await alice.send('POST', FILES, { json })).json as Upload;
        const { length } = SHOWN;
        const head = encodeChunkHeader({ offset: 0, length, checksum: crc32(SHOWN) });
        return await send('POST', '/api/v1/storage/file/chunks', {
          query: { upload: opened.upload },
          body: concatBytes([head, SHOWN]),
          type: MEDIA_TYPES.chunks,
        });
      },
      expected: 'upload_not_found',
    },
  ],
  volumesGet: () => [
    { title: 'own ones', request: () => send('GET', '/api/v1/volumes'), expected: 200 },
  ],
  volumesPost: () => refused('POST', '/api/v1/volumes', { json: { name: 'mine' } }),
  volumeGet: () => [
    { title: 'partial', request: () => send('GET', '/api/v1/volumes/alice'), expected: 200 },
    ...refused('GET', '/api/v1/volumes/nobody'),
  ],
  volumeCheckpointGet: () => refused('GET', '/api/v1/volumes/alice/checkpoint'),
  volumeCommitsPost: () =>
    refused('POST', '/api/v1/volumes/alice/commits', {
      type: MEDIA_TYPES.signed,
      body: Buffer.alloc(16),
    }),
  volumeCommitsGet: () => refused('GET', '/api/v1/volumes/alice/commits'),
  volumeKeysPost: () => refused('POST', '/api/v1/volumes/alice/keys'),
  volumeLogGet: () => refused('GET', '/api/v1/volumes/alice/log'),
  volumeChangesGet: () => {
    const changes = (path: string, expected: Case['expected']): Case => ({
      title: path,
      request: () =>
        send('GET', '/api/v1/volumes/alice/changes', { query: { path, from: 0, limit: 1000 } }),
      expected,
    });
    return [
      changes('', 200),
      changes('open', 200),
      changes('way', 200),
      changes('secret', 'forbidden'),
      changes('nothing', 'forbidden'),
      ...refused('GET', '/api/v1/volumes/nobody/changes'),
    ];
  },
  volumeProofGet: () => {
    const proof = (path: string, more: object, expected: Case['expected']): Case => ({
      title: `${path} ${JSON.stringify(more)}`,
      request: () => send('GET', '/api/v1/volumes/alice/proof', { query: { path, ...more } }),
      expected,
    });
    return [
      proof('open/shown', {}, 200),
      proof('open/left-open', {}, 200),
      proof('', { list: 'children' }, 200),
      proof('way', { list: 'children' }, 200),
      proof(`way/${SECRET_NAME}`, {}, 'forbidden'),
      proof('secret', { list: 'children' }, 'forbidden'),
      proof('secret/turned-open', { at: '5' }, 'forbidden'),
      proof('nothing', {}, 'forbidden'),
    ];
  },
  whoamiGet: () => [{ title: 'self', request: () => send('GET', '/api/v1/whoami'), expected: 200 }],
  invitationsPost: () =>
    refused('POST', '/api/v1/admin/invitations', { json: { principal: 'eve' } }),
  principalsGet: () => refused('GET', '/api/v1/admin/principals'),
  principalsPost: () => refused('POST', '/api/v1/admin/principals', { json: { name: 'eve' } }),
  authorityGet: () => refused('GET', '/api/v1/admin/ca'),
  principalDelete: () => refused('DELETE', '/api/v1/admin/principals/alice'),
  principalPatch: () =>
    refused('PATCH', '/api/v1/admin/principals/alice', { json: { revoked: false } }),
  auditGet: () => refused('GET', '/api/v1/admin/audit'),
  quotasPost: () =>
    refused('POST', '/api/v1/admin/quotas', {
      json: { volume: 'bob', quota: { bytes: 0, entries: 0 } },
    }),
  sharesGet: () => [
    { title: 'own ones', request: () => send('GET', '/api/v1/shares'), expected: 200 },
  ],
  sharesPost: () =>
    ['/alice/work', '/alice/open/shown', '/alice/secret'].flatMap((path) =>
      refused('POST', '/api/v1/shares', { json: { path, lifeMs: 1000 } }),
    ),
  shareDelete: () => [
    {
      title: "somebody else's",
      request: async () => {
        const json = { path: '/alice/secret', lifeMs: 60_000 };
        const { id } = (await alice.send('POST', '/api/v1/shares', { json })).json as Share;
        return await send('DELETE', `/api/v1/shares/${id}`);
      },
      expected: 'not_found',
    },
  ],
  shareLinkGet: () => refused('GET', '/s/bm90aGluZw'),
  shareLinkPathGet: () => refused('GET', `/s/bm90aGluZw/secret`),
  groupsGet: () => refused('GET', '/api/v1/admin/groups'),
  groupsPost: () => refused('POST', '/api/v1/admin/groups', { json: { name: 'g', add: ['bob'] } }),
  groupDelete: () => refused('DELETE', '/api/v1/admin/groups/g'),
  grantsGet: () => [
    ...refused('GET', '/api/v1/admin/grants', at('/alice/work')),
    ...refused('GET', '/api/v1/admin/grants', { query: { subject: 'alice' } }),
    {
      title: 'own ones',
      request: () => send('GET', '/api/v1/admin/grants', { query: { subject: 'bob' } }),
      expected: 200,
    },
  ],
  grantsPost: () =>
    ['/alice/work', '/alice/secret', '/alice'].flatMap((path) =>
      refused('POST', '/api/v1/admin/grants', {
        json: { subject: 'bob', permission: 'admin', path },
      }),
    ),
  grantDelete: () =>
    refused('DELETE', '/api/v1/admin/grants', { query: { path: '/alice/open', subject: 'bob' } }),
};

for (const { id, method } of loadContract().operations) {
  test(`${id} gives nothing outside the grants of a principal`, async () => {
    for (const { title, request, expected } of CASES[id]()) {
      const answer = await request();
      const found = answer.code ?? answer.status;
      assert.equal(found, expected, `${method} ${id}: ${title}: ${answer.text}`);
      const all = JSON.stringify(answer.headers) + Buffer.from(answer.bytes).toString('latin1');
      for (const secret of secrets) {
        // What somebody asks for is in the refusal.
        const isAsked = title.includes(secret);
        assert(isAsked || !all.includes(secret), `${id}: ${title} tells ${secret}`);
      }
    }
  });
}

test('a grant follows its directory when that is renamed, and stays with it', async () => {
  await mkdir('/alice/moving');
  await put('/alice/moving/file', SHOWN);
  await grant('bob', 'read', '/alice/moving');
  await rename('/alice/moving', '/alice/moved');
  await mkdir('/alice/moving');
  await put('/alice/moving/file', SECRET);
  assert.equal((await send('GET', STORAGE, at('/alice/moved/file'))).status, 200);
  assert.equal((await send('GET', STORAGE, at('/alice/moving/file'))).code, 'forbidden');
});

test('a grant on a directory that was removed shows nothing, and is back when that is restored', async () => {
  await using dora = await addUser(server, admin, 'dora');
  await mkdir('/alice/gone');
  await put('/alice/gone/file', SHOWN);
  await grant('dora', 'read', '/alice/gone');
  const seq = await seqOf('/alice/gone/file');
  await ok(alice.send('DELETE', FILES, at('/alice/gone', { recursive: true })));
  for (const list of ['children', 'recursive']) {
    const { json } = await ok(dora.send('GET', FILES, at('/alice', { list })));
    assert.deepEqual((json as Listing).entries, []);
    const compact = { accept: MEDIA_TYPES.listing };
    const answer = await dora.send('GET', FILES, { ...at('/alice', { list }), headers: compact });
    assert(!Buffer.from(answer.bytes).includes('open'));
  }
  const tar = await dora.send('GET', STORAGE, at('/alice', { format: 'tar' }));
  assert(!Buffer.from(tar.bytes).includes('shown'));
  assert.equal((await dora.send('GET', STORAGE, at('/alice/open/shown'))).code, 'forbidden');
  const json = { op: 'restore', at: String(seq) };
  await ok(alice.send('PATCH', FILES, { query: { path: '/alice/gone' }, json }));
  assert.equal((await dora.send('GET', STORAGE, at('/alice/gone/file'))).status, 200);
});

test('a grant to everyone, to a group, and one that is taken back count from the next request', async () => {
  await mkdir('/alice/shared');
  await put('/alice/shared/file', SHOWN);
  const read = async (): Promise<string | number> => {
    const answer = await send('GET', STORAGE, at('/alice/shared/file'));
    return answer.code ?? answer.status;
  };
  assert.equal(await read(), 'forbidden');
  await grant('*', 'read', '/alice/shared');
  assert.equal(await read(), 200);
  const query = { path: '/alice/shared', subject: '*' };
  await ok(alice.send('DELETE', '/api/v1/admin/grants', { query }));
  assert.equal(await read(), 'forbidden');
  await ok(admin.send('POST', '/api/v1/admin/groups', { json: { name: 'team', add: ['bob'] } }));
  await grant('group:team', 'read', '/alice/shared');
  assert.equal(await read(), 200);
  await ok(admin.send('POST', '/api/v1/admin/groups', { json: { name: 'team', remove: ['bob'] } }));
  assert.equal(await read(), 'forbidden');
});

test('a revoked principal is refused on an open connection, renews nothing, and has lost its grants', async () => {
  await using carol = await addUser(server, admin, 'carol');
  await grant('carol', 'read', '/alice/open');
  assert.equal((await carol.send('GET', STORAGE, at('/alice/open/shown'))).status, 200);
  await ok(admin.send('DELETE', '/api/v1/admin/principals/carol'));
  for (const [method, path] of [
    ['GET', '/api/v1/whoami'],
    ['POST', '/api/v1/certificates'],
  ] as const) {
    const answer = await carol.send(method, path, method === 'POST' ? { json: { csr: 'x' } } : {});
    assert.equal(answer.code, 'certificate_invalid');
  }
  const invited = await admin.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'carol' },
  });
  assert.equal(invited.code, 'exists');
  await ok(admin.send('PATCH', '/api/v1/admin/principals/carol', { json: { revoked: false } }));
  assert.equal((await carol.send('GET', '/api/v1/whoami')).code, 'certificate_invalid');
  await using again = await addUser(server, admin, 'carol');
  assert.equal((await again.send('GET', STORAGE, at('/alice/open/shown'))).code, 'forbidden');
  assert.equal((await again.send('GET', FILES, at('/carol'))).status, 200);
});

test('an admin does not revoke itself; strangers to a route get 401', async () => {
  const own = await admin.send('DELETE', '/api/v1/admin/principals/admin');
  assert.equal(own.code, 'bad_request');
  await using anonymous = anonymousClient(server);
  const answer = await anonymous.send('GET', '/api/v1/admin/principals');
  assert.equal(answer.code, 'certificate_required');
});

test('names in another Unicode form are other names', async () => {
  await mkdir('/alice/caf\u00e9');
  await put('/alice/caf\u00e9/file', SHOWN);
  await grant('bob', 'read', '/alice/caf\u00e9');
  assert.equal((await send('GET', STORAGE, at('/alice/caf\u00e9/file'))).status, 200);
  assert.equal((await send('GET', STORAGE, at('/alice/cafe\u0301/file'))).code, 'forbidden');
});
