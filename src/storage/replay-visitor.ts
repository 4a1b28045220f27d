import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import {
  CHUNK_PREFIX_BYTES,
  FRAME_KIND,
  type FrameHeader,
  type FrameKind,
  type TableEntry,
} from '../format/segment.ts';
import type { FrameLocation } from './segment-layout.ts';

/** A place in the sequence of all frames. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

/** Bytes before the durable end that are not what was written there. */
export interface Damage extends FrameLocation {
  /** What the frame was, if that can still be read. */
  readonly frame?: FrameKind;
}

/**
 * Receives, in order, every frame from a position on. Chunks go on arriving while the store is open,
 * as soon as they are durable; commits are for their writer to apply.
 */
export interface ReplayVisitor {
  chunk(chunk: { readonly volume: Uint8Array; readonly digest: Uint8Array } & FrameLocation): void;
  commit(payload: Uint8Array, location: FrameLocation): void;
  damage(damage: Damage): void;
  /** Is what is known of a sealed segment's chunks from this edition of it? */
  isCurrent(edition: SegmentEdition): boolean;
  /**
   * Before all else: of sealed segments that were read before, and were written anew since, or may not have been
   * after all. What is known of places in them is no more; `chunkAgain` follows for each chunk in them.
   */
  forget(segments: readonly number[]): void;
  chunkAgain(chunk: ChunkEntry & FrameLocation): void;
  /** All chunks of the sealed segment were told of. */
  edition(edition: SegmentEdition): void;
}

type ChunkEntry = Pick<TableEntry, 'volume' | 'digest'>;

/** Which of the files that a sealed segment has had. */
export interface SegmentEdition {
  readonly segment: number;
  /** Undefined for the first one. */
  readonly edition: Uint8Array | undefined;
}

/** Tells the visitor of a frame that is as it was written. */
export function replayFrame(
  visitor: ReplayVisitor,
  entry: TableEntry & { readonly segment: number },
  payload: Uint8Array,
): void {
  if (entry.kind === FRAME_KIND.chunk) visitor.chunk(entry);
  else if (entry.kind === FRAME_KIND.commit) visitor.commit(payload, entry);
}

/** What the table says of a frame, from its header and the first bytes of its payload. */
export function tableEntry(header: FrameHeader, payload: Uint8Array): TableEntry {
  const { kind, offset, length } = header;
  const none = new Uint8Array(DIGEST_BYTES);
  if (kind === FRAME_KIND.padding) return { kind, offset, length, volume: none, digest: none };
  const isChunk = kind === FRAME_KIND.chunk;
  // A commit's payload starts with the length of the commit, which starts with the volume.
  const start = isChunk ? 0 : 4;
  return {
    kind,
    offset,
    length,
    volume: payload.slice(start, start + DIGEST_BYTES),
    digest: isChunk ? payload.slice(DIGEST_BYTES, CHUNK_PREFIX_BYTES) : none,
  };
}

export function asDamage(
  segment: number,
  item: { readonly offset: number; readonly length: number; readonly header?: FrameHeader },
): Damage {
  const place = { segment, offset: item.offset, length: item.length };
  return item.header === undefined ? place : { ...place, frame: item.header.kind };
}

export function notAPlace({ segment, offset }: Position): GdpfsError {
  return new GdpfsError(
    'corrupt',
    `cannot replay from segment ${segment} at ${offset}: no frame begins there`,
    { hint: 'run `gdpfs fsck` to see what is missing, then `gdpfs index rebuild`' },
  );
}
