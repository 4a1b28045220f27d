/** Every route of the contract that changes something, made and refused: each is in the audit log. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeAdminToken } from '../src/server/admin-token.ts';
import { makeProxyBundle } from '../src/server/proxy-bundle.ts';
import { systemClock } from '../src/base/clock.ts';
import { loadContract } from '../src/wire/contract.ts';
import type { AuditEntry, AuditPage, Invitation, Share } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import type { OperationId } from '../src/wire/openapi.ts';
import { createCertificateRequest, generateKey } from '../src/wire/x509.ts';
import { runCli } from './support/cli.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from './support/http-client.ts';
import {
  addUser,
  anonymousClient,
  enrol,
  startServerHere,
  temporaryDirectory,
  type TestServer,
} from './support/server.ts';

const FILES = '/api/v1/files';
const ADMIN = '/api/v1/admin';

let stack: AsyncDisposableStack;
let folder: string;
let server: TestServer;
let admin: HttpClient;
let mallory: HttpClient;
let home: string;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  home = join(folder, 'home');
  server = stack.use(await startServerHere(join(folder, 'data')));
  admin = stack.use(await enrol(server, server.adminToken ?? ''));
  await admin.send('POST', '/api/v1/volumes', { json: { name: 'vision' } });
  const root = '/vision/kept';
  for (const path of [root, `${root}/a`, `${root}/b`, `${root}/c`]) {
    await admin.send('POST', FILES, { json: { path, kind: 'directory' } });
  }
  mallory = stack.use(await addUser(server, admin, 'mallory'));
});
after(() => stack.disposeAsync());

async function entries(): Promise<readonly AuditEntry[]> {
  const { json } = await admin.send('GET', `${ADMIN}/audit`, { query: { limit: 1000 } });
  return (json as AuditPage).entries;
}

interface Act {
  /** By somebody who may. */
  readonly made: () => Promise<HttpAnswer | void>;
  /** What the line names. */
  readonly target: string | undefined;
  /** By somebody who may not, or without what it takes. */
  readonly refused: () => Promise<HttpAnswer>;
}

type Send = (client: HttpClient) => Promise<HttpAnswer>;

/** The same request by the admin, and by somebody without any grant. */
function act(target: string | undefined, send: Send): Act {
  return { target, made: () => send(admin), refused: () => send(mallory) };
}

function request(method: string, path: string, target: string, more: HttpRequest = {}): Act {
  return act(target, (client) => client.send(method, path, more));
}

const csrOf = async (): Promise<string> => await createCertificateRequest(generateKey());
const invite = async (principal: string, role = 'user'): Promise<Invitation> =>
  (await admin.send('POST', `${ADMIN}/invitations`, { json: { principal, role } }))
    .json as Invitation;
const anonymously = async (path: string, json: object): Promise<HttpAnswer> => {
  await using client = anonymousClient(server);
  return await client.send('POST', path, { json });
};

const body = { body: new TextEncoder().encode('hello'), type: MEDIA_TYPES.bytes };
const at = (path: string): HttpRequest => ({ query: { path } });
const digest = { body: new Uint8Array(32), type: MEDIA_TYPES.digests };

/** Operations with a body that change nothing that has a name: only their refusal is told. */
const QUESTIONS: ReadonlySet<string> = new Set([
  'fileChunksPost',
  'storageFileChunksPost',
  'storageTarPost',
]);

const ACTS: Partial<Record<OperationId, () => Act>> = {
  filesPost: () =>
    request('POST', FILES, '/vision/d', { json: { path: '/vision/d', kind: 'directory' } }),
  storageFilesPost: () =>
    request('POST', '/api/v1/storage/files', '/vision/kept/f', {
      ...at('/vision/kept/f'),
      ...body,
    }),
  filesPatch: () =>
    request('PATCH', FILES, '/vision/kept/a', {
      ...at('/vision/kept/a'),
      json: { op: 'rename', to: '/vision/kept/moved' },
    }),
  filesChangesPost: () =>
    request('POST', `${FILES}/changes`, '/vision/kept', {
      ...at('/vision/kept'),
      json: { changes: [{ op: 'remove', path: 'b' }] },
    }),
  filesDelete: () => request('DELETE', FILES, '/vision/kept/c', at('/vision/kept/c')),
  volumesPost: () => request('POST', '/api/v1/volumes', '/other', { json: { name: 'other' } }),
  volumeDelete: () => request('DELETE', '/api/v1/volumes/other', '/other'),
  volumeKeysPost: () => request('POST', '/api/v1/volumes/vision/keys', '/vision'),
  volumePolicyPost: () =>
    request('POST', '/api/v1/volumes/vision/policy', '/vision', {
      json: { op: 'history', days: 7 },
    }),
  volumeCommitsPost: () => ({
    target: '/own/signed',
    made: async () => {
      const { token } = await invite('owner', 'admin');
      for (const args of [
        ['login', server.url, token],
        ['volume', 'create', 'own', '--custody', 'client'],
        ['mkdir', 'gdp://own/signed'],
      ]) {
        const { stderr, code } = await runCli(args, { home });
        assert.equal(code, 0, stderr);
      }
    },
    refused: () =>
      mallory.send('POST', '/api/v1/volumes/vision/commits', {
        body: new Uint8Array(16),
        type: MEDIA_TYPES.signed,
      }),
  }),
  enrollPost: () => ({
    target: 'carol',
    made: async () => {
      const { token } = await invite('carol');
      return await anonymously('/api/v1/enroll', { token, csr: await csrOf() });
    },
    refused: async () => {
      const { token } = await invite('dave');
      await anonymously('/api/v1/enroll', { token, csr: await csrOf() });
      return await anonymously('/api/v1/enroll', { token, csr: await csrOf() });
    },
  }),
  certificatesPost: () => ({
    target: undefined,
    made: async () =>
      await admin.send('POST', '/api/v1/certificates', { json: { csr: await csrOf() } }),
    refused: async () => await anonymously('/api/v1/certificates', { csr: await csrOf() }),
  }),
  invitationsPost: () =>
    request('POST', `${ADMIN}/invitations`, 'eve', { json: { principal: 'eve' } }),
  principalsPost: () => request('POST', `${ADMIN}/principals`, 'fred', { json: { name: 'fred' } }),
  principalDelete: () => request('DELETE', `${ADMIN}/principals/fred`, 'fred'),
  principalPatch: () =>
    request('PATCH', `${ADMIN}/principals/fred`, 'fred', { json: { revoked: false } }),
  quotasPost: () =>
    request('POST', `${ADMIN}/quotas`, '/vision', {
      json: { volume: 'vision', quota: { bytes: 1_000_000, entries: 1000 } },
    }),
  gcPost: () => request('POST', `${ADMIN}/gc`, 'dry run', { json: { dryRun: true } }),
  groupsPost: () =>
    request('POST', `${ADMIN}/groups`, 'team', { json: { name: 'team', add: ['mallory'] } }),
  groupDelete: () => request('DELETE', `${ADMIN}/groups/team`, 'team'),
  grantsPost: () =>
    request('POST', `${ADMIN}/grants`, '/vision', {
      json: { subject: 'carol', permission: 'read', path: '/vision' },
    }),
  grantDelete: () =>
    request('DELETE', `${ADMIN}/grants`, '/vision', {
      query: { path: '/vision', subject: 'carol' },
    }),
  sharesPost: () =>
    request('POST', '/api/v1/shares', '/vision', { json: { path: '/vision', lifeMs: 60_000 } }),
  shareDelete: () => ({
    target: undefined,
    made: async () => {
      const json = { path: '/vision', lifeMs: 60_000 };
      const { id } = (await admin.send('POST', '/api/v1/shares', { json })).json as Share;
      return await admin.send('DELETE', `/api/v1/shares/${id}`);
    },
    refused: async () => {
      await using client = anonymousClient(server);
      return await client.send('DELETE', '/api/v1/shares/0000000000000000');
    },
  }),
  fileChunksPost: () =>
    request('POST', '/api/v1/file/chunks', '/vision', { ...at('/vision'), ...digest }),
  storageFileChunksPost: () =>
    act(undefined, () => anonymously('/api/v1/storage/file/chunks', {}).then((answer) => answer)),
  storageTarPost: () =>
    request('POST', '/api/v1/storage/tar', '/vision', { ...at('/vision'), json: { paths: [] } }),
};

for (const { id, method } of loadContract().operations.filter((one) => one.method !== 'GET')) {
  test(`${id} is in the audit log when it was made and when it was refused`, async () => {
    const { made, refused, target } = ACTS[id]?.() ?? assert.fail(`${method} ${id} has no case`);
    const before = (await entries()).length;
    const { status, code, text } = await refused();
    assert([400, 401, 403].includes(status), text);
    const refusals = (await entries()).slice(before);
    assert(
      refusals.some((one) => one.operation === id && one.code === code && one.from !== undefined),
      JSON.stringify(refusals),
    );
    const between = (await entries()).length;
    const answer = await made();
    assert(answer === undefined || QUESTIONS.has(id) || answer.status < 300, answer?.text);
    const changes = (await entries()).slice(between).filter((one) => one.operation === id);
    if (QUESTIONS.has(id))
      return assert.deepEqual(
        changes.filter((one) => !one.code),
        [],
      );
    const [line] = changes;
    assert(line !== undefined && line.code === undefined && line.from !== undefined, id);
    assert(target === undefined || line.targets.some((one) => one.startsWith(target)), target);
  });
}

test('what is done on the server itself, without a request, is in its audit log too', async () => {
  const clock = systemClock;
  const keysDirectory = join(folder, 'data', 'keys');
  const auditDirectory = join(folder, 'data', 'audit');
  const directory = join(folder, 'edge');
  const bundle = { keysDirectory, auditDirectory, directory, name: 'edge', names: ['e.example'] };
  // While the server runs, which goes on writing into the same file.
  await makeProxyBundle({ ...bundle, clock });
  await admin.send('POST', FILES, { json: { path: '/vision/later', kind: 'directory' } });
  const local = (await entries()).filter(({ from }) => from === 'local');
  assert.deepEqual(
    local.map(({ operation, targets }) => [operation, ...targets]),
    [
      ['adminToken', 'admin'],
      ['adminProxy', 'edge', 'e.example'],
    ],
  );
  assert.match(local[1]?.detail ?? '', /^on the server, by the user "/);
  assert.deepEqual((await entries()).at(-1)?.targets, ['/vision/later']);
  await using other = await temporaryDirectory();
  {
    await using _other = await startServerHere(other.path);
  }
  const [store, keys] = [join(other.path, 'store'), join(other.path, 'keys')];
  const audit = join(other.path, 'audit');
  const warn = (message: string): void => assert.fail(message);
  const { token } = await makeAdminToken({ store, keys, audit, principal: 'root', warn });
  await using again = await startServerHere(other.path);
  await using root = await enrol(again, token);
  const { json } = await root.send('GET', `${ADMIN}/audit`);
  const lines = (json as AuditPage).entries.map(({ operation, targets }) => [
    operation,
    ...targets,
  ]);
  assert(lines.some((line) => line.join() === 'adminToken,root'));
});

test('what nobody should ask for is refused and audited: paths that lead out, or have no form', async () => {
  const paths = ['/vision/../other', '/vision//d', '/vision/./d', '/vision/a\u0000b', 'vision'];
  for (const path of paths) {
    const { status, code, text } = await admin.send('GET', FILES, at(path));
    assert.deepEqual([status, code], [400, 'bad_request'], `${path}: ${text}`);
  }
  const found = (await entries()).filter((one) => one.operation === 'filesGet');
  assert.deepEqual([found[0]?.code, found[0]?.principal], ['bad_request', 'admin']);
});
