import { chmodSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import * as esbuild from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import * as records from '../src/format/generated/gdpfs_pb.js';

const ROOT = join(import.meta.dirname, '..');

/** Stays outside: what only the server loads, where the time of a start does not count. */
const EXTERNAL = ['@peculiar/x509', 'ajv', 'esbuild', 'pino', 'yaml'];
/** Have the name of a thread's module and are none, or one of browsers. */
const NO_THREADS = ['src/client/tree-worker.ts', 'src/web/**'];
const MAIN = 'src/cli/main.ts';
const PROGRAM = 'src/cli/run-process.ts';
/** The program without the commands that work on a server's data: what others of them load is half as long. */
const CLIENT_PROGRAM = 'run-client';
const SERVER_COMMANDS = /\/commands\/(?:serve|fsck|gc|index-rebuild|admin)\.ts$/;
const SERVER_LAYERS = /^src\/(?:storage|log|fs|server)\//;

/**
 * Bundles the command line into a folder two levels below the root of the package: `main.cjs`, the
 * programs of which it loads one, and a file for each thread. A short command spent two thirds of its
 * time on finding modules.
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
  const threads = globSync('src/**/*-worker.ts', { cwd: ROOT, exclude: NO_THREADS });
  const { metafile } = await esbuild.build({
    ...common,
    entryPoints: [PROGRAM, ...threads],
    entryNames: '[name]',
    metafile: true,
  });
  const client = await esbuild.build({
    ...common,
    entryPoints: [{ in: PROGRAM, out: CLIENT_PROGRAM }],
    plugins: [WITHOUT_SERVER, DESCRIBED_LATE],
    metafile: true,
  });
  const others = Object.keys(client.metafile.inputs).filter((path) => SERVER_LAYERS.test(path));
  if (others.length > 0) throw new Error(`${CLIENT_PROGRAM} has parts of the server: ${others[0]}`);
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

/** `main.ts` has the other program run them. */
const WITHOUT_SERVER: Plugin = {
  name: 'without-server',
  setup: (build) => {
    const namespace = 'server-command';
    build.onResolve({ filter: SERVER_COMMANDS }, ({ path }) => ({ path, namespace }));
    build.onLoad({ filter: /./, namespace }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`bug: ${path} is in the other program`)});`,
    }));
  },
};

/**
 * Messages are described to their library when the first of them is coded by it. Commands read those that
 * they begin with without it (`record-decoder.ts`), and mostly no other.
 */
const DESCRIBED_LATE: Plugin = {
  name: 'described-late',
  setup: (build) => {
    const namespace = 'described-late';
    build.onResolve({ filter: /\/gdpfs_pb\.js$/ }, ({ path, resolveDir, kind }) => {
      if (kind === 'require-call') return undefined;
      return { path: relative(ROOT, join(resolveDir, path)), namespace };
    });
    build.onLoad({ filter: /./, namespace }, ({ path }) => {
      const whole = `require(${JSON.stringify(`./${path}`)})`;
      const lines = Object.entries(records).map(([name, value]) =>
        isDescription(value)
          ? `get ${name}() { return ${whole}.${name}; },`
          : `${name}: ${JSON.stringify(value)},`,
      );
      return { contents: `module.exports = {\n${lines.join('\n')}\n};`, resolveDir: ROOT };
    });
  },
};

/** Of a file, a message or an enumeration, and not the names and numbers of one. */
function isDescription(value: object): boolean {
  return 'kind' in value;
}

/** The licenses of the packages whose code is in a bundle. */
export function licensesOf({ inputs }: Pick<Metafile, 'inputs'>): string {
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
