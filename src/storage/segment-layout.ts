import { newBytes } from '../base/bytes.ts';
import { crc32 } from '../base/digest.ts';
import {
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type FrameHeader,
  type FrameKind,
  PADDING_BYTES_MAX,
  paddingBefore,
  payloadChecksum,
  type SegmentVersion,
  type TableEntry,
  writeFrameHeader,
} from '../format/segment.ts';

/** A frame to be written. `payload` is written as it is, uncopied: it must not change any more. */
export interface FrameInput {
  readonly kind: FrameKind;
  readonly payload: readonly Uint8Array[];
  /** CRC-32 of the payload, if it is known; otherwise it is computed. */
  readonly checksum?: number;
  /** For the segment's table. */
  readonly volume: Uint8Array;
  readonly digest: Uint8Array;
}

/** Where a frame lies: its header at `offset`, `length` bytes of payload behind it. */
export interface FrameLocation {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** Parts this short are written with those before them: each part of a write costs as much as copying it. */
const SHORT_PART_BYTES = 128;

const ZEROS = new Uint8Array(PADDING_BYTES_MAX);
const NO_NAME = new Uint8Array(32);

/** What frames are on the disk, and what goes into the segment's table. */
export class SegmentLayout {
  readonly #segment: number;
  readonly #idChecksum: number;
  readonly #paddedFrameBytesMin: number;
  /** What is written, one behind the other. */
  readonly parts: Uint8Array[] = [];
  /** In ascending order, padding too. */
  readonly entries: TableEntry[] = [];
  #tail: number;

  constructor(
    place: { readonly segment: number; readonly storeId: Uint8Array; readonly tail: number },
    paddedFrameBytesMin: number,
  ) {
    this.#segment = place.segment;
    this.#idChecksum = crc32(place.storeId);
    this.#paddedFrameBytesMin = paddedFrameBytesMin;
    this.#tail = place.tail;
  }

  /** Where the last frame ends. */
  get tail(): number {
    return this.#tail;
  }

  add(frame: FrameInput): FrameLocation {
    if (isPadded(frame, this.#paddedFrameBytesMin)) this.#pad(paddingBefore(this.#tail));
    return this.#add(frame);
  }

  #pad(bytes: number): void {
    if (bytes === 0) return;
    const payload = [ZEROS.subarray(0, bytes - FRAME_HEADER_BYTES)];
    this.#add({ kind: FRAME_KIND.padding, payload, volume: NO_NAME, digest: NO_NAME });
  }

  #add(frame: FrameInput): FrameLocation {
    const { kind, payload, volume, digest } = frame;
    const segment = this.#segment;
    const offset = this.#tail;
    const length = payloadBytes(frame);
    const checksum = frame.checksum ?? payloadChecksum(payload);
    this.#push({ kind, segment, offset, length, checksum }, payload);
    this.entries.push({ kind, offset, length, volume, digest });
    this.#tail += FRAME_HEADER_BYTES + length;
    return { segment, offset, length };
  }

  /** Adds a frame to what is written; the short parts in front are joined to its header. */
  #push(header: FrameHeader, payload: readonly Uint8Array[]): void {
    let count = 0;
    let length = FRAME_HEADER_BYTES;
    for (const part of payload) {
      if (part.length > SHORT_PART_BYTES) break;
      count += 1;
      length += part.length;
    }
    const head = newBytes(length);
    writeFrameHeader(head, header, this.#idChecksum);
    this.parts.push(head);
    let end = FRAME_HEADER_BYTES;
    for (const [index, part] of payload.entries()) {
      if (index >= count) this.parts.push(part);
      else {
        head.set(part, end);
        end += part.length;
      }
    }
  }
}

/** Does padding come before the frame, so that its data is written from where it lies in memory? */
export function isPadded(frame: FrameInput, bytesMin: number): boolean {
  return frame.kind === FRAME_KIND.chunk && payloadBytes(frame) >= bytesMin;
}

/** Where a segment may have no padding. */
export function paddedBytesMin(version: SegmentVersion, bytesMin: number): number {
  return version === 1 ? Number.POSITIVE_INFINITY : bytesMin;
}

export function payloadBytes({ payload }: FrameInput): number {
  let bytes = 0;
  for (const part of payload) bytes += part.length;
  return bytes;
}
