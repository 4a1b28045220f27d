/** File systems of their own for tests, where this process may mount them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

/** Mounts a file system of `bytes` bytes in memory. Skips the test, saying why, where it cannot. */
export function mountMemory(context: TestContext, path: string, bytes: number): boolean {
  mkdirSync(path);
  return mount(context, path, ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
}

/** Changes what a mounted file system allows: `ro`, or another `size=`. */
export function remount(path: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, path]);
}

/** Mounts what is at `path` once more, read-only. */
export function mountReadOnly(context: TestContext, path: string): boolean {
  if (!mount(context, path, ['--bind', path, path])) return false;
  remount(path, 'bind,ro');
  return true;
}

/** Mounts a file system that takes names for the same that differ in case only. */
export function mountCaseFolding(context: TestContext, path: string): boolean {
  mkdirSync(path);
  const image = `${path}.image`;
  writeFileSync(image, '');
  truncateSync(image, 32 * 1024 * 1024);
  try {
    execFileSync('mkfs.ext4', ['-q', '-O', 'casefold', '-E', 'encoding=utf8', image], {
      stdio: 'pipe',
    });
  } catch (error) {
    context.skip(`no file system that folds names can be made: ${firstLine(error)}`);
    return false;
  }
  return mount(context, path, ['-o', 'loop', image, path]);
}

function mount(context: TestContext, path: string, options: readonly string[]): boolean {
  try {
    execFileSync('mount', options, { stdio: 'pipe' });
  } catch (error) {
    context.skip(`nothing can be mounted here: ${firstLine(error)}`);
    return false;
  }
  context.after(() => execFileSync('umount', [path]));
  return true;
}

function firstLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  return stderr.split('\n')[0] ?? String(error);
}
