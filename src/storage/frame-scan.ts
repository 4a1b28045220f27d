import { asBuffer } from '../base/bytes.ts';
import { crc32 } from '../base/digest.ts';
import {
  CHUNK_PREFIX_BYTES,
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  type FrameHeader,
} from '../format/segment.ts';
import type { DiskFile } from './disk.ts';

/** Bytes read at once while looking for headers. */
const WINDOW_BYTES = 256 * 1024;
/** The first bytes of every frame, to find the next one behind damage. */
const FRAME_MAGIC_BYTES = Buffer.from('GDPF');

/** What lies at one place of a segment: a frame, or bytes that are none. */
export type Scanned =
  | {
      readonly kind: 'frame';
      readonly header: FrameHeader;
      /** The payload if asked for; otherwise at most its first CHUNK_PREFIX_BYTES. */
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: 'damage';
      readonly offset: number;
      readonly length: number;
      /** Set when the header is good and only the payload is not. */
      readonly header?: FrameHeader;
    };

export interface ScanOptions {
  readonly storeId: Uint8Array;
  readonly segment: number;
  /** A frame boundary. */
  readonly from: number;
  readonly end: number;
  /** Read payloads and check their CRC from this offset on; before it, only headers. */
  readonly payloadsFrom: number;
}

/** Walks over the frames of a segment, through damage too. */
export async function* scanFrames(file: DiskFile, options: ScanOptions): AsyncGenerator<Scanned> {
  const window = new Window(file, options.end);
  let offset = options.from;
  while (offset < options.end) {
    const place = { storeId: options.storeId, segment: options.segment, offset };
    const header = decodeFrameHeader(await window.read(offset, FRAME_HEADER_BYTES), place);
    const start = offset + FRAME_HEADER_BYTES;
    if (header === undefined || start + header.length > options.end) {
      const next = await findFrame(window, { ...options, from: offset + 1 });
      yield { kind: 'damage', offset, length: next - offset };
      offset = next;
      continue;
    }
    if (offset < options.payloadsFrom) {
      const payload = await window.read(start, Math.min(header.length, CHUNK_PREFIX_BYTES));
      yield { kind: 'frame', header, payload: payload.slice() };
    } else {
      const payload = new Uint8Array(header.length);
      await file.read(payload, start);
      if (crc32(payload) === header.checksum) yield { kind: 'frame', header, payload };
      else yield { kind: 'damage', offset, length: FRAME_HEADER_BYTES + header.length, header };
    }
    offset = start + header.length;
  }
}

/** Offset of the first frame header from `from` on, or `end`. */
async function findFrame(window: Window, options: ScanOptions): Promise<number> {
  let offset = options.from;
  while (offset + FRAME_HEADER_BYTES <= options.end) {
    const bytes = await window.read(offset, WINDOW_BYTES);
    const found = findHeader(bytes, { ...options, from: offset });
    if (found !== undefined) return found;
    if (bytes.length < FRAME_HEADER_BYTES) break;
    // A header that the end of the window cuts begins the next one.
    offset += bytes.length - FRAME_HEADER_BYTES + 1;
  }
  return options.end;
}

/** The first header in `bytes`, which lie at `options.from`. Content may be full of false ones. */
function findHeader(bytes: Uint8Array, options: ScanOptions): number | undefined {
  const { storeId, segment, end } = options;
  const buffer = asBuffer(bytes);
  for (let at = buffer.indexOf(FRAME_MAGIC_BYTES); at >= 0; ) {
    const offset = options.from + at;
    const header = decodeFrameHeader(bytes.subarray(at), { storeId, segment, offset });
    if (header !== undefined && offset + FRAME_HEADER_BYTES + header.length <= end) return offset;
    at = buffer.indexOf(FRAME_MAGIC_BYTES, at + 1);
  }
  return undefined;
}

/** A window over the file that moves forward, so that small frames cost no read each. */
class Window {
  readonly #file: DiskFile;
  readonly #end: number;
  readonly #buffer = new Uint8Array(WINDOW_BYTES);
  #offset = 0;
  #length = 0;

  constructor(file: DiskFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** Up to `length` bytes (at most WINDOW_BYTES) at `offset`, fewer at the end: a view for now. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const available = Math.min(length, this.#end - offset);
    if (offset < this.#offset || offset + available > this.#offset + this.#length) {
      this.#offset = offset;
      const size = Math.min(WINDOW_BYTES, this.#end - offset);
      this.#length = await this.#file.read(this.#buffer.subarray(0, size), offset);
    }
    const start = offset - this.#offset;
    return this.#buffer.subarray(start, Math.min(start + available, this.#length));
  }
}
