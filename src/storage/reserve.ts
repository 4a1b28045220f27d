import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Disk } from './disk.ts';

const RESERVE_PATH = 'reserve';

/**
 * Space set aside so that files can still be removed on a full disk (DESIGN §9): a file that is
 * given up when an urgent commit needs its room, and made again when there is room enough.
 */
export class Reserve {
  readonly #disk: Disk;
  #isHeld: boolean;

  constructor(disk: Disk, isHeld: boolean) {
    this.#disk = disk;
    this.#isHeld = isHeld;
  }

  static async open(disk: Disk): Promise<Reserve> {
    const reserve = new Reserve(disk, await isWhole(disk));
    await reserve.hasRoomFor(0);
    return reserve;
  }

  /** May `bytes` be written by those who may not use the reserve? `freeBytes` if that was just measured. */
  async hasRoomFor(bytes: number, freeBytes?: number): Promise<boolean> {
    const free = freeBytes ?? (await this.#disk.freeBytes());
    if (this.#isHeld) return free >= bytes + LIMITS.freeBytesMin;
    if (free < bytes + 2 * (LIMITS.reserveBytes + LIMITS.freeBytesMin)) return false;
    return await this.#make();
  }

  /** The same for what frees space once it is written: it may take the reserve. */
  async hasUrgentRoomFor(bytes: number): Promise<boolean> {
    if (await this.hasRoomFor(bytes)) return true;
    const free = await this.#disk.freeBytes();
    // What is left behind is for the index, which has to say what was freed.
    const left = this.#isHeld ? LIMITS.reserveBytes : 0;
    if (free + left < bytes + LIMITS.freeBytesMin) return false;
    await this.release();
    return true;
  }

  /** Gives the reserve up for an urgent commit. */
  async release(): Promise<void> {
    await this.#disk.remove(RESERVE_PATH);
    this.#isHeld = false;
  }

  /** False if something else took the space meanwhile. */
  async #make(): Promise<boolean> {
    await this.#disk.remove(RESERVE_PATH);
    const file = await this.#disk.open(RESERVE_PATH, { create: true });
    try {
      // Real bytes, not zeros or a hole: some file systems store neither.
      const block = new Uint8Array(LIMITS.reserveBytes).fill(0x5a);
      await file.write([block], 0);
      await file.sync();
      this.#isHeld = true;
    } catch (error) {
      if (!isGdpfsError(error, 'no_space')) throw error;
      await this.#disk.remove(RESERVE_PATH);
    } finally {
      await file.close();
    }
    return this.#isHeld;
  }
}

/**
 * Before a start: the index needs a little room to be opened, and a server that does not start on a
 * full disk cannot remove anything.
 */
export async function makeRoomToOpen(disk: Disk): Promise<void> {
  if ((await disk.freeBytes()) < LIMITS.freeBytesMin) await disk.remove(RESERVE_PATH);
}

/** A crash, or a disk that filled up, may have left less than the whole reserve. */
async function isWhole(disk: Disk): Promise<boolean> {
  if (!(await disk.list('')).includes(RESERVE_PATH)) return false;
  const file = await disk.open(RESERVE_PATH);
  try {
    return (await file.size()) === LIMITS.reserveBytes;
  } finally {
    await file.close();
  }
}
