import { join } from 'node:path';
import { changeGroup, setGrant } from '../src/client/administration.ts';
import { enroll } from '../src/client/enroll.ts';
import { makeDirectory, stat } from '../src/client/files.ts';
import { openHome } from '../src/client/home.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { invite } from '../src/client/volumes.ts';
import type { Conditions } from './benchmark.ts';
import { count, median } from './figures.ts';
import { cpuMsOfTree } from './process-stats.ts';
import type { Row } from './report.ts';
import type { Stage } from './stage.ts';
import { openVariant } from './without/stage.ts';

const GRANTS = 200;
const GROUPS = 20;
/** In one round of each caller: CPU time is counted in steps of 10 ms. */
const REQUESTS = 8000;
const ROUNDS_MIN = 5;
const GOAL_RATIO = 1.05;
const DEEP = '/bench/a/b/c/d/e';

/**
 * What it costs to know who asks and to decide: the CPU time of the server for `stat` of a deep path,
 * asked for by an admin, for whom nothing is looked up, by a user who may see a few hundred directories of
 * the volume, and of a server where everybody is the admin and may do everything.
 */
export async function authorize({ runs, scale, signal, report }: Conditions): Promise<void> {
  await using stage = await openVariant(undefined, { signal });
  await using open = await openVariant('access', { signal });
  await using user = await manyGrants(stage);
  // The same there: volumes, index and system log are as large.
  await using anybody = await manyGrants(open);
  const requests = Math.ceil(REQUESTS * scale);
  const callers = [
    { stage: open, session: anybody, cpuMs: [] as number[] },
    { stage, session: stage.session, cpuMs: [] as number[] },
    { stage, session: user, cpuMs: [] as number[] },
  ] as const;
  // The first is to warm up.
  for (let round = -1; round < Math.max(runs, ROUNDS_MIN); round += 1) {
    for (const { stage: asked, session, cpuMs } of callers) {
      const ms = await cpuOf(asked, session, requests);
      if (round >= 0) cpuMs.push(ms);
    }
  }
  const [without, admin, granted] = callers.map(({ cpuMs }) => median(cpuMs));
  const micros = (ms = 0): string => `${((ms * 1000) / requests).toFixed(0)} µs`;
  const row = (by: string, ms = 0): Row => {
    const ratio = ms / (without ?? 1);
    return {
      what: `stat by ${by}`,
      measured: micros(ms),
      beside: `without asking who it is and what it may: ${micros(without)}, ${ratio.toFixed(3)} times`,
      goal: { text: `≤ ${GOAL_RATIO} times`, isReached: ratio <= GOAL_RATIO },
    };
  };
  report.section(
    'Authorization',
    `CPU time of the server for one stat, six levels deep, beside that of a server where everybody is the admin and nothing is decided. The user has ${count(GRANTS)} grants in the volume, of its own and of ${GROUPS} groups.`,
    [row('an admin', admin), row('a user with many grants', granted)],
  );
}

async function cpuOf({ server }: Stage, session: Session, requests: number): Promise<number> {
  const beforeMs = cpuMsOfTree(server.pid);
  for (let index = 0; index < requests; index += 1) await stat(session, DEEP);
  return cpuMsOfTree(server.pid) - beforeMs;
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
