import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metafile, Plugin } from 'esbuild';

export interface WebBundle {
  /** By name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Which modules are in it, by their paths relative to the root of the package. */
  readonly metafile: Pick<Metafile, 'inputs'>;
}

const SOURCE = fileURLToPath(new URL('../web', import.meta.url));
const PLATFORM = join(SOURCE, 'platform');
/** As they are. */
const COPIED = ['index.html', 'icon.svg'];

/**
 * Makes the files of the web page from its source. What it shares with the program, the formats above all, works upon
 * functions of Node there and of the browser here (`src/web/platform`).
 */
export async function bundleWebPage(): Promise<WebBundle> {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: join(SOURCE, '../..'),
    entryPoints: [
      join(SOURCE, 'page.tsx'),
      join(SOURCE, 'style.css'),
      join(SOURCE, 'upload/hash-worker.ts'),
    ],
    outdir: SOURCE,
    entryNames: '[name]',
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: 'esm',
    target: ['chrome120', 'firefox121', 'safari17.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    inject: [join(PLATFORM, 'buffer.ts')],
    plugins: [IN_BROWSERS],
    logLevel: 'warning',
  });
  const copied = COPIED.map(async (name) => [name, await readFile(join(SOURCE, name))] as const);
  const built = outputFiles.map(({ path, contents }) => [basename(path), contents] as const);
  return {
    files: new Map([...built, ...(await Promise.all(copied))]),
    metafile,
  };
}

const IN_BROWSERS: Plugin = {
  name: 'in-browsers',
  setup: (build) => {
    build.onResolve({ filter: /\/base\/digest\.ts$|^\.\/digest\.ts$/ }, ({ importer }) =>
      importer.startsWith(PLATFORM) ? undefined : { path: join(PLATFORM, 'digest.ts') },
    );
    build.onResolve({ filter: /^node:crypto$/ }, () => ({ path: join(PLATFORM, 'crypto.ts') }));
  },
};
