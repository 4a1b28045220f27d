#!/usr/bin/env node
/**
 * Where the process starts. `--version` is answered here: whatever this file imports, everything
 * waits for; what comes later is imported when it is needed, Node's own modules too. Without an `await`
 * outside of functions, which its bundle cannot have.
 */

import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BegunConnection } from '../client/answers/begun-connection.ts';
import type { EarlyThread } from '../client/tree-worker.ts';
import type { Early, runProcess } from './run-process.ts';
import { readVersion } from './version.ts';

interface Program {
  readonly runProcess: typeof runProcess;
}

/** Those that the program for all others does not have (`tools/bundle.ts`), and what tells of all. */
const WHOLE_PROGRAM: ReadonlySet<string> = new Set([
  'admin',
  'completion',
  'fsck',
  'gc',
  'help',
  'index',
  'serve',
]);

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`gdpfs ${readVersion()}\n`);
} else void run();

async function run(): Promise<void> {
  const kind = kindOf(args);
  const isBundle = import.meta.url.endsWith('.cjs');
  const early = isBundle ? await begin(kind) : {};
  const program = await load(kind, isBundle);
  process.exitCode = await program.runProcess(args, early);
}

/** What takes longest, and needs nothing of the program. */
async function begin(kind: string | undefined): Promise<Early> {
  const thread = await startThread(kind);
  const connection = await connect();
  // Its first words are sent before the program keeps this thread busy.
  if (connection !== undefined) await nextTurn();
  return { thread, connection };
}

/** If a volume is named, and the server is that of the current profile. */
async function connect(): Promise<BegunConnection | undefined> {
  const isNamed = args.some((text) => text.startsWith('gdp://'));
  if (!isNamed || args.some((text) => text.startsWith('--profile'))) return undefined;
  const { beginEarly } = await import('../client/early-connection.ts');
  return beginEarly(process.env);
}

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/**
 * The thread that reads or writes a tree is what a copy waits for longest before its first byte: it starts
 * while the program is being loaded. If the arguments mean something else, nobody takes it.
 */
async function startThread(kind: string | undefined): Promise<EarlyThread | undefined> {
  const [source = '-', target = ''] = args.slice(-2);
  if (source.startsWith('-')) return undefined;
  if (!isRemote(source)) {
    const tree = { root: source, rules: [] };
    if (kind === 'cp-tree-up') return await start('local-worker', { ...tree, packsAhead: true });
    return kind === 'sync-up' ? await start('local-worker', tree) : undefined;
  }
  // What is there already is listed, and written in later.
  if (kind === 'sync' && existsSync(target)) {
    return await start('local-worker', { root: target, rules: [] });
  }
  const isDown = kind === 'cp-tree' || kind === 'sync';
  return isDown ? await start('download-worker', undefined) : undefined;
}

async function start(name: string, workerData: unknown): Promise<EarlyThread> {
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(new URL(`${name}.cjs`, import.meta.url), { workerData });
  worker.unref();
  return { name, workerData, worker };
}

/** Code compiled by earlier runs halves the start. */
async function load(kind: string | undefined, isBundle: boolean): Promise<Program> {
  const caches = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const folder = join(caches, 'gdpfs', 'code');
  // A server loads modules that are not in the bundle.
  const [verb = ''] = args;
  if (isBundle && kind !== undefined && verb !== 'serve') {
    const name = WHOLE_PROGRAM.has(verb) ? 'run-process.cjs' : 'run-client.cjs';
    const path = fileURLToPath(new URL(name, import.meta.url));
    const { requireCompiled } = await import('./compiled-code.ts');
    return (await requireCompiled(path, { folder, kind })) as Program;
  }
  enableCompileCache(folder);
  return await import('./run-process.ts');
}

/** What calls much the same functions: a verb, whether it copies trees, and to where. */
function kindOf(words: readonly string[]): string | undefined {
  const [verb = ''] = words;
  if (!/^[a-z\d-]{1,20}$/.test(verb) || verb.startsWith('-')) return undefined;
  const isTree = words.includes('-r') || words.includes('--recursive');
  const isUp = isRemote(words.at(-1) ?? '');
  return `${verb}${isTree ? '-tree' : ''}${isUp ? '-up' : ''}`;
}

function isRemote(path: string): boolean {
  return /^(?:gdp:\/\/|\/pfs\/)/.test(path);
}
