import type { Random } from './random.ts';

const BLOCK_BYTES = 4096;

/** Bytes that grow and shrink; what was never written reads as zeros. */
class Bytes {
  #buffer = new Uint8Array(0);
  /** The buffer belongs to a clone too: it is copied before the next change. */
  #isShared = false;
  size = 0;

  clone(): Bytes {
    const copy = new Bytes();
    copy.#buffer = this.#buffer;
    copy.#isShared = true;
    this.#isShared = true;
    copy.size = this.size;
    return copy;
  }

  write(bytes: Uint8Array, offset: number): void {
    const end = offset + bytes.length;
    this.#own(end);
    this.#buffer.set(bytes, offset);
    this.size = Math.max(this.size, end);
  }

  truncate(size: number): void {
    this.#own(size);
    this.#buffer.fill(0, size, this.size);
    this.size = size;
  }

  /** A view: shorter at the end. */
  read(offset: number, length: number): Uint8Array {
    return this.#buffer.subarray(offset, Math.max(offset, Math.min(offset + length, this.size)));
  }

  /** Bytes of the blocks that are not all zeros: the others are holes, as it were. */
  get allocated(): number {
    let bytes = 0;
    for (let start = 0; start < this.size; start += BLOCK_BYTES) {
      const block = this.read(start, BLOCK_BYTES);
      if (block.some((byte) => byte !== 0)) bytes += BLOCK_BYTES;
    }
    return bytes;
  }

  #own(capacity: number): void {
    if (!this.#isShared && capacity <= this.#buffer.length) return;
    const isTooSmall = capacity > this.#buffer.length;
    const larger = new Uint8Array(
      isTooSmall ? Math.max(capacity, this.#buffer.length * 2) : this.#buffer.length,
    );
    larger.set(this.#buffer.subarray(0, this.size));
    this.#buffer = larger;
    this.#isShared = false;
  }
}

/** A change to a file that no sync has made durable. */
export type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

/** How a crash treats what was not synced. */
export interface CrashStyle {
  /** Bytes that the device writes as a unit. */
  readonly sectorBytes: number;
  /** Probability that an unsynced change of a sector, a size or a name survives. */
  readonly keep: number;
  /** Fills sectors that the file grew by and that never reached the device. */
  readonly filler: 'zeros' | 'garbage';
}

/** What a crash did, so that a test can tell whether it meant anything. */
export interface CrashReport {
  /** Unsynced changes of single sectors that are gone. */
  lostSectors: number;
  /** Unsynced changes of single sectors that are there all the same. */
  keptSectors: number;
  lostNames: number;
  keptNames: number;
}

/** One file of a FaultDisk: what a reader sees, what is durable, and the changes between the two. */
export class FaultFile {
  /** What a process sees: the page cache. */
  readonly cached: Bytes;
  #durable: Bytes;
  #changes: { readonly change: Change; isDone: boolean }[] = [];

  constructor(durable = new Bytes()) {
    this.#durable = durable;
    this.cached = durable.clone();
  }

  /** Begins a change: visible at once, durable by the first sync that is called after `done`. */
  begin(change: Change): () => void {
    if (change.kind === 'write') this.cached.write(change.bytes, change.offset);
    else this.cached.truncate(change.size);
    const begun = { change, isDone: false };
    this.#changes.push(begun);
    return () => {
      begun.isDone = true;
    };
  }

  /** Whoever waited for the changes in flight is gone; the kernel has finished them. */
  abandon(): void {
    for (const begun of this.#changes) begun.isDone = true;
  }

  /**
   * What was done when this is called will be durable after `finish`, or forgotten after `fail`: all of
   * it, or the change `of` alone and where the file ends, as after a write that is durable by itself.
   */
  beginSync(of?: Change): { finish(): void; fail(): void } {
    const isCovered = (change: Change): boolean =>
      of === undefined || change === of || change.kind === 'truncate';
    const covered = new Set(
      this.#changes.filter(({ change, isDone }) => isDone && isCovered(change)),
    );
    const settle = (apply: boolean): void => {
      if (apply) for (const { change } of covered) applyChange(this.#durable, change);
      this.#changes = this.#changes.filter((begun) => !covered.has(begun));
    };
    return {
      finish: () => {
        settle(true);
      },
      // The kernel takes pages for clean that it failed to write: no later sync writes them.
      fail: () => {
        settle(false);
      },
    };
  }

  /** The file as it may be after a power loss. */
  crash(random: Random, style: CrashStyle, report: CrashReport): FaultFile {
    // The size is kept apart from the content: without its truncations a file has its old end again.
    const keepsTruncations = random.chance(0.5);
    const changes = this.#changes
      .map(({ change }) => change)
      .filter(({ kind }) => kind === 'write' || keepsTruncations);
    const survivor = this.#durable.clone();
    if (changes.length === 0) return new FaultFile(survivor);
    const sizes = [survivor.size];
    const shadow = survivor.clone();
    for (const change of changes) {
      applyChange(shadow, change);
      sizes.push(shadow.size);
    }
    const last = Math.max(...sizes);
    const size = random.chance(style.keep) ? shadow.size : (random.pick(sizes) ?? 0);
    const { sectorBytes } = style;
    for (let offset = 0; offset < last; offset += sectorBytes) {
      const touching = changes.filter((change) => touches(change, offset, sectorBytes));
      if (touching.length === 0) continue;
      const kept = random.chance(style.keep)
        ? touching.length
        : random.integer(0, touching.length - 1);
      report.keptSectors += kept;
      report.lostSectors += touching.length - kept;
      survivor.write(this.#sector(touching.slice(0, kept), { offset, random, style }), offset);
    }
    survivor.truncate(size);
    return new FaultFile(survivor);
  }

  /** One sector after the first of its changes. */
  #sector(
    changes: readonly Change[],
    at: { readonly offset: number; readonly random: Random; readonly style: CrashStyle },
  ): Uint8Array {
    const { offset, random, style } = at;
    const { sectorBytes } = style;
    const old = this.#durable.read(offset, sectorBytes);
    const isFresh = changes.length === 0 && style.filler === 'garbage';
    const sector = isFresh ? random.bytes(sectorBytes) : new Uint8Array(sectorBytes);
    sector.set(old);
    for (const change of changes) {
      if (change.kind === 'truncate') {
        sector.fill(0, Math.max(0, change.size - offset));
        continue;
      }
      const start = Math.max(0, change.offset - offset);
      const from = Math.max(0, offset - change.offset);
      sector.set(change.bytes.subarray(from, from + sectorBytes - start), start);
    }
    return sector;
  }
}

function applyChange(bytes: Bytes, change: Change): void {
  if (change.kind === 'write') bytes.write(change.bytes, change.offset);
  else bytes.truncate(change.size);
}

function touches(change: Change, offset: number, length: number): boolean {
  if (change.kind === 'truncate') return change.size < offset + length;
  return change.offset < offset + length && change.offset + change.bytes.length > offset;
}
