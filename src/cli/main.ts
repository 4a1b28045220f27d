#!/usr/bin/env node
/**
 * Where the process starts. `--version` is answered here: whatever this file imports, everything
 * waits for. Without an `await` outside of functions, which its bundle cannot have.
 */

import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readVersion } from './version.ts';

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`gdpfs ${readVersion()}\n`);
} else {
  // Code compiled by earlier runs halves the start. In a folder of the user's own: whoever can write
  // there decides what runs.
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  enableCompileCache(join(caches, 'gdpfs', 'code'));
  void run();
}

async function run(): Promise<void> {
  const { runProcess } = await import('./run-process.ts');
  process.exitCode = await runProcess(args);
}
