/** What every benchmark of gdpfs needs: a folder, a server, a user with a volume. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHome } from '../src/client/home.ts';
import { openSession, type Session } from '../src/client/session.ts';
import {
  BUILT_PROGRAM,
  run,
  type ServerProcess,
  startServer,
  type User,
} from '../tools/gdpfs-process.ts';
import { keepTrees } from './kept-trees.ts';
import { type Link, LOOPBACK } from './link.ts';

export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly link: Link;
  readonly user: User;
  readonly server: ServerProcess;
  /** Of the volume `bench`. */
  readonly session: Session;
}

export interface StageOptions {
  readonly signal: AbortSignal;
  /** Where all data lies; by default the system's temporary folder. */
  readonly parent?: string;
  /** There will be trees of many files in the folder. */
  readonly hasTrees?: boolean;
  readonly link?: Link;
}

/** Each benchmark opens its own: none finds another's data, or memory. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { signal, parent = tmpdir(), link = LOOPBACK, hasTrees = false } = options;
  // What others wrote must not be on its way to the disk while this is measured.
  execFileSync('sync');
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(parent, 'gdpfs-bench-'));
  const data = join(folder, 'data');
  opening.defer(async () => {
    if (hasTrees) keepTrees(folder);
    await rm(hasTrees ? data : folder, { recursive: true, force: true });
  });
  const user = { home: join(folder, 'home'), signal, program: BUILT_PROGRAM };
  const server = opening.use(await startServer(user, data, link));
  const { host, port } = await link.open(Number(new URL(server.url).port));
  await run(user, 'login', `https://${host}:${port}`, server.token);
  await run(user, 'volume', 'create', 'bench');
  const session = opening.use(openSession(await openHome(user.home).profile()));
  const opened = opening.move();
  return {
    folder,
    link,
    user,
    server,
    session,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
