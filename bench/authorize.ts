import { join } from 'node:path';
import { changeGroup, setGrant } from '../src/client/administration.ts';
import { enroll } from '../src/client/enroll.ts';
import { makeDirectory, stat } from '../src/client/files.ts';
import { openHome } from '../src/client/home.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { invite } from '../src/client/volumes.ts';
import type { Conditions } from './benchmark.ts';
import { count, median } from './figures.ts';
import { cpuMsOfThreads } from './process-stats.ts';
import type { Row } from './report.ts';
import type { Stage } from './stage.ts';
import { openVariant } from './without/stage.ts';

const GRANTS = 200;
const GROUPS = 20;
/** One after the other, before it is the turn of others. */
const REQUESTS = 400;
/** Of each caller, with and without. */
const TURNS_MIN = 32;
const TURNS_PER_RUN = 10;
/** What the server does the first time is not compiled. */
const TURNS_BEFORE = 4;
const GOAL_RATIO = 1.05;
const DEEP = '/bench/a/b/c/d/e';

interface Asking {
  readonly by: string;
  readonly session: Session;
  readonly withMs: number[];
  readonly withoutMs: number[];
}

/**
 * What it costs to know who asks and to decide: the CPU time of the server for `stat` of a deep path,
 * asked for by an admin, for whom nothing is looked up, and by a user who may see a few hundred directories of
 * the volume; and, in turns, while everybody is the admin and may do everything.
 */
export async function authorize({ runs, scale, signal, report }: Conditions): Promise<void> {
  await using stage = await openVariant('access', { signal });
  await using user = await manyGrants(stage);
  const callers: readonly Asking[] = [
    { by: 'an admin', session: stage.session, withMs: [], withoutMs: [] },
    { by: 'a user with many grants', session: user, withMs: [], withoutMs: [] },
  ];
  const requests = Math.ceil(REQUESTS * scale);
  const turns = Math.max(runs * TURNS_PER_RUN, TURNS_MIN);
  for (let turn = -TURNS_BEFORE; turn < turns; turn += 1) {
    for (const { session, withMs, withoutMs } of callers) {
      // Each begins in turns.
      const isFirst = Math.abs(turn) % 2 === 0;
      if (!isFirst) flip(stage);
      const first = await cpuOf(stage, session, requests);
      flip(stage);
      const second = await cpuOf(stage, session, requests);
      if (isFirst) flip(stage);
      if (turn < 0) continue;
      withMs.push(isFirst ? first : second);
      withoutMs.push(isFirst ? second : first);
    }
  }
  const micros = (ms: readonly number[]): string => {
    return `${((median(ms) * 1000) / requests).toFixed(0)} µs`;
  };
  report.section(
    'Authorization',
    `CPU time of the server for one stat, six levels deep, with and without, in turns, in one process; the ratio is the median of those of ${turns} turns. Without means that everybody is the admin and nothing is decided. The user has ${count(GRANTS)} grants in the volume, of its own and of ${GROUPS} groups.`,
    callers.map(({ by, withMs, withoutMs }): Row => {
      const ratio = median(withMs.map((ms, turn) => ms / (withoutMs[turn] ?? ms)));
      return {
        what: `stat by ${by}`,
        measured: micros(withMs),
        beside: `without asking who it is and what it may: ${micros(withoutMs)}, ${ratio.toFixed(3)} times`,
        goal: { text: `≤ ${GOAL_RATIO} times`, isReached: ratio <= GOAL_RATIO },
      };
    }),
  );
}

/** From now on the server asks and decides, or does not. */
function flip({ server }: Stage): void {
  process.kill(server.pid, 'SIGUSR2');
}

async function cpuOf({ server }: Stage, session: Session, requests: number): Promise<number> {
  // When this was answered the server knows of the signal.
  await stat(session, DEEP);
  const beforeMs = cpuMsOfThreads(server.pid);
  for (let index = 0; index < requests; index += 1) await stat(session, DEEP);
  return cpuMsOfThreads(server.pid) - beforeMs;
}

/** A user with grants all over the volume, and with one on the way to what is asked about. */
async function manyGrants({ folder, session }: Stage): Promise<Session> {
  const principal = 'granted';
  const { token } = await invite(session, { principal });
  const home = openHome(join(folder, 'granted'));
  await enroll(home, { url: session.url, token, profile: 'default' });
  await makeDirectory(session, DEEP, { parents: true });
  for (let index = 0; index < GRANTS; index += 1) {
    const path = `/bench/many/${index}/x`;
    await makeDirectory(session, path, { parents: true });
    const group = `group${index % GROUPS}`;
    await changeGroup(session, { name: group, add: [principal] });
    const subject = index % 2 === 0 ? principal : `group:${group}`;
    await setGrant(session, { subject, permission: 'read', path });
  }
  await setGrant(session, { subject: principal, permission: 'read', path: '/bench/a/b/c' });
  return openSession(await home.profile());
}
