import { asBuffer, base64urlEncode, utf8Decode } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import type { CheckpointProof } from '../format/checkpoint-proof.ts';
import type { Chunk } from '../format/manifest.ts';
import { LEVEL } from '../fs/rights.ts';
import type { VolumeInfo } from '../fs/types.ts';
import type { Chunk as ChunkJson, Volume, VolumeProof } from '../wire/generated/api.ts';

import { rightsOf } from './authorize.ts';
import type { Exchange } from './exchange.ts';

/** The JSON forms of api/openapi.yaml. */

export function volumeJson(exchange: Exchange, volume: VolumeInfo): Volume {
  const { alias, owner, custody, chunking, createdMs, count } = volume;
  const name = base64urlEncode(volume.name);
  const access = ACCESS_NAMES[rightsOf(exchange, volume).whole];
  const { fs, system } = exchange.services;
  const { bytes, entries } = system.view.quota(volume.name);
  const quota = bytes === 0 && entries === 0 ? {} : { quota: { bytes, entries } };
  const usage = fs.usage(volume.name);
  const held = usage === undefined ? {} : { usage };
  return { name, alias, owner, custody, chunking, createdMs, count, access, ...held, ...quota };
}

/** What the caller may do in all of a volume; `partial`: something, but not everywhere. */
const ACCESS_NAMES = {
  [LEVEL.none]: 'partial',
  [LEVEL.read]: 'read',
  [LEVEL.write]: 'write',
  [LEVEL.admin]: 'admin',
} as const;

export function proofJson(proof: CheckpointProof): VolumeProof {
  return {
    checkpoint: utf8Decode(proof.checkpoint),
    meta: base64(proof.meta),
    policy: base64(proof.policy),
    consistency: proof.consistency.map(base64),
  };
}

export function base64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64');
}

export function chunkJson({ offset, length, checksum, digest }: Chunk): ChunkJson {
  return { offset, length, checksum, digest: formatDigest(digest) };
}
