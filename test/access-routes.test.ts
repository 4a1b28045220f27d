/** Every route of the contract, asked by somebody who may see only part of a volume. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadContract } from '../src/wire/contract.ts';
import type { Listing } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import type { OperationId } from '../src/wire/openapi.ts';
import { type AccessCase, fileCases } from './support/access-file-cases.ts';
import { AccessLab, at, FILES, SECRET, SHOWN, STORAGE } from './support/access-lab.ts';
import { otherCases } from './support/access-other-cases.ts';
import { ok } from './support/http-client.ts';
import { addUser, anonymousClient } from './support/server.ts';

let lab: AccessLab;

before(async () => {
  lab = await AccessLab.start();
});
after(() => lab[Symbol.asyncDispose]());

/** Of every operation of the contract: one without cases does not compile. */
function casesOf(lab: AccessLab): Readonly<Record<OperationId, () => AccessCase[]>> {
  return { ...fileCases(lab), ...otherCases(lab) };
}

for (const { id, method } of loadContract().operations) {
  test(`${id} gives nothing outside the grants of a principal`, async () => {
    for (const { title, request, expected } of casesOf(lab)[id]()) {
      const answer = await request();
      const found = answer.code ?? answer.status;
      assert.equal(found, expected, `${method} ${id}: ${title}: ${answer.text}`);
      const all = JSON.stringify(answer.headers) + Buffer.from(answer.bytes).toString('latin1');
      for (const secret of lab.secrets) {
        // What somebody asks for is in the refusal.
        const isAsked = title.includes(secret);
        assert(isAsked || !all.includes(secret), `${id}: ${title} tells ${secret}`);
      }
    }
  });
}

test('a grant follows its directory when that is renamed, and stays with it', async () => {
  await lab.mkdir('/alice/moving');
  await lab.put('/alice/moving/file', SHOWN);
  await lab.grant('bob', 'read', '/alice/moving');
  await lab.rename('/alice/moving', '/alice/moved');
  await lab.mkdir('/alice/moving');
  await lab.put('/alice/moving/file', SECRET);
  assert.equal((await lab.send('GET', STORAGE, at('/alice/moved/file'))).status, 200);
  assert.equal((await lab.send('GET', STORAGE, at('/alice/moving/file'))).code, 'forbidden');
});

test('a grant on a directory that was removed shows nothing, and is back when that is restored', async () => {
  await using dora = await addUser(lab.server, lab.admin, 'dora');
  await lab.mkdir('/alice/gone');
  await lab.put('/alice/gone/file', SHOWN);
  await lab.grant('dora', 'read', '/alice/gone');
  const seq = (await lab.stat('/alice/gone/file')).seq;
  await ok(lab.alice.send('DELETE', FILES, at('/alice/gone', { recursive: true })));
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
  await ok(lab.alice.send('PATCH', FILES, { query: { path: '/alice/gone' }, json }));
  assert.equal((await dora.send('GET', STORAGE, at('/alice/gone/file'))).status, 200);
});

test('a grant to everyone, to a group, and one that is taken back count from the next request', async () => {
  await lab.mkdir('/alice/shared');
  await lab.put('/alice/shared/file', SHOWN);
  const read = async (): Promise<string | number> => {
    const answer = await lab.send('GET', STORAGE, at('/alice/shared/file'));
    return answer.code ?? answer.status;
  };
  assert.equal(await read(), 'forbidden');
  await lab.grant('*', 'read', '/alice/shared');
  assert.equal(await read(), 200);
  const query = { path: '/alice/shared', subject: '*' };
  await ok(lab.alice.send('DELETE', '/api/v1/admin/grants', { query }));
  assert.equal(await read(), 'forbidden');
  await ok(
    lab.admin.send('POST', '/api/v1/admin/groups', { json: { name: 'team', add: ['bob'] } }),
  );
  await lab.grant('group:team', 'read', '/alice/shared');
  assert.equal(await read(), 200);
  await ok(
    lab.admin.send('POST', '/api/v1/admin/groups', { json: { name: 'team', remove: ['bob'] } }),
  );
  assert.equal(await read(), 'forbidden');
});

test('a revoked principal is refused on an open connection, renews nothing, and has lost its grants', async () => {
  await using carol = await addUser(lab.server, lab.admin, 'carol');
  await lab.grant('carol', 'read', '/alice/open');
  assert.equal((await carol.send('GET', STORAGE, at('/alice/open/shown'))).status, 200);
  await ok(lab.admin.send('DELETE', '/api/v1/admin/principals/carol'));
  for (const [method, path] of [
    ['GET', '/api/v1/whoami'],
    ['POST', '/api/v1/certificates'],
  ] as const) {
    const answer = await carol.send(method, path, method === 'POST' ? { json: { csr: 'x' } } : {});
    assert.equal(answer.code, 'certificate_invalid');
  }
  const invited = await lab.admin.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'carol' },
  });
  assert.equal(invited.code, 'exists');
  await ok(lab.admin.send('PATCH', '/api/v1/admin/principals/carol', { json: { revoked: false } }));
  assert.equal((await carol.send('GET', '/api/v1/whoami')).code, 'certificate_invalid');
  await using again = await addUser(lab.server, lab.admin, 'carol');
  assert.equal((await again.send('GET', STORAGE, at('/alice/open/shown'))).code, 'forbidden');
  assert.equal((await again.send('GET', FILES, at('/carol'))).status, 200);
});

test('an admin does not revoke itself; strangers to a route get 401', async () => {
  const own = await lab.admin.send('DELETE', '/api/v1/admin/principals/admin');
  assert.equal(own.code, 'bad_request');
  await using anonymous = anonymousClient(lab.server);
  const answer = await anonymous.send('GET', '/api/v1/admin/principals');
  assert.equal(answer.code, 'certificate_required');
});

test('names in another Unicode form are other names', async () => {
  await lab.mkdir('/alice/caf\u00e9');
  await lab.put('/alice/caf\u00e9/file', SHOWN);
  await lab.grant('bob', 'read', '/alice/caf\u00e9');
  assert.equal((await lab.send('GET', STORAGE, at('/alice/caf\u00e9/file'))).status, 200);
  assert.equal((await lab.send('GET', STORAGE, at('/alice/cafe\u0301/file'))).code, 'forbidden');
});
