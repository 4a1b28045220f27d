import { chmodSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as esbuild from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** Stays outside: what only the server loads, where the time of a start does not count. */
const EXTERNAL = ['@peculiar/x509', 'ajv', 'pino', 'yaml'];
/** Has the name of a thread's module and is none. */
const STARTS_THREADS = 'src/client/tree-worker.ts';
const MAIN = 'src/cli/main.ts';
const PROGRAM = 'src/cli/run-process.ts';

/**
 * Bundles the command line into a folder two levels below the root of the package: `main.cjs`, the
 * program that it loads, and a file for each thread. A short command spent two thirds of its time on
 * finding modules.
 *
 * As CommonJS, in which a module is evaluated when it is first imported, Node's own included, even
 * though all are in one file. `main.cjs` is apart because code is cached only if it is loaded after the
 * cache was enabled.
 */
export async function bundleProgram(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const common: BuildOptions = {
    absWorkingDir: ROOT,
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // import() of a file would start Node's other loader.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    external: EXTERNAL,
    logLevel: 'warning',
  };
  // Beside the program: each is found there by the name of its module.
  const threads = globSync('src/**/*-worker.ts', { cwd: ROOT, exclude: [STARTS_THREADS] });
  const { metafile } = await esbuild.build({
    ...common,
    entryPoints: [PROGRAM, ...threads],
    entryNames: '[name]',
    metafile: true,
  });
  await esbuild.build({ ...common, entryPoints: [MAIN], plugins: [BESIDE] });
  chmodSync(join(folder, 'main.cjs'), 0o755);
  writeFileSync(join(folder, 'LICENSES.txt'), licensesOf(metafile));
}

/** The program is not part of `main.cjs`. */
const BESIDE: Plugin = {
  name: 'beside',
  setup: (build) => {
    const name = basename(PROGRAM, '.ts');
    build.onResolve({ filter: new RegExp(`/${name}\\.ts$`) }, () => ({
      path: `./${name}.cjs`,
      external: true,
    }));
  },
};

/** The licenses of the packages whose code is in a bundle. */
function licensesOf({ inputs }: Metafile): string {
  const packages = new Set(
    Object.keys(inputs).flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  return [...packages].toSorted().map(licenseOf).join('\n');
}

function licenseOf(path: string): string {
  const folder = join(ROOT, path);
  const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as About;
  const head = `${about.name} ${about.version}, license ${about.license}\n`;
  const texts = globSync('LICENSE*', { cwd: folder });
  return [head, ...texts.map((name) => readFileSync(join(folder, name), 'utf8'))].join('\n');
}

interface About {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}
