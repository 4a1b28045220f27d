/** Servers of the source, whole or without a part, each with a volume. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHome } from '../../src/client/home.ts';
import { openSession } from '../../src/client/session.ts';
import { BUILT_PROGRAM, run, startServer } from '../../tools/gdpfs-process.ts';
import { LOOPBACK } from '../link.ts';
import type { Stage } from '../stage.ts';
import type { Variant } from './variants.ts';

const HOOKS = join(import.meta.dirname, 'hooks.ts');

/** All run from the source, so that they differ in nothing else. */
export async function openVariant(
  without: Variant | undefined,
  { signal }: { readonly signal: AbortSignal },
): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'gdpfs-bench-'));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  const home = join(folder, 'home');
  const hooks = [`NODE_OPTIONS=--import ${HOOKS}`, `GDPFS_BENCH_WITHOUT=${without}`];
  const prefix = without === undefined ? [] : ['env', ...hooks];
  const place = { host: '127.0.0.1', prefix };
  const server = opening.use(await startServer({ home, signal }, join(folder, 'data'), place));
  const user = { home, signal, program: BUILT_PROGRAM };
  await run(user, 'login', server.url, server.token);
  await run(user, 'volume', 'create', 'bench');
  const session = opening.use(openSession(await openHome(home).profile()));
  const opened = opening.move();
  return {
    folder,
    link: LOOPBACK,
    user,
    server,
    session,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
