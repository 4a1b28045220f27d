import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** More than the tests that run at once have in such folders: containers often have 64 MiB of it. */
const ROOM_BYTES = 1024 ** 3;

/** A new folder that goes with the test. In memory where that is possible: syncs cost nothing there. */
export class Scratch implements Disposable {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(memoryFolder() ?? tmpdir(), 'gdpfs-test-'));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function memoryFolder(): string | undefined {
  try {
    accessSync('/dev/shm', constants.W_OK);
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize >= ROOM_BYTES ? '/dev/shm' : undefined;
  } catch {
    return undefined;
  }
}
