import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { base64urlDecode, base64urlEncode } from '../src/base/bytes.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import { changeOwnPolicy } from '../src/client/custody/signed-policy.ts';
import { rotateOwnOwner } from '../src/client/custody/rotate-key.ts';
import { makeDirectory } from '../src/client/files.ts';
import { trustAgain } from '../src/client/trust/volume-trust.ts';
import { verifyVolume } from '../src/client/verify.ts';
import {
  encodePolicyRecord,
  HISTORY_FOREVER,
  type Policy,
  readPolicy,
} from '../src/format/policy.ts';
import type { VolumePolicy } from '../src/wire/generated/api.ts';
import { HttpClient } from './support/http-client.ts';
import { createOwn, openWriter, type OwnVolume, type Writer } from './support/own-volume.ts';
import { addUser, startServerHere } from './support/server.ts';
import { startTestClient, type TestClient, VOLUME } from './support/session.ts';

/** What is kept of volumes, over the API, whoever has the owner's key. */

let stack: AsyncDisposableStack;
let client: TestClient;
let http: HttpClient;
let own: OwnVolume;
let writer: Writer;

before(async () => {
  stack = new AsyncDisposableStack();
  client = stack.use(await startTestClient((data) => startServerHere(data, { turnMs: 2 })));
  http = stack.use(new HttpClient(client.identity));
  own = await createOwn(client, 'own');
  writer = stack.use(openWriter(client, own));
});
after(() => stack.disposeAsync());

async function policyOf(volume: string): Promise<VolumePolicy> {
  const { json } = await http.send('GET', `/api/v1/volumes/${volume}/policy`);
  return json as VolumePolicy;
}

async function change(json: object, volume = VOLUME) {
  return await http.send('POST', `/api/v1/volumes/${volume}/policy`, { json });
}

async function owned() {
  const trusted = await trustAgain(await writer.trust());
  const signer = await writer.session.signer(trusted);
  return { session: writer.session, trusted, keys: own.keys, signer };
}

async function pathsAt(volume: string, at: string): Promise<string[]> {
  const query = { path: `/${volume}`, list: 'children', at };
  const { json, text } = await http.send('GET', '/api/v1/files', { query });
  const { entries } = json as { entries?: { path: string }[] };
  assert(entries, text);
  return entries.map(({ path }) => path);
}

test('the server signs a change of policy for whoever administers the volume, and a name is a moment everywhere', async () => {
  assert.deepEqual(await policyOf(VOLUME), {
    epoch: 1,
    ownerRotations: 0,
    historyDays: 30,
    snapshots: [],
  });
  await makeDirectory(client.session, `/${VOLUME}/one`);
  const { json } = await change({ op: 'snapshot', name: 'v1.0' });
  const { snapshots } = json as VolumePolicy;
  assert.deepEqual(
    snapshots.map(({ name, seq }) => [name, seq]),
    [['v1.0', 2]],
  );
  await makeDirectory(client.session, `/${VOLUME}/two`);
  assert.deepEqual(await pathsAt(VOLUME, 'v1.0'), [`/${VOLUME}/one`]);
  assert.equal((await change({ op: 'snapshot', name: 'v1.0' })).code, 'exists');
  assert.equal((await change({ op: 'snapshot', name: 'v1.1', at: 'v2' })).code, 'not_found');
  assert.equal((await change({ op: 'snapshot', name: 'V1' })).code, 'bad_request');
  assert.equal((await change({ op: 'history', days: -1 })).code, 'bad_request');
  assert.equal((await change({ op: 'signed', record: 'AA' })).code, 'bad_request');
  const forever = (await change({ op: 'history', days: HISTORY_FOREVER })).json as VolumePolicy;
  assert.deepEqual([forever.historyDays, forever.epoch], [HISTORY_FOREVER, 3]);
  const again = (await change({ op: 'history', days: HISTORY_FOREVER })).json as VolumePolicy;
  assert.deepEqual(again, forever);
  const copy = { op: 'copy', to: `/${VOLUME}/copied`, recursive: true, at: 'v1.0' };
  const query = { path: `/${VOLUME}/one` };
  assert.equal((await http.send('PATCH', '/api/v1/files', { query, json: copy })).status, 200);
  assert.deepEqual(
    (await verifyVolume(client.session, { volume: VOLUME, data: true })).problems,
    [],
  );
});

test('who may read and write everything, and not administer, sees names and changes none', async () => {
  await using user = await addUser(client.server, http, 'carol');
  await http.send('POST', '/api/v1/admin/grants', {
    json: { path: `/${VOLUME}`, subject: 'carol', permission: 'write' },
  });
  const path = `/api/v1/volumes/${VOLUME}/policy`;
  assert.deepEqual((await user.send('GET', path)).json, await policyOf(VOLUME));
  const before = await policyOf(VOLUME);
  for (const json of [
    { op: 'snapshot', name: 'mine' },
    { op: 'forget', name: 'v1.0' },
    { op: 'history', days: 0 },
  ]) {
    assert.equal((await user.send('POST', path, { json })).code, 'forbidden');
  }
  assert.deepEqual(await policyOf(VOLUME), before);
});

test('in a volume whose keys the server has not, the owner signs it, and names stay through rotations', async () => {
  await makeDirectory(writer.session, '/own/one');
  const snapshot = { name: 'v1', seq: 2, createdMs: 1000 };
  const changed = await changeOwnPolicy(await owned(), { kind: 'snapshot', snapshot });
  assert.deepEqual(changed.snapshots, [snapshot]);
  await makeDirectory(writer.session, '/own/two');
  const shorter = await changeOwnPolicy(await owned(), { kind: 'history', days: 1 });
  assert.deepEqual(await changeOwnPolicy(await owned(), { kind: 'history', days: 1 }), shorter);
  await rotateOwnOwner(await owned());
  const policy = await policyOf('own');
  assert.deepEqual([policy.historyDays, policy.snapshots], [1, [snapshot]]);
  assert.deepEqual((await owned()).trusted.checkpoint.snapshots, [snapshot]);
  assert.deepEqual(await pathsAt('own', 'v1'), ['/own/one']);
  assert.equal((await change({ op: 'history', days: 2 }, 'own')).code, 'read_only');
  assert.deepEqual(
    (await verifyVolume(client.session, { volume: 'own', data: true })).problems,
    [],
  );
  const taken = { name: 'v1', seq: 3, createdMs: 1 };
  await assert.rejects(
    changeOwnPolicy(await owned(), { kind: 'snapshot', snapshot: taken }),
    (error) => isGdpfsError(error, 'exists'),
  );
});

test('the server refuses a signed policy that moves a name, or names a state to come', async () => {
  const { trusted } = await owned();
  const volume = base64urlDecode(trusted.name) ?? assert.fail();
  const ownerKey = (await own.keys.find(trusted.name, 'owner', trusted.ownerKey)) ?? assert.fail();
  const before = readPolicy(trusted.policy);
  const offer = async (snapshots: Policy['snapshots']) => {
    const policy = { ...before, epoch: before.epoch + 1, snapshots };
    const record = encodePolicyRecord({ volume, policy, ownerKey });
    return await http.send('POST', '/api/v1/volumes/own/policy', {
      query: { prepare: trusted.checkpoint.count },
      json: { op: 'signed', record: base64urlEncode(record) },
    });
  };
  const [one] = before.snapshots;
  assert(one);
  const { count } = trusted.checkpoint;
  const bad: readonly (readonly [Policy['snapshots'], RegExp])[] = [
    [[{ ...one, seq: 1 }], /"v1" was the state after record 2, and is that after 1/],
    [[{ ...one, createdMs: 1 }], /"v1" was the state/],
    [[one, { ...one, name: 'v2', seq: count }], /"v2" is the state after record/],
    // What cannot be read shows no rotations either.
    [[one, one], /not signed by the owner/],
  ];
  for (const [snapshots, state] of bad) {
    const { code, text } = await offer(snapshots);
    assert.equal(code, 'bad_request', text);
    assert.match(text.replaceAll('\\"', '"'), state);
  }
  assert.equal((await offer([one, { ...one, name: 'v2', seq: count - 1 }])).status, 202);
});
