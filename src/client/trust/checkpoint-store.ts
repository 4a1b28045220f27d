import {
  closeSync,
  fsync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bytesEqual } from '../../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { systemCode } from '../../base/system-error.ts';
import { type Checkpoint, parseCheckpoint } from '../../format/checkpoint.ts';
import { makePrivateDirectory } from '../../wire/private-file.ts';
import { localError, quote } from '../local-error.ts';

/**
 * Checkpoints that were seen and verified, by the names of the volumes. One file each, named by the
 * count of records, so that processes need no lock: each adds what it has seen, and whoever reads
 * holds the server to all of them. Usually it is one; it is dropped when a newer one that continues
 * it is there.
 */
export interface CheckpointStore {
  /** In the order of their counts. Throws `local_io` for a file that is damaged. */
  read(volume: string): Promise<readonly Checkpoint[]>;
  /** Throws `untrusted` if another one with the same count is known. */
  add(volume: string, note: Uint8Array): Promise<void>;
  drop(volume: string, checkpoint: Checkpoint): Promise<void>;
  /** Was the principal ever shown a proof from the volume's whole tree? */
  hasSeenWhole(volume: string, principal: string): Promise<boolean>;
  /** From now on that is so. */
  seeWhole(volume: string, principal: string): Promise<void>;
  /** All of the volume. Was there any? */
  forget(volume: string): Promise<boolean>;
}

const FILE_MODE = 0o600;
/** A configuration that is mounted read-only keeps what it came with. */
const READ_ONLY: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);
const NAME = /^(0|[1-9][0-9]{0,15})\.note$/;

/**
 * `directory` is made when there is something to keep. Only a sync is waited for beside other things: all else
 * are calls that take less than the way to another thread and back, and each command waits for some of
 * them before its first change and behind its last.
 */
export function openCheckpointStore(directory: string): CheckpointStore {
  const folderOf = (volume: string): string => join(directory, volume);
  const pathOf = (volume: string, count: number): string => join(folderOf(volume), `${count}.note`);
  const wholeName = (principal: string): string => `whole.${principal}`;
  /** Adds a file; false if it is there already, or nothing can be written. */
  const create = async (volume: string, path: string, bytes: Uint8Array): Promise<boolean> => {
    try {
      await makePrivateDirectory(folderOf(volume));
      return await createWhole(path, bytes);
    } catch (error) {
      if (isGdpfsError(error) && READ_ONLY.has(systemCode(error.cause) ?? '')) return false;
      throw error;
    }
  };

  return {
    async read(volume) {
      return list(folderOf(volume))
        .filter((name) => NAME.test(name))
        .map((name) => readNote(join(folderOf(volume), name)))
        .filter((checkpoint) => checkpoint !== undefined)
        .sort((left, right) => left.count - right.count)
        .slice(-LIMITS.rememberedCheckpointsMax);
    },

    async add(volume, note) {
      const { checkpoint } = parseCheckpoint(note);
      const path = pathOf(volume, checkpoint.count);
      if (await create(volume, path, note)) return;
      const known = readNote(path);
      if (known === undefined || bytesEqual(known.root, checkpoint.root)) return;
      throw new GdpfsError(
        'untrusted',
        `cannot trust checkpoint: another one over ${checkpoint.count} records was seen before`,
      );
    },

    async drop(volume, { count }) {
      const path = pathOf(volume, count);
      try {
        unlinkSync(path);
      } catch (error) {
        const code = systemCode(error) ?? '';
        if (code !== 'ENOENT' && !READ_ONLY.has(code)) throw localError('remove', path, error);
      }
    },

    async hasSeenWhole(volume, principal) {
      return list(folderOf(volume)).includes(wholeName(principal));
    },

    async seeWhole(volume, principal) {
      const path = join(folderOf(volume), wholeName(principal));
      await create(volume, path, new Uint8Array(0));
    },

    async forget(volume) {
      const hadAny = list(folderOf(volume)).length > 0;
      await rm(folderOf(volume), { recursive: true, force: true });
      return hadAny;
    },
  };
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw localError('read', folder, error);
  }
}

/** Undefined if somebody has dropped it meanwhile. */
function readNote(path: string): Checkpoint | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw localError('read', path, error);
  }
  try {
    return parseCheckpoint(bytes).checkpoint;
  } catch (cause) {
    if (!isGdpfsError(cause)) throw cause;
    throw new GdpfsError('local_io', `cannot use ${quote(path)}: it is damaged`, {
      cause,
      hint: 'if nobody else can have changed it, "gdpfs volume trust --reset" starts anew',
    });
  }
}

/** False if it exists already. */
async function createWhole(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = `${path}.${process.pid}-${(temporaries += 1)}.tmp`;
  try {
    const file = openSync(temporary, 'w', FILE_MODE);
    try {
      await writeDurably(file, bytes);
      linkSync(temporary, path);
    } finally {
      unlinkSync(temporary);
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw localError('write', path, error);
  }
}

/** And closes it. */
async function writeDurably(file: number, bytes: Uint8Array): Promise<void> {
  try {
    writeFileSync(file, bytes);
    await sync(file);
  } finally {
    closeSync(file);
  }
}

const sync = promisify(fsync);

let temporaries = 0;
