/**
 * The world of the model of transfers: one path in a volume, one file that is uploaded to it and one
 * that is downloaded from it, and what must be true of them.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGdpfsError } from '../../src/base/errors.ts';
import { downloadFile } from '../../src/client/download.ts';
import { uploadFile } from '../../src/client/upload.ts';
import type { Direction, FaultKind } from './fault-proxy.ts';
import type { fc } from './property.ts';
import { content, type Run, stallMsFor, type TransferLab } from './transfer-lab.ts';

/** Bytes of the largest source. */
export const SIZE_MAX = 3072 * 1024;

/** What must be true of the world, as far as it is known. */
export interface Model {
  source: Buffer;
  /** What may be at the path; undefined is nothing. More than one after an upload that was cut off. */
  committed: (Buffer | undefined)[];
  /** What is at the local target. */
  target: Buffer | undefined;
  /** A chunk of what is at the path is damaged on the server's disk. */
  isRotten: boolean;
  /** How often each command had the effect that it is for. */
  readonly seen: Map<string, number>;
}

/** What one run has damaged is no other's: nothing of their content is the same. */
let worlds = 0;

interface DownloadOptions {
  readonly recheck?: boolean;
  /** A fault of that kind is on the way. */
  readonly fault?: FaultKind;
}

/** The files of one run. */
export class World {
  readonly lab: TransferLab;
  readonly source: string;
  readonly directory: string;
  readonly target: string;
  readonly path: string;
  readonly #number = ++worlds;
  #changes = 0;

  constructor(lab: TransferLab, volume: string) {
    this.lab = lab;
    this.source = lab.newPath();
    this.directory = lab.newPath();
    this.target = join(this.directory, 'target');
    this.path = `/${volume}/${this.source.slice(-8).replaceAll('/', '-')}`;
    mkdirSync(this.directory);
  }

  /** New content, never seen before, of a size that chunks do or do not divide. */
  fresh(size: number): Buffer {
    this.#changes += 1;
    return content(this.#number * 1000 + this.#changes, size);
  }

  /** A fault of that kind is on the way. */
  async upload(fault?: FaultKind): Promise<Run> {
    const { source, path } = this;
    return await this.lab.run((session, call) => uploadFile(session, { source, path, ...call }), {
      retries: false,
      stallMs: stallMsFor(fault),
    });
  }

  async download({ recheck = false, fault }: DownloadOptions = {}): Promise<Run> {
    const { path, target } = this;
    const transfer = { recheck };
    return await this.lab.run(
      (session, call) => downloadFile(session, { path, target, transfer, ...call }),
      { retries: false, stallMs: stallMsFor(fault) },
    );
  }

  /** What a reader sees; throws `corrupt` for a damaged file. */
  async read(): Promise<Buffer | undefined> {
    try {
      return await this.lab.read(this.path);
    } catch (error) {
      if (isGdpfsError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  /** Another client writes to the path. */
  async replace(bytes: Buffer): Promise<void> {
    const source = this.lab.newPath();
    writeFileSync(source, bytes);
    await uploadFile(this.lab.direct, { source, path: this.path });
  }

  /** Another client writes to the path when byte `at` goes by. Tells whether it has. */
  replaceAt(direction: Direction, at: number, bytes: Buffer): () => boolean {
    let isReplaced = false;
    const action = async (): Promise<void> => {
      await this.replace(bytes);
      isReplaced = true;
    };
    this.lab.proxy.inject({ direction, at, kind: 'run', action });
    return () => isReplaced;
  }

  readTarget(): Buffer | undefined {
    return existsSync(this.target) ? readFileSync(this.target) : undefined;
  }
}

export type Command = fc.AsyncCommand<Model, World>;

export function equals(left: Buffer | undefined, right: Buffer | undefined): boolean {
  return left === undefined || right === undefined ? left === right : left.equals(right);
}

/** The invariants, after every step. */
async function check(model: Model, world: World): Promise<void> {
  assert(
    equals(world.readTarget(), model.target),
    'the target changes only when a download is done',
  );
  if (model.isRotten) {
    await assert.rejects(world.read(), (error) => isGdpfsError(error, 'corrupt'));
    return;
  }
  const found = await world.read();
  assert(
    model.committed.some((version) => equals(version, found)),
    'what is at the path is a version that was whole at a source',
  );
  model.committed = [found];
}

export function command(
  name: string,
  run: (model: Model, world: World) => Promise<void> | void,
  isPossible: (model: Model) => boolean = () => true,
): Command {
  return {
    check: (model) => isPossible(model),
    run: async (model, world) => {
      await run(model, world);
      await check(model, world);
    },
    toString: () => name,
  };
}

export function note(model: Model, what: string): void {
  model.seen.set(what, (model.seen.get(what) ?? 0) + 1);
}

export function requireCode(error: unknown, ...codes: Parameters<typeof isGdpfsError>[1][]): void {
  if (isGdpfsError(error, ...codes)) return;
  throw error;
}

/** Behind the handshake, somewhere in the content if all of it crosses the wire. */
export function positionIn(bytes: Buffer | undefined, where: number): number {
  return 5000 + Math.floor(where * (bytes?.length ?? 0));
}

export interface Edit {
  readonly kind: 'append' | 'insert' | 'overwrite' | 'truncate' | 'rewrite';
  /** Where: from 0 to 1 of the size. */
  readonly at: number;
  /** Bytes. */
  readonly length: number;
}

export function edited(world: World, old: Buffer, { kind, at, length }: Edit): Buffer {
  const offset = Math.floor(at * old.length);
  const added = world.fresh(length);
  switch (kind) {
    case 'append':
      return Buffer.concat([old, added]).subarray(0, SIZE_MAX);
    case 'insert':
      return Buffer.concat([old.subarray(0, offset), added, old.subarray(offset)]);
    case 'overwrite':
      return Buffer.concat([old.subarray(0, offset), added, old.subarray(offset + length)]);
    case 'truncate':
      return old.subarray(0, offset);
    case 'rewrite':
      return added;
  }
}
