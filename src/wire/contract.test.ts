import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERRORS, isGdpfsError } from '../base/errors.ts';
import { loadContract, type Operation } from './contract.ts';

const contract = loadContract();

function operation(id: string): Operation {
  const found = contract.operations.find((candidate) => candidate.id === id);
  assert.ok(found, id);
  return found;
}

function refusal(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    assert.ok(isGdpfsError(error), String(error));
    return { code: error.code, message: error.message };
  }
  assert.fail('nothing was refused');
}

test('the contract lists exactly the codes of the error table', () => {
  const schemas = contract.document.components.schemas as Record<string, { enum?: string[] }>;
  assert.deepEqual(schemas['ErrorCode']?.enum, Object.keys(ERRORS));
});

test('the generated types are those of the contract', () => {
  const root = join(import.meta.dirname, '../..');
  execFileSync(process.execPath, ['tools/generate-wire.ts', '--check'], { cwd: root });
});

test('only enrolment, health, share links, the web page and the contract itself are anonymous', () => {
  const anonymous = contract.operations.filter((candidate) => candidate.anonymous);
  assert.deepEqual(anonymous.map(({ id }) => id).sort(), [
    'contractGet',
    'enrollPost',
    'healthGet',
    'readyGet',
    'shareLinkGet',
    'shareLinkPathGet',
    'webAssetGet',
    'webPageGet',
  ]);
});

test('every JSON object in a request body refuses unknown fields', () => {
  const schemas = contract.document.components.schemas as Record<string, Record<string, unknown>>;
  const open = Object.entries(schemas)
    .filter(([, schema]) => schema['properties'] !== undefined)
    .filter(([, schema]) => schema['additionalProperties'] !== false)
    .map(([name]) => name);
  assert.deepEqual(open, ['Problem']);
});

test('every form that a value must have is also said in words', () => {
  const patterns: string[] = [];
  JSON.stringify(contract.document, (_, value: unknown) => {
    const { pattern, 'x-gdpfs-need': need } = (value ?? {}) as Record<string, unknown>;
    if (typeof pattern === 'string' && need === undefined) patterns.push(pattern);
    return value;
  });
  assert.deepEqual(patterns, []);
});

test('every operation says what a refusal looks like', () => {
  for (const [path, item] of Object.entries(contract.document.paths)) {
    for (const [method, { responses }] of Object.entries(item as unknown as Responses)) {
      assert('default' in responses, `${method} ${path}`);
    }
  }
});

type Responses = Readonly<Record<string, { readonly responses: object }>>;

test('every request body names a limit', () => {
  for (const { id, bodies } of contract.operations) {
    for (const [type, rule] of bodies) assert.ok(rule.bytesMax > 0, `${id} ${type}`);
  }
});

test('route() finds operations and decodes the parameters of the path', () => {
  assert.equal(contract.route('GET', '/api/v1/files').operation.id, 'filesGet');
  assert.equal(contract.route('HEAD', '/api/v1/storage/files').operation.id, 'storageFilesGet');
  const match = contract.route('GET', '/api/v1/volumes/a%2Db/checkpoint');
  assert.equal(match.operation.id, 'volumeCheckpointGet');
  assert.deepEqual(match.params, { volume: 'a-b' });
});

const routeFaults: readonly [method: string, path: string, code: string][] = [
  ['GET', '/api/v1/nothing', 'not_found'],
  ['GET', '/api/v1/files/', 'not_found'],
  ['GET', '/API/v1/files', 'not_found'],
  ['GET', '', 'not_found'],
  ['GET', '/api/v1/volumes/%ff', 'bad_request'],
  ['PUT', '/api/v1/files', 'method_not_allowed'],
  ['POST', '/healthz', 'method_not_allowed'],
  ['TRACE', '/api/v1/enroll', 'method_not_allowed'],
  ['HEAD', '/api/v1/enroll', 'method_not_allowed'],
];
for (const [method, path, code] of routeFaults) {
  test(`route() answers ${method} "${path}" with ${code}`, () => {
    assert.equal(refusal(() => contract.route(method, path)).code, code);
  });
}

test('route() names the allowed methods', () => {
  const { message } = refusal(() => contract.route('PUT', '/api/v1/files'));
  assert.match(message, /DELETE, GET, HEAD, PATCH, POST/);
});

test('readQuery() converts integers and booleans', () => {
  assert.deepEqual(
    { ...operation('filesGet').readQuery('path=%2Fv%2Fa+b%2Bc&limit=10&list=children') },
    { path: '/v/a b+c', limit: 10, list: 'children' },
  );
  assert.deepEqual(
    { ...operation('filesDelete').readQuery('path=/v/%C3%A9&recursive=true') },
    { path: '/v/é', recursive: true },
  );
});

const queryFaults: readonly [id: string, query: string, message: RegExp][] = [
  ['filesGet', '', /missing parameter "path"/],
  ['filesGet', 'path=/v&x=1', /unknown parameter "x"/],
  ['filesGet', 'path=/v&__proto__=1', /unknown parameter "__proto__"/],
  ['filesGet', 'path=/v&path=/w', /"path" is given twice/],
  ['filesGet', 'path=v', /parameter "path" has another form, need `\/` at the start/],
  [
    'filesGet',
    'path=/v&list=all',
    /parameter "list" has an unknown value, need one of "children", "recursive"$/,
  ],
  ['filesGet', 'path=/v&list=children&limit=0', /parameter "limit" must be >= 1/],
  ['filesGet', 'path=/v&limit=10001', /parameter "limit" must be <= 10000/],
  ['filesGet', 'path=/v&limit=1e3', /parameter "limit" must be integer/],
  ['filesGet', 'path=/v&limit=0x10', /parameter "limit" must be integer/],
  ['filesGet', 'path=/v&limit=', /parameter "limit" must be integer/],
  ['filesGet', 'path=/v&limit=%2010', /parameter "limit" must be integer/],
  [
    'filesGet',
    'path=/v&at=20.11.2026',
    /parameter "at" has another form, need a seq, a time such as/,
  ],
  ['filesGet', 'path=%ff', /not percent-encoded UTF-8/],
  ['filesGet', 'path=/v%', /not percent-encoded UTF-8/],
  ['filesDelete', 'path=/v&recursive=1', /parameter "recursive" must be "true" or "false"/],
  [
    'filesPatch',
    'path=/v&root=sha256:AB',
    /parameter "root" has another form, need `sha256:` and 64/,
  ],
  [
    'storageFileChunksGet',
    'path=/v/f&ranges=0-10',
    /parameter "ranges" has another form, need OFFSET:LENGTH, several with/,
  ],
  ['whoamiGet', 'path=/v', /unknown parameter "path"/],
];
for (const [id, query, message] of queryFaults) {
  test(`readQuery() of ${id} refuses "${query}"`, () => {
    const refused = refusal(() => operation(id).readQuery(query));
    assert.equal(refused.code, 'bad_request');
    assert.match(refused.message, message);
  });
}

test('checkHeaders() accepts an Idempotency-Key of the right form only', () => {
  const filesPost = operation('filesPost');
  const check = (headers: Record<string, string>) => filesPost.checkHeaders(headers);
  check({ 'idempotency-key': 'a-B_9' });
  check({});
  for (const key of ['', 'a b', 'x'.repeat(65), 'a, a']) {
    assert.equal(refusal(() => check({ 'idempotency-key': key })).code, 'bad_request');
  }
});

function checkJson(id: string, value: unknown): void {
  operation(id).bodies.get('application/json')?.check?.(value);
}

const goodBodies: readonly [id: string, body: unknown][] = [
  ['filesPost', { path: '/v/a', kind: 'directory', parents: true, mode: 0o755, mtimeUs: -1 }],
  ['filesPost', { path: '/v/a', kind: 'file' }],
  ['filesPost', { path: '/v/a', kind: 'symlink', target: '../b' }],
  ['filesPost', { path: '/v/a', kind: 'upload', size: 5, chunkSize: 4_194_304 }],
  ['filesPost', { path: '/v/a', kind: 'append', content: `sha256:${'0'.repeat(64)}`, size: 5 }],
  ['filesPatch', { op: 'rename', to: '/v/b' }],
  ['filesPatch', { op: 'copy', to: '/v/b', recursive: true, at: '2026-11-20T12:00:00Z' }],
  ['filesPatch', { op: 'restore', at: '17' }],
  ['volumesPost', { name: 'a-1', chunking: 'cdc', custody: 'client' }],
  ['filesPost', { path: '/v/a', kind: 'upload' }],
];
for (const [id, body] of goodBodies) {
  test(`the body check of ${id} accepts ${JSON.stringify(body)}`, () => checkJson(id, body));
}

const bodyFaults: readonly [id: string, body: unknown, message: RegExp][] = [
  ['filesPost', { path: '/v/a' }, /"kind"/],
  [
    'filesPost',
    { path: '/v/a', kind: 'socket' },
    /field "kind" has an unknown value, need one of "directory", "file", /,
  ],
  ['filesPost', { path: '/v/a', kind: 'directory', size: 1 }, /unknown field "size"/],
  ['filesPost', { path: '/v/a', kind: 'append' }, /missing field "content"/],
  ['filesPost', { path: '/v/a', kind: 'upload', size: -1 }, /field "size" must be >= 0/],
  ['filesPost', { path: '/v/a', kind: 'upload', size: '1' }, /field "size" must be integer/],
  ['filesPost', { path: '/v/a', kind: 'upload', size: 1.5 }, /field "size" must be integer/],
  ['filesPost', { path: '/v/a', kind: 'file', mode: 0o10000 }, /field "mode" must be <= 4095/],
  ['filesPost', { path: 'v/a', kind: 'file' }, /field "path" has another form/],
  ['filesPost', [], /must be object/],
  ['filesPost', null, /must be object/],
  ['filesPatch', { op: 'rename' }, /missing field "to"/],
  ['filesPatch', { op: 'rename', to: '/v/b', at: '1' }, /unknown field "at"/],
  ['filesPatch', JSON.parse('{"op":"set","__proto__":{}}'), /unknown field "__proto__"/],
  ['volumesPost', { name: 'A' }, /field "name" has another form, need 1 to 32 of a-z, 0-9 and -$/],
  ['invitationsPost', { principal: 'a', role: 'root' }, /one of "user", "admin"/],
  ['enrollPost', { token: 't', csr: 'c', extra: 1 }, /unknown field "extra"/],
];
for (const [id, body, message] of bodyFaults) {
  test(`the body check of ${id} refuses ${JSON.stringify(body)}`, () => {
    const refused = refusal(() => checkJson(id, body));
    assert.equal(refused.code, 'bad_request');
    assert.match(refused.message, message);
  });
}
