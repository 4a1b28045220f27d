import { concatBytes } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { encodeCommitPayload, FRAME_KIND } from '../../src/format/segment.ts';
import type { Disk } from '../../src/storage/disk.ts';
import type { Damage, Position } from '../../src/storage/replay-visitor.ts';
import { openSegmentStore, type SegmentStore } from '../../src/storage/segment-store.ts';
import type { FrameInput } from '../../src/storage/segment-layout.ts';
import type { SegmentLimits } from '../../src/storage/segment-writer.ts';

/** A segment store, and all that its replay said. */
export interface OpenedSegments {
  readonly store: SegmentStore;
  /** `chunk <digest> at <place>`, `commit <first payload bytes> at <place>`, in order. */
  readonly frames: string[];
  readonly damages: Damage[];
  readonly warnings: string[];
}

export const VOLUME = sha256(Uint8Array.of(1));

export async function openSegments(
  disk: Disk,
  options: { readonly from?: Position; readonly limits?: Partial<SegmentLimits> } = {},
): Promise<OpenedSegments> {
  const frames: string[] = [];
  const damages: Damage[] = [];
  const warnings: string[] = [];
  const { from, limits } = options;
  const store = await openSegmentStore({
    disk,
    visitor: {
      chunk: ({ digest, segment, offset }) => {
        frames.push(`chunk ${name(digest)} at ${segment}:${offset}`);
      },
      commit: (payload, { segment, offset }) => {
        frames.push(`commit ${name(sha256(payload))} at ${segment}:${offset}`);
      },
      damage: (damage) => {
        damages.push(damage);
      },
      isCurrent: ({ edition }) => edition === undefined,
      forget: (segments) => {
        frames.push(`forget ${segments.join(', ')}`);
      },
      chunkAgain: ({ digest, segment, offset }) => {
        frames.push(`again ${name(digest)} at ${segment}:${offset}`);
      },
      edition: () => undefined,
    },
    warn: (message) => {
      warnings.push(message);
    },
    ...(from === undefined ? {} : { from }),
    ...(limits === undefined ? {} : { limits: { ...LIMITS_LARGE, ...limits } }),
  });
  return { store, frames, damages, warnings };
}

const LIMITS_LARGE = {
  segmentBytesMax: 2 ** 30,
  segmentEntriesMax: 1000,
  segmentQueueBytesMax: 2 ** 26,
  paddedFrameBytesMin: 2 ** 19,
};

export function chunkFrame(data: Uint8Array): FrameInput {
  const digest = sha256(data);
  return { kind: FRAME_KIND.chunk, volume: VOLUME, digest, payload: [VOLUME, digest, data] };
}

/** A frame of the kind, with something in it that begins like a commit. */
export function commitFrame(content: Uint8Array): FrameInput {
  const payload = encodeCommitPayload(concatBytes([VOLUME, content]), new Uint8Array(4));
  return { kind: FRAME_KIND.commit, volume: VOLUME, digest: new Uint8Array(32), payload };
}

/** What replay says of a frame. */
export function replayed(frame: FrameInput, { segment, offset }: Position): string {
  const isChunk = frame.kind === FRAME_KIND.chunk;
  const digest = isChunk ? frame.digest : sha256(concatBytes(frame.payload));
  return `${isChunk ? 'chunk' : 'commit'} ${name(digest)} at ${segment}:${offset}`;
}

function name(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex').slice(0, 8);
}
