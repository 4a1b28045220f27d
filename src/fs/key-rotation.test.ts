import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ALICE, ManualClock } from '../../test/support/store.ts';
import { base64urlEncode } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseCheckpoint } from '../format/checkpoint.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { readPolicy } from '../format/policy.ts';
import { decodeMeta } from '../format/records.ts';
import { KeyStore } from '../log/key-store.ts';
import { nextPolicy } from './key-rotation.ts';
import { type OpenedFileSystem, openFileSystem } from './open.ts';

/** Owner keys of volumes whose keys the server has. */

let folder: string;
let opened: OpenedFileSystem;
let volume: Uint8Array;
const clock = new ManualClock();
const keysDirectory = (): string => join(folder, 'keys');

async function open(): Promise<void> {
  const directory = join(folder, 'store');
  const warn = (): void => {};
  opened = await openFileSystem({ directory, keysDirectory: keysDirectory(), clock, warn });
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gdpfs-owner-'));
  await open();
  const init = { alias: 'data', owner: 'alice', chunking: 'cdc' } as const;
  ({ name: volume } = await opened.fs.createVolume(init, ALICE));
});
after(async () => {
  await opened[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function rotationsOf(): number {
  const { checkpoint } = opened.proofs.checkpoint(volume, { since: 0 });
  return parseCheckpoint(checkpoint).checkpoint.owner?.rotations ?? 0;
}

/** The files of the volume's owner keys. */
function ownerFiles(): string[] {
  const prefix = `${base64urlEncode(volume)}.owner.`;
  const files = readdirSync(join(keysDirectory(), 'volumes'));
  return files.filter((file) => file.startsWith(prefix));
}

test('a server that ends with the new key stored, and the record not, goes on with the old key', async () => {
  const { meta, policy } = opened.proofs.checkpoint(volume, { since: 0 });
  const { ownerKey } = decodeMeta(meta, LogKind.DIRECTORY);
  const { epoch, writerKey } = readPolicy(policy);
  nextPolicy(
    { name: volume, ownerKey, writerKey, epoch, policy },
    new KeyStore(keysDirectory()),
    'owner',
  );
  assert.equal(ownerFiles().length, 2);
  await opened[Symbol.asyncDispose]();
  await open();
  assert.equal(rotationsOf(), 0);
  assert.deepEqual(await opened.fs.rotateKey(volume, 'owner', ALICE), {
    epoch: 2,
    ownerRotations: 1,
  });
  assert.equal(rotationsOf(), 1);
});

test('a server that ends with the record stored has the new key, and needs none before it', async () => {
  const before = opened.fs.chunkingKey(volume);
  await opened.fs.rotateKey(volume, 'owner', ALICE);
  rmSync(join(keysDirectory(), 'volumes', `${base64urlEncode(volume)}.owner.key`));
  await opened[Symbol.asyncDispose]();
  await open();
  assert.deepEqual(opened.fs.chunkingKey(volume), before);
  assert.equal((await opened.fs.rotateKey(volume, 'writer', ALICE)).ownerRotations, 2);
  for (const file of ownerFiles()) {
    assert.equal(statSync(join(keysDirectory(), 'volumes', file)).mode & 0o777, 0o600);
  }
});

test('the owner key is replaced as often as the limit says, and then never again', async () => {
  for (let count = rotationsOf(); count < LIMITS.ownerRotationsMax; count += 1) {
    await opened.fs.rotateKey(volume, 'owner', ALICE);
  }
  const files = ownerFiles().length;
  await assert.rejects(
    opened.fs.rotateKey(volume, 'owner', ALICE),
    (error) => isGdpfsError(error, 'bad_request') && /replaced 32 times/.test(error.message),
  );
  assert.equal(ownerFiles().length, files);
  assert.equal(rotationsOf(), LIMITS.ownerRotationsMax);
  const { epoch } = await opened.fs.rotateKey(volume, 'writer', ALICE);
  assert.equal(epoch, LIMITS.ownerRotationsMax + 3);
});
