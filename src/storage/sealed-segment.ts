import { EMPTY_BYTES } from '../base/bytes.ts';
import { crc32 } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import {
  decodeFooter,
  decodeFrameHeader,
  decodeTable,
  FOOTER_BYTES,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type FramePlace,
  SEGMENT_HEADER_BYTES,
  type TableEntry,
} from '../format/segment.ts';
import { scanFrames } from './frame-scan.ts';
import { notAPlace, type ReplayVisitor, replayFrame, tableEntry } from './replay-visitor.ts';
import { readSegmentHeader, type SegmentReader } from './segment-files.ts';
import type { FrameLocation } from './segment-layout.ts';

/** Replays a sealed segment from its table: nothing but commits is read. */
export async function replaySealed(
  reader: SegmentReader,
  from: FramePlace & { readonly durable: number },
  visitor: ReplayVisitor,
): Promise<void> {
  const { storeId, segment } = from;
  const { entries, tableOffset } = await listFrames(reader, from);
  let end = from.offset;
  let sawStart = from.offset === tableOffset || from.offset === SEGMENT_HEADER_BYTES;
  for (const entry of entries) {
    sawStart ||= isAt(entry, from.offset);
    if (entry.offset < from.offset) {
      end = Math.max(end, entry.offset + FRAME_HEADER_BYTES + entry.length);
      continue;
    }
    if (entry.offset > end) visitor.damage({ segment, offset: end, length: entry.offset - end });
    end = entry.offset + FRAME_HEADER_BYTES + entry.length;
    const isRead = entry.kind === FRAME_KIND.commit;
    const payload = isRead
      ? await readPayload(reader, { ...entry, storeId, segment })
      : EMPTY_BYTES;
    if (payload === undefined) {
      visitor.damage({
        segment,
        offset: entry.offset,
        length: end - entry.offset,
        frame: entry.kind,
      });
    } else {
      replayFrame(visitor, { ...entry, segment }, payload);
    }
  }
  if (end < tableOffset) visitor.damage({ segment, offset: end, length: tableOffset - end });
  if (!sawStart) throw notAPlace(from);
}

/** A place that was where a frame begins may be inside of padding by now, which stands for what was freed. */
function isAt({ kind, offset, length }: TableEntry, place: number): boolean {
  if (kind !== FRAME_KIND.padding) return offset === place;
  return offset <= place && place < offset + FRAME_HEADER_BYTES + length;
}

/** All chunks of a sealed segment. */
export async function chunksOf(
  reader: SegmentReader,
  place: Omit<FramePlace, 'offset'> & { readonly durable: number },
): Promise<TableEntry[]> {
  const { entries } = await listFrames(reader, place);
  return entries.filter(({ kind }) => kind === FRAME_KIND.chunk);
}

/** The payload of the frame at a place, or undefined if that frame is not there as it was written. */
export async function readPayload(
  reader: SegmentReader,
  location: FrameLocation & FramePlace,
): Promise<Uint8Array | undefined> {
  const length = FRAME_HEADER_BYTES + location.length;
  const bytes = await reader.read({ ...location, length });
  const header = decodeFrameHeader(bytes, location);
  const payload = bytes.subarray(FRAME_HEADER_BYTES);
  const isWhole = header?.length === location.length && crc32(payload) === header.checksum;
  return isWhole ? payload : undefined;
}

/**
 * The frames of a sealed segment and where they end: from its table or, should that be damaged, from
 * their headers; then its last watermark says up to where frames must be found.
 */
async function listFrames(
  reader: SegmentReader,
  place: Omit<FramePlace, 'offset'> & { readonly durable: number },
): Promise<{ entries: TableEntry[]; tableOffset: number }> {
  const { storeId, segment } = place;
  try {
    return await readTable(reader, segment);
  } catch (error) {
    if (!isGdpfsError(error, 'corrupt')) throw error;
  }
  const file = await reader.file(segment);
  const end = await file.size();
  const entries: TableEntry[] = [];
  const from = SEGMENT_HEADER_BYTES;
  let tableOffset = Math.max(from, place.durable);
  for await (const item of scanFrames(file, { storeId, segment, from, end, payloadsFrom: end })) {
    if (item.kind === 'damage') continue;
    if (item.header.kind === FRAME_KIND.table) return { entries, tableOffset: item.header.offset };
    entries.push(tableEntry(item.header, item.payload));
    tableOffset = Math.max(
      tableOffset,
      item.header.offset + FRAME_HEADER_BYTES + item.header.length,
    );
  }
  return { entries, tableOffset };
}

/** The table of a sealed segment; throws `corrupt`. */
export async function readTable(
  reader: SegmentReader,
  segment: number,
): Promise<{ entries: TableEntry[]; tableOffset: number }> {
  const file = await reader.file(segment);
  const { storeId } = await readSegmentHeader(file, segment);
  const size = await file.size();
  const footer = await reader.read({ segment, offset: size - FOOTER_BYTES, length: FOOTER_BYTES });
  const offset = decodeFooter(footer);
  const length = size - FOOTER_BYTES - offset;
  if (length < FRAME_HEADER_BYTES) throw tableCorrupt(segment);
  const bytes = await reader.read({ segment, offset, length });
  const header = decodeFrameHeader(bytes, { storeId, segment, offset });
  const payload = bytes.subarray(FRAME_HEADER_BYTES);
  if (header?.kind !== FRAME_KIND.table || header.length !== payload.length) {
    throw tableCorrupt(segment);
  }
  if (crc32(payload) !== header.checksum) throw tableCorrupt(segment);
  return { entries: decodeTable(payload), tableOffset: offset };
}

function tableCorrupt(segment: number): GdpfsError {
  return new GdpfsError('corrupt', `cannot read segment ${segment}: its table is damaged`);
}
