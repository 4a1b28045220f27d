#!/usr/bin/env node
/**
 * Where the process starts. `--version` is answered here: whatever this file imports, everything
 * waits for.
 */

import { readVersion } from './version.ts';

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`gdpfs ${readVersion()}\n`);
} else {
  const { runProcess } = await import('./run-process.ts');
  process.exitCode = await runProcess(args);
}
