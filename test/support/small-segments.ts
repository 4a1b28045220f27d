import assert from 'node:assert/strict';
import { concatBytes } from '../../src/base/bytes.ts';
import { isGdpfsError } from '../../src/base/errors.ts';
import {
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  payloadChecksum,
} from '../../src/format/segment.ts';
import type { Disk } from '../../src/storage/disk.ts';
import type { Position } from '../../src/storage/replay-visitor.ts';
import { readSegmentHeader } from '../../src/storage/segment-files.ts';
import type { FrameInput, FrameLocation } from '../../src/storage/segment-layout.ts';
import type { FaultDisk } from './fault-disk.ts';
import { Random } from './random.ts';
import { chunkFrame, commitFrame, openSegments, replayed } from './segments.ts';

/** Small segments with random frames on a disk, and what can be done to their files. */

/** Small segments: a few frames fill one. */
export const SMALL = { segmentBytesMax: 14_200, segmentEntriesMax: 8 };
export const SEALED = 'segments/0000000001.seg';
export const OPEN = 'segments/0000000001.open';

export interface Written {
  readonly frame: FrameInput;
  readonly location: FrameLocation;
}

/** Writes `count` frames, in groups of several sizes, and closes the store. */
export async function fill(
  disk: Disk,
  options: { readonly count: number; readonly limits?: Partial<typeof SMALL> },
): Promise<Written[]> {
  const random = new Random(options.count);
  const { store } = await openSegments(disk, { limits: options.limits ?? SMALL });
  const written: Written[] = [];
  while (written.length < options.count) {
    const size = Math.min(random.integer(1, 3), options.count - written.length);
    const frames = Array.from({ length: size }, () => {
      const data = random.bytes(random.integer(1, 900));
      return random.chance(0.4) ? commitFrame(data) : chunkFrame(data);
    });
    const locations = await store.append(frames);
    for (const [index, frame] of frames.entries()) {
      written.push({ frame, location: locations[index] ?? assert.fail() });
    }
  }
  await store.close();
  return written;
}

export async function storeIdOf(disk: FaultDisk): Promise<Uint8Array> {
  const file = await disk.open(OPEN);
  const { storeId } = await readSegmentHeader(file, 1);
  await file.close();
  return storeId;
}

/** Frames as they lie in segment 1 from `offset` on. */
export function encodeFrames(
  frames: readonly FrameInput[],
  { offset, storeId }: { readonly offset: number; readonly storeId: Uint8Array },
): Uint8Array {
  const parts: Uint8Array[] = [];
  let place = offset;
  for (const { kind, payload } of frames) {
    const length = payload.reduce((sum, part) => sum + part.length, 0);
    const checksum = payloadChecksum(payload);
    parts.push(
      encodeFrameHeader({ kind, segment: 1, offset: place, length, checksum }, storeId),
      ...payload,
    );
    place += FRAME_HEADER_BYTES + length;
  }
  return concatBytes(parts);
}

export function names(written: readonly Written[]): string[] {
  return written.map(({ frame, location }) => replayed(frame, location));
}

export async function assertRefused(disk: Disk, from?: Position): Promise<void> {
  const options = from === undefined ? {} : { from };
  await assert.rejects(openSegments(disk, { limits: SMALL, ...options }), isCorrupt);
}

export function isCorrupt(error: unknown): boolean {
  return isGdpfsError(error, 'corrupt');
}

export async function sizeOf(disk: Disk, path: string): Promise<number> {
  return (await bytesOf(disk, path)).length;
}

export async function bytesOf(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path);
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

export async function replace(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path);
  await file.truncate(0);
  await file.write([bytes], 0);
  await file.close();
}

export async function patch(
  disk: Disk,
  path: string,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  const file = await disk.open(path);
  await file.write([bytes], offset);
  await file.close();
}

/** Changes one byte; returns how to change it back. */
export async function flip(disk: Disk, path: string, offset: number): Promise<() => Promise<void>> {
  const old = (await bytesOf(disk, path))[offset] ?? assert.fail();
  await patch(disk, path, offset, Uint8Array.of(old ^ 0x10));
  return async () => {
    await patch(disk, path, offset, Uint8Array.of(old));
  };
}

export function methodsOf(disk: Disk): Disk {
  return {
    open: async (path, options) => await disk.open(path, options),
    list: async (directory) => await disk.list(directory),
    makeDirectory: async (directory) => {
      await disk.makeDirectory(directory);
    },
    rename: async (source, target) => {
      await disk.rename(source, target);
    },
    remove: async (path) => {
      await disk.remove(path);
    },
    syncDirectory: async (directory) => {
      await disk.syncDirectory(directory);
    },
    freeBytes: async () => await disk.freeBytes(),
  };
}
