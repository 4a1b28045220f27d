import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
    return '/dev/shm';
  } catch {
    return undefined;
  }
}
