import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, test } from 'node:test';
import { base64urlDecode, base64urlEncode } from '../src/base/bytes.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import { rotateOwnKey, rotateOwnOwner } from '../src/client/custody/rotate-key.ts';
import { makeDirectory } from '../src/client/files.ts';
import { trustAgain, type TrustedVolume } from '../src/client/trust/volume-trust.ts';
import { holdToWitness } from '../src/client/trust/witness.ts';
import { getVolume } from '../src/client/volumes.ts';
import { verifyVolume } from '../src/client/verify.ts';
import { encodeCheckpoint } from '../src/format/checkpoint.ts';
import { decodeCommit, decodeRecords } from '../src/format/commit.ts';
import { cosignNote } from '../src/format/cosignature.ts';
import { rawPublicKey } from '../src/format/ed25519.ts';
import { consistencyProof, leafHash, merkleRoot } from '../src/format/merkle.ts';
import { type OwnerRotation, rotateOwner } from '../src/format/owner-rotation.ts';
import {
  checkpointOrigin,
  encodePolicyRecord,
  ownerAfter,
  readPolicy,
} from '../src/format/policy.ts';
import {
  decodePreparedCommit,
  encodePreparedCommit,
  type PreparedCommit,
} from '../src/format/prepared-commit.ts';
import { signNote } from '../src/format/signed-note.ts';
import { EMPTY_STATE_ROOT } from '../src/format/state-node.ts';
import type { Volume, VolumeGetQuery } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { bitFlips } from './hostile-bytes.ts';
import { HttpClient } from './support/http-client.ts';
import { createOwn, openWriter, type OwnVolume, type Writer } from './support/own-volume.ts';
import { startServerHere } from './support/server.ts';
import { startTestClient, type TestClient } from './support/session.ts';

/** Owners that nobody has named, between a client that signs and its server. */

let stack: AsyncDisposableStack;
let client: TestClient;
let http: HttpClient;
let own: OwnVolume;
let writer: Writer;
let trusted: TrustedVolume;
/** The first owner key, and the one that follows it. */
let first: KeyObject;
let second: KeyObject;

before(async () => {
  stack = new AsyncDisposableStack();
  client = stack.use(await startTestClient((data) => startServerHere(data, { turnMs: 2 })));
  http = stack.use(new HttpClient(client.identity));
  own = await createOwn(client, 'own');
  writer = stack.use(openWriter(client, own));
  const before = await writer.trust();
  await rotateOwnOwner(await options());
  trusted = await trustAgain(before);
  first = await ownerKey(before);
  second = await ownerKey(trusted);
});
after(() => stack.disposeAsync());

async function options(): Promise<Parameters<typeof rotateOwnOwner>[0]> {
  const now = await trustAgain(await writer.trust());
  const signer = await writer.session.signer(now);
  return { session: writer.session, trusted: now, keys: own.keys, signer };
}

async function ownerKey(of: TrustedVolume): Promise<KeyObject> {
  return (await own.keys.find(of.name, 'owner', of.ownerKey)) ?? assert.fail();
}

function nameOf(): Uint8Array {
  return base64urlDecode(trusted.name) ?? assert.fail();
}

/** A policy that would be the next one. */
function policyBy(owner: KeyObject, rotations: readonly OwnerRotation[]): Uint8Array {
  const before = readPolicy(trusted.policy);
  const policy = { ...before, epoch: before.epoch + 1, rotations };
  return encodePolicyRecord({ volume: nameOf(), policy, ownerKey: owner });
}

async function offer(record: Uint8Array) {
  const json = { op: 'signed', record: base64urlEncode(record) };
  const query = { prepare: trusted.checkpoint.count };
  return await http.send('POST', '/api/v1/volumes/own/policy', { query, json });
}

function named(before: readonly OwnerRotation[], owner: KeyObject, next: KeyObject) {
  return rotateOwner({ volume: nameOf(), before, owner, next: rawPublicKey(next) });
}

test('a policy of another owner, and a rotation that is replayed, forked or left out, is refused', async () => {
  const { rotations } = readPolicy(trusted.policy);
  const { privateKey: thief } = generateKeyPairSync('ed25519');
  const forked = named([], first, thief);
  const bad: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['signed by the owner before', policyBy(first, rotations), /not signed by the owner/],
    ['by a stranger', policyBy(thief, rotations), /not signed by the owner/],
    ['as if there had been no rotation', policyBy(first, []), /there are 0, and 1 were seen/],
    ['another first rotation', policyBy(thief, forked), /number 1 is not the one/],
    [
      'another one, and one more',
      policyBy(second, named(forked, thief, second)),
      /number 1 is not the one/,
    ],
    ['by a thief that it names', policyBy(thief, named(rotations, first, thief)), /not signed/],
    ['the same one twice', policyBy(second, [...rotations, ...rotations]), /a key comes twice/],
    ['back to the first', policyBy(first, named(rotations, second, first)), /a key comes twice/],
  ];
  const { count } = await getVolume(client.session, 'own');
  for (const [what, record, state] of bad) {
    const { code, text } = await offer(record);
    assert.equal(code, 'bad_request', `${what}: ${text}`);
    assert.match(text, state, what);
  }
  // The epoch is the next one, the succession is right: this would be taken, were it asked for so.
  const good = policyBy(second, rotations);
  assert.equal((await offer(good)).status, 202);
  const stale = await offer(trusted.policy);
  assert.equal(stale.code, 'changed', stale.text);
  assert.equal((await getVolume(client.session, 'own')).count, count);
});

test('any flipped bit of a rotation is refused by the server', async () => {
  const { rotations } = readPolicy(trusted.policy);
  const { privateKey: next } = generateKeyPairSync('ed25519');
  const record = policyBy(next, named(rotations, second, next));
  assert.equal((await offer(record)).status, 202);
  // The tags around what is signed are not; what they say is.
  const flips = bitFlips(record).filter((_, bit) => bit >= 6 * 8 && bit % 29 === 0);
  assert(flips.length > 50);
  for (const flipped of flips) {
    const { code, text } = await offer(flipped);
    assert(code === 'bad_request' || code === 'changed', text);
  }
});

test('a server that prepares another owner than the one that was asked for gets no signature', async () => {
  const { request } = writer.wire;
  const { rotations } = readPolicy(trusted.policy);
  const { privateKey: thief } = generateKeyPairSync('ed25519');
  const stolen = policyBy(thief, named(rotations, first, thief));
  const lies: ((prepared: PreparedCommit) => PreparedCommit)[] = [
    (prepared) => ({ ...prepared, records: [stolen] }),
    (prepared) => ({ ...prepared, records: [trusted.policy] }),
    (prepared) => ({ ...prepared, records: [...prepared.records, stolen] }),
    (prepared) => ({ ...prepared, records: [] }),
  ];
  for (const lie of lies) {
    let signed = 0;
    writer.wire.request = async (sent) => {
      if (sent.route.endsWith('/commits')) signed += 1;
      const answer = await request(sent);
      if (answer.headers['content-type'] !== MEDIA_TYPES.prepared) return answer;
      return { ...answer, body: encodePreparedCommit(lie(decodePreparedCommit(answer.body))) };
    };
    try {
      await assert.rejects(rotateOwnOwner(await options()), (error) =>
        isGdpfsError(error, 'untrusted'),
      );
    } finally {
      writer.wire.request = request;
    }
    assert.equal(signed, 0);
  }
});

/** What a server answers that goes on from the true log with a policy of its own, all of it proven. */
async function forgedBy(
  owner: KeyObject,
  rotations: readonly OwnerRotation[],
): Promise<(query: VolumeGetQuery) => Volume> {
  const { bytes } = await http.send('GET', '/api/v1/volumes/own/commits', { query: { from: 0 } });
  const records = decodeRecords(bytes, 100).flatMap((commit) => decodeCommit(commit).records);
  const { privateKey: thief, publicKey } = generateKeyPairSync('ed25519');
  const named = {
    epoch: 99,
    writerKey: rawPublicKey(publicKey),
    historyDays: 1,
    rotations,
    snapshots: [],
  };
  const policy = encodePolicyRecord({ volume: nameOf(), policy: named, ownerKey: owner });
  const leaves = [...records, policy].map(leafHash);
  const origin = checkpointOrigin(nameOf());
  const seen = ownerAfter(policy);
  const text = encodeCheckpoint({
    origin,
    count: leaves.length,
    root: merkleRoot(leaves),
    timeMs: Date.now(),
    epoch: named.epoch,
    state: EMPTY_STATE_ROOT,
    ...(seen && { owner: seen }),
  });
  const note = signNote({ text, keyName: origin, privateKey: thief });
  const volume = await getVolume(client.session, 'own');
  const base64 = (part: Uint8Array): string => Buffer.from(part).toString('base64');
  return ({ since = 0, until = leaves.length }) => ({
    ...volume,
    count: leaves.length,
    proof: {
      checkpoint: Buffer.from(note).toString(),
      meta: base64(records[0] ?? assert.fail()),
      policy: base64(policy),
      consistency: consistencyProof(leaves.slice(0, until), since).map(base64),
    },
  });
}

/** From now on the writer asks that server. */
function deceive(deceived: Writer, answer: (query: VolumeGetQuery) => Volume): void {
  deceived.wire.request = async (sent) => {
    const body = new Uint8Array(Buffer.from(JSON.stringify(answer(sent.query as VolumeGetQuery))));
    return await Promise.resolve({ headers: {}, body, bodyBytes: body.length });
  };
}

test('a thief of an old owner key who has the server, and goes on from what was seen, is refused', async () => {
  const { rotations } = readPolicy(trusted.policy);
  const { privateKey: other } = generateKeyPairSync('ed25519');
  const forked = named([], first, other);
  const thieves: readonly (readonly [KeyObject, readonly OwnerRotation[], RegExp | undefined])[] = [
    [first, [], /there are 0, and 1 were seen before/],
    [other, forked, /number 1 is not the one that was seen before/],
    [second, named(forked, other, second), /number 1 is not the one that was seen before/],
    // So the forgery is good for all but the owner: who is that may name a writer.
    [second, rotations, undefined],
  ];
  for (const [owner, chain, state] of thieves) {
    await using victim = openWriter(client, own);
    const before = await victim.trust();
    deceive(victim, await forgedBy(owner, chain));
    const after = trustAgain(before);
    if (state === undefined) assert.equal((await after).checkpoint.epoch, 99);
    else {
      await assert.rejects(
        after,
        (error) => isGdpfsError(error, 'untrusted') && state.test(error.message),
      );
    }
  }
});

test('who has seen nothing learns of the rotation from a witness', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const witness = { name: 'witness.example.org', publicKey: rawPublicKey(publicKey) };
  const note = cosignNote(trusted.note, { ...witness, privateKey, timeS: 1 });
  await using stranger = openWriter(client, own);
  deceive(stranger, await forgedBy(first, []));
  const deceived = await stranger.trust();
  assert.equal(deceived.checkpoint.epoch, 99);
  await assert.rejects(
    holdToWitness(deceived, { note, witness }),
    (error) => isGdpfsError(error, 'untrusted') && /and 1 were seen before/.test(error.message),
  );
  await using honest = openWriter(client, own);
  assert.equal(await holdToWitness(await honest.trust(), { note, witness }), 1);
});

test('an answer that is lost makes one rotation, and what follows is signed under the new owner', async () => {
  const { request } = writer.wire;
  let lost = 0;
  writer.wire.request = async (sent) => {
    const answer = await request(sent);
    if (!sent.route.endsWith('/commits') || lost > 0) return answer;
    lost += 1;
    // As if the connection had broken: it is sent again.
    return await request(sent);
  };
  try {
    const { ownerRotations, epoch } = await rotateOwnOwner(await options());
    assert.deepEqual([ownerRotations, epoch, lost], [2, 3, 1]);
  } finally {
    writer.wire.request = request;
  }
  await makeDirectory(writer.session, '/own/behind');
  const rotated = await rotateOwnKey(await options());
  assert.deepEqual([rotated.epoch, rotated.ownerRotations], [4, 2]);
  await makeDirectory(writer.session, '/own/behind-that');
  const report = await verifyVolume(client.session, { volume: 'own', data: true });
  assert.deepEqual(report.problems, []);
  const { checkpoint } = await trustAgain(trusted);
  assert.deepEqual([checkpoint.owner?.rotations, checkpoint.epoch], [2, 4]);
});
