import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

/**
 * That .oxlintrc.json reports what it is there for: the rules run, once, over a small tree of bad
 * files, each of which must be reported, and good ones, which must not.
 */

const ROOT = join(import.meta.dirname, '..');

/** Layers and what they may import. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  format: ['base'],
  storage: ['base', 'format'],
  log: ['base', 'format', 'storage'],
  fs: ['base', 'format', 'storage', 'log'],
  wire: ['base', 'format'],
  server: ['base', 'format', 'storage', 'log', 'fs', 'wire'],
  client: ['base', 'format', 'wire'],
  cli: ['base', 'format', 'storage', 'log', 'fs', 'wire', 'client'],
  tfjs: ['base', 'format', 'wire', 'client'],
  web: ['base', 'format', 'wire'],
};

interface BadFile {
  readonly path: string;
  readonly source: string;
  readonly rule: string;
}

const BAD_FILES: readonly BadFile[] = [
  bad(
    'src/fs/floating.ts',
    'no-floating-promises',
    `
    async function work(): Promise<void> {}
    export function start(): void { work(); }`,
  ),
  bad(
    'src/fs/misused.ts',
    'no-misused-promises',
    `
    export function start(all: number[]): void { all.forEach(async () => {}); }`,
  ),
  bad(
    'src/fs/awaits-nothing.ts',
    'await-thenable',
    `
    export async function wait(value: number): Promise<number> { return (await value) + 1; }`,
  ),
  bad(
    'src/fs/throws-text.ts',
    'only-throw-error',
    `export function fail(): never { throw 'text'; }`,
  ),
  bad(
    'src/fs/return-in-try.ts',
    'return-await',
    `
    export async function read(work: () => Promise<number>): Promise<number> {
      try { return work(); } catch { return 0; }
    }`,
  ),
  bad(
    'src/fs/switch.ts',
    'switch-exhaustiveness-check',
    `
    export function name(kind: 'a' | 'b'): string {
      switch (kind) { case 'a': return 'A'; }
      return '';
    }`,
  ),
  bad('src/fs/any.ts', 'no-explicit-any', 'export const value: any = 1;'),
  bad(
    'src/fs/non-null.ts',
    'no-non-null-assertion',
    `
    export const first = (all: number[]): number => all[0]!;`,
  ),
  bad(
    'src/fs/type-import.ts',
    'consistent-type-imports',
    `
    import { Good } from './good.ts';
    export const good: Good = {};`,
  ),
  bad(
    'src/fs/cycle-a.ts',
    'no-cycle',
    `
    import type { B } from './cycle-b.ts';
    export interface A { readonly b: B }`,
  ),
  bad(
    'src/fs/no-extension.ts',
    'extensions',
    `
    import { layer } from './layer';
    export const good = layer;`,
  ),
  bad('src/fs/default.ts', 'no-default-export', 'export default 1;'),
  bad(
    'src/fs/long-function.ts',
    'max-lines-per-function',
    `
    export function long(): number { let sum = 0; ${'\n  sum += 1;'.repeat(70)} return sum; }`,
  ),
  bad('src/fs/long-file.ts', 'max-lines', `export const value = [${'\n  1,'.repeat(400)}];`),
  bad(
    'src/fs/deep.ts',
    'max-depth',
    `
    export function deep(a: boolean): void { if (a) { if (a) { if (a) { if (a) { a; } } } } }`,
  ),
  bad(
    'src/fs/params.ts',
    'max-params',
    `
    export const sum = (a: number, b: number, c: number, d: number, e: number) => a + b + c + d + e;`,
  ),
  bad('src/fs/console.ts', 'no-console', `console.log('text');`),
  bad('src/fs/camelCase.ts', 'filename-case', 'export const value = 1;'),
  bad('src/format/timer.ts', 'no-restricted-globals', 'setTimeout(() => {}, 1);'),
  bad('src/base/process.ts', 'no-restricted-globals', 'export const id = process.pid;'),
  bad('src/format/now.ts', 'no-restricted-properties', 'export const time = Date.now();'),
  bad('src/base/random.ts', 'no-restricted-properties', 'export const value = Math.random();'),
  bad(
    'src/format/file.ts',
    'no-restricted-imports',
    `export { readFile } from 'node:fs/promises';`,
  ),
  ...forbiddenImports(),
];

const GOOD_FILES: Readonly<Record<string, string>> = {
  'src/fs/good.ts': 'export interface Good {}',
  'src/fs/cycle-b.ts': `
    import type { A } from './cycle-a.ts';
    export interface B { readonly a: A }`,
  'src/base/clock.ts': 'export const now = (): number => Date.now();',
  'src/cli/prints.ts': `console.log('text');`,
  'src/cli/commands/serve.ts': `export * from '../../server/layer.ts';`,
  'src/fs/good.test.ts': `
    import { describe, it } from 'node:test';
    describe('x', () => { ${'\n  it("y", () => {});'.repeat(400)} });`,
  ...allowedImports(),
};

describe('.oxlintrc.json', () => {
  const tree = mkdtempSync(join(tmpdir(), 'gdpfs-lint-'));
  let reported: Map<string, string[]>;

  before(() => {
    for (const { path, source } of BAD_FILES) write(tree, path, source);
    for (const [path, source] of Object.entries(GOOD_FILES)) write(tree, path, source);
    for (const name of ['.oxlintrc.json', 'tsconfig.base.json']) {
      copyFileSync(join(ROOT, name), join(tree, name));
    }
    write(
      tree,
      'tsconfig.json',
      JSON.stringify({ extends: './tsconfig.base.json', include: ['src'] }),
    );
    symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
    reported = lint(tree);
  });
  after(() => rmSync(tree, { recursive: true }));

  for (const { path, rule } of BAD_FILES) {
    it(`reports ${rule} in ${path}`, () => {
      const rules = reported.get(path) ?? [];
      assert(
        rules.some((each) => each.includes(`(${rule})`)),
        `reported: ${rules.join(', ')}`,
      );
    });
  }

  for (const path of Object.keys(GOOD_FILES).filter((each) => !each.includes('cycle'))) {
    it(`reports nothing in ${path}`, () => assert.deepEqual(reported.get(path) ?? [], []));
  }
});

function bad(path: string, rule: string, source: string): BadFile {
  return { path, rule, source };
}

/** One file per pair of layers that must not be connected. */
function forbiddenImports(): BadFile[] {
  return importPairs((from, to) => from !== to && LAYERS[from]?.includes(to) === false).map(
    ({ from, to }) =>
      bad(
        `src/${from}/imports-${to}.ts`,
        'no-restricted-imports',
        `export type { Layer } from '../${to}/layer.ts';`,
      ),
  );
}

/** One file per pair of layers that may be connected, from a folder below the layer's. */
function allowedImports(): Record<string, string> {
  const files = importPairs((from, to) => LAYERS[from]?.includes(to) === true).map(
    ({ from, to }) => [
      `src/${from}/deep/imports-${to}.ts`,
      `export type { Layer } from '../../${to}/layer.ts';`,
    ],
  );
  const layers = Object.keys(LAYERS).map((layer) => [
    `src/${layer}/layer.ts`,
    'export interface Layer { readonly name: string }',
  ]);
  return Object.fromEntries([...files, ...layers]);
}

function importPairs(
  accepts: (from: string, to: string) => boolean,
): { readonly from: string; readonly to: string }[] {
  const layers = Object.keys(LAYERS);
  return layers.flatMap((from) =>
    layers.filter((to) => accepts(from, to)).map((to) => ({ from, to })),
  );
}

function write(tree: string, path: string, source: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), `${source}\n`);
}

/** Codes of the rules that are reported, by file. */
function lint(tree: string): Map<string, string[]> {
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const run = spawnSync(process.execPath, [oxlint, '--format', 'json', 'src'], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const output: { diagnostics: { code?: string; filename: string; message: string }[] } =
    JSON.parse(run.stdout);
  const reported = new Map<string, string[]>();
  for (const { code, filename, message } of output.diagnostics) {
    reported.set(filename, [...(reported.get(filename) ?? []), code ?? message]);
  }
  return reported;
}
