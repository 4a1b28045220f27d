import { asBuffer, base64urlEncode, utf8Decode } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import type { CheckpointProof } from '../format/checkpoint-proof.ts';
import { baseName, formatApiPath } from '../format/path.ts';
import type { Chunk } from '../format/manifest.ts';
import type { Entry, VolumeInfo } from '../fs/types.ts';
import type {
  Chunk as ChunkJson,
  Entry as EntryJson,
  Volume,
  VolumeProof,
} from '../wire/generated/api.ts';

/** The JSON forms of api/openapi.yaml. */

export function entryJson(volume: VolumeInfo, entry: Entry): EntryJson {
  const { kind, node, seq, size, mode, mtimeUs, author, file, target } = entry;
  return {
    path: formatApiPath({ volume: volume.alias, path: entry.path }),
    name: baseName(entry.path),
    kind,
    node,
    seq,
    size,
    mode,
    mtimeUs,
    author,
    ...(file === undefined
      ? {}
      : {
          etag: formatDigest(file.content),
          root: formatDigest(file.root),
          log: formatDigest(file.log),
          logCount: file.logCount,
        }),
    ...(target === undefined ? {} : { target }),
  };
}

export function volumeJson(volume: VolumeInfo): Volume {
  const { alias, owner, custody, chunking, createdMs, count } = volume;
  const name = base64urlEncode(volume.name);
  return { name, alias, owner, custody, chunking, createdMs, count };
}

export function proofJson(proof: CheckpointProof): VolumeProof {
  return {
    checkpoint: utf8Decode(proof.checkpoint),
    meta: base64(proof.meta),
    policy: base64(proof.policy),
    consistency: proof.consistency.map(base64),
  };
}

function base64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64');
}

export function chunkJson({ offset, length, checksum, digest }: Chunk): ChunkJson {
  return { offset, length, checksum, digest: formatDigest(digest) };
}
