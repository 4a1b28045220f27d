import type { TableEntry } from '../format/segment.ts';
import type { Disk } from './disk.ts';
import type { Reserve } from './reserve.ts';
import { SegmentReader } from './segment-files.ts';
import { type Rewriting, rewriteSegment } from './segment-rewriter.ts';
import type { SegmentWriter } from './segment-writer.ts';
import { readTable } from './sealed-segment.ts';

/** The frames of a segment, and where the last one ends. */
export interface SegmentFrames {
  readonly entries: readonly TableEntry[];
  readonly end: number;
}

/** Makes room: writes sealed segments anew, without some of their frames. */
export class SegmentSpace {
  readonly #disk: Disk;
  readonly #reader: SegmentReader;
  readonly #writer: SegmentWriter;
  readonly #reserve: Reserve;

  constructor(parts: {
    readonly disk: Disk;
    readonly reader: SegmentReader;
    readonly writer: SegmentWriter;
    readonly reserve: Reserve;
  }) {
    this.#disk = parts.disk;
    this.#reader = parts.reader;
    this.#writer = parts.writer;
    this.#reserve = parts.reserve;
  }

  /** The last one, to which frames are added. All before it are sealed. */
  get openSegment(): number {
    return this.#writer.position.segment;
  }

  /** Throws `corrupt` if the segment's table is damaged: then nothing can be left out of it. */
  async frames(segment: number): Promise<SegmentFrames> {
    const { segment: open, offset: end } = this.#writer.position;
    if (segment === open) return { entries: this.#writer.openEntries, end };
    // One of its own: that of those who read keeps its files open.
    const reader = new SegmentReader(this.#disk);
    try {
      const { entries, tableOffset } = await readTable(reader, segment);
      return { entries, end: tableOffset };
    } finally {
      await reader.close();
    }
  }

  /** Seals the segment that is open, unless it is empty. */
  async seal(): Promise<void> {
    await this.#writer.append([], { urgent: true, isSealing: true });
  }

  /** May a segment be written anew that will have so many bytes? The reserve may be taken for it. */
  async hasRoomFor(bytes: number): Promise<boolean> {
    return await this.#reserve.hasUrgentRoomFor(bytes);
  }

  /** `rewriteSegment`. Returns by how many bytes the segment takes less of the disk. */
  async rewrite(
    rewriting: Rewriting,
    { signal, onRenamed }: { readonly signal: AbortSignal; readonly onRenamed: () => void },
  ): Promise<number> {
    const { before, after } = await rewriteSegment(this.#disk, rewriting, {
      signal,
      onRenamed: () => {
        this.#reader.drop(rewriting.segment);
        onRenamed();
      },
    });
    this.#writer.noteRewritten(before - after);
    return before - after;
  }
}
