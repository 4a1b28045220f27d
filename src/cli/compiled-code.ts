/**
 * Code of the bundled program as earlier runs have compiled it. Node's own cache holds what is compiled
 * when a file is loaded, and functions are compiled when they are first called: with those of the same
 * command a start takes a tenth less.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

const HEAD = '(function (exports, require, module, __filename, __dirname) {';
const DIGEST_BYTES = 32;

/** Where the compiled code of one kind of command is kept. */
export interface CodePlace {
  /** Of the user's own: whoever can write there decides what runs. */
  readonly folder: string;
  /** What runs alike calls the same functions. */
  readonly kind: string;
}

/** Runs the CommonJS module at `path`; resolves to what it exports. */
export async function requireCompiled(path: string, { folder, kind }: CodePlace): Promise<unknown> {
  const cachePath = join(folder, `${kind}.code`);
  // The bundle is ASCII, comments aside.
  const source = `${HEAD}${readFileSync(path, 'latin1')}\n})`;
  const subject = subjectOf(path);
  const cachedData = readCode(cachePath, subject);
  const script = new Script(source, {
    filename: path,
    columnOffset: -HEAD.length,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  // To read code takes as long as to run it: a handshake that is under way goes on between them.
  await new Promise((resolve) => setImmediate(resolve));
  const module = { exports: {} };
  const run = script.runInThisContext() as (...args: unknown[]) => void;
  run.call(module.exports, module.exports, createRequire(path), module, path, dirname(path));
  if (cachedData === undefined || script.cachedDataRejected === true) {
    process.once('exit', (code) => {
      // Another command may be no command at all.
      if (code === 0) writeCode(cachePath, subject, script.createCachedData());
    });
  }
  return module.exports;
}

/** V8 looks at its own version and at the length of the source. */
function subjectOf(path: string): string {
  const { size, mtimeMs, ino } = statSync(path);
  return [path, size, mtimeMs, ino, process.version, process.arch].join('\n');
}

/** Undefined if there is none, or it is of another source, or damaged. */
function readCode(path: string, subject: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path);
    const code = bytes.subarray(DIGEST_BYTES);
    return digestOf(subject, code).equals(bytes.subarray(0, DIGEST_BYTES)) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** Where it cannot be written, every run compiles. */
function writeCode(path: string, subject: string, code: Buffer): void {
  // Of all who write it: what two have mixed has another digest.
  const part = `${path}.part`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(part, Buffer.concat([digestOf(subject, code), code]), { mode: 0o600 });
    renameSync(part, path);
  } catch {
    // So be it.
  }
}

function digestOf(subject: string, code: Buffer): Buffer {
  return createHash('sha256').update(`${subject}\n`).update(code).digest();
}
