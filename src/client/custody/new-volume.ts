import { randomBytes } from 'node:crypto';
import { asBuffer, base64urlEncode } from '../../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { encodeCheckpoint } from '../../format/checkpoint.ts';
import { chunkingKey } from '../../format/chunker.ts';
import { encodeCommit, ZERO_DIGEST } from '../../format/commit.ts';
import { rawPrivateKey, rawPublicKey } from '../../format/ed25519.ts';
import { Chunking, Custody, HashAlgorithm, LogKind } from '../../format/generated/gdpfs_pb.js';
import { leafHash, merkleRoot } from '../../format/merkle.ts';
import { checkpointOrigin, encodePolicyRecord, HISTORY_DAYS_DEFAULT } from '../../format/policy.ts';
import { encodeRecord, FORMAT_VERSION, logName, NONCE_BYTES } from '../../format/records.ts';
import { signNote } from '../../format/signed-note.ts';
import { EMPTY_STATE_ROOT } from '../../format/state-node.ts';
import type { CreateVolume, Volume } from '../../wire/generated/api.ts';
import type { CallOptions } from '../files.ts';
import type { Session } from '../session.ts';
import { createVolume } from '../volumes.ts';
import { newVolumeKey, type VolumeKeys } from './volume-keys.ts';

const FIRST_EPOCH = 1;

/**
 * Creates a volume with custody `client`: its keys are made and kept here, and the server gets what they
 * have signed. They are durable before the volume can be.
 */
export async function createOwnVolume(
  session: Session,
  keys: VolumeKeys,
  { signal, ...volume }: CreateVolume & CallOptions,
): Promise<Volume> {
  const owner = newVolumeKey();
  const writer = newVolumeKey();
  const nowMs = Date.now();
  const isCut = volume.chunking === 'cdc';
  const meta = encodeRecord({
    case: 'meta',
    value: {
      version: FORMAT_VERSION,
      kind: LogKind.DIRECTORY,
      hash: HashAlgorithm.SHA256,
      nonce: new Uint8Array(randomBytes(NONCE_BYTES)),
      createdMs: BigInt(nowMs),
      ownerKey: rawPublicKey(owner),
      custody: Custody.CLIENT,
      chunking: isCut ? Chunking.CDC : Chunking.FIXED,
    },
  });
  const name = logName(meta);
  const policy = encodePolicyRecord({
    volume: name,
    policy: {
      epoch: FIRST_EPOCH,
      writerKey: rawPublicKey(writer),
      historyDays: HISTORY_DAYS_DEFAULT,
      rotations: [],
      snapshots: [],
    },
    ownerKey: owner,
  });
  const records = [meta, policy];
  const origin = checkpointOrigin(name);
  const text = encodeCheckpoint({
    origin,
    count: records.length,
    root: merkleRoot(records.map(leafHash)),
    timeMs: nowMs,
    epoch: FIRST_EPOCH,
    state: EMPTY_STATE_ROOT,
  });
  const note = signNote({ text, keyName: origin, privateKey: writer });
  const head = { volume: name, epoch: FIRST_EPOCH, firstSeq: 0, previous: ZERO_DIGEST };
  const { bytes } = encodeCommit({ ...head, records, parts: [] }, note);
  const cut = isCut
    ? { chunkingKey: base64urlEncode(chunkingKey(rawPrivateKey(owner), name)) }
    : {};
  const text43 = base64urlEncode(name);
  await keys.save(text43, 'owner', owner);
  await keys.save(text43, 'writer', writer);
  const request = { ...volume, ...cut, commit: asBuffer(bytes).toString('base64') };
  try {
    const created = await createVolume(session, request, { signal });
    if (created.name === text43) return created;
    throw new GdpfsError(
      'untrusted',
      `cannot create volume "${volume.name}": the server shows another, "${created.name}"`,
    );
  } catch (error) {
    // If the volume may have been made all the same, it needs its keys.
    if (isGdpfsError(error) && error.traits.mutated === 'no') {
      await keys.remove(text43, 'owner', owner);
      await keys.remove(text43, 'writer', writer);
    }
    throw error;
  }
}
