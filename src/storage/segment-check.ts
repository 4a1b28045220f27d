import { isGdpfsError } from '../base/errors.ts';
import {
  decodeSegmentHeader,
  decodeWatermark,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  WATERMARK_BYTES,
  WATERMARK_OFFSETS,
} from '../format/segment.ts';
import type { DiskFile } from './disk.ts';

/** What the header page of a segment says, and where it is not as it was written. */
export interface HeaderPage {
  /** Undefined if the header is damaged. */
  readonly storeId: Uint8Array | undefined;
  /** Bytes known to be durable, from the newest good watermark. */
  readonly durable: number;
  readonly problems: readonly { readonly offset: number; readonly what: string }[];
}

/** Checks every byte of the header page, the unused ones too. */
export async function checkHeaderPage(file: DiskFile, segment: number): Promise<HeaderPage> {
  const page = new Uint8Array(SEGMENT_HEADER_BYTES);
  const length = await file.read(page, 0);
  const problems: { offset: number; what: string }[] = [];
  if (length < SEGMENT_HEADER_BYTES)
    problems.push({ offset: length, what: 'the header is cut off' });
  const rest = page.slice();
  let storeId: Uint8Array | undefined;
  try {
    const header = decodeSegmentHeader(page);
    storeId = header.storeId;
    if (header.segment !== segment) {
      problems.push({ offset: 0, what: `the header says segment ${header.segment}` });
    }
    for (const [index, byte] of encodeSegmentHeader(header).entries()) {
      if (byte !== 0) rest[index] = (rest[index] ?? 0) ^ byte;
    }
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    problems.push({ offset: 0, what: error.message });
  }
  let durable = SEGMENT_HEADER_BYTES;
  for (const offset of WATERMARK_OFFSETS) {
    const slot = page.subarray(offset, offset + WATERMARK_BYTES);
    rest.fill(0, offset, offset + WATERMARK_BYTES);
    try {
      durable = Math.max(durable, decodeWatermark(slot)?.durable ?? 0);
    } catch (error) {
      if (!isGdpfsError(error)) throw error;
      problems.push({ offset, what: error.message });
    }
  }
  const stray = rest.findIndex((byte) => byte !== 0);
  if (stray >= 0 && storeId !== undefined) {
    problems.push({ offset: stray, what: 'a byte of the header page that should be zero is not' });
  }
  return { storeId, durable, problems };
}
