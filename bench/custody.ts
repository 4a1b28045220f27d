import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../src/client/files.ts';
import { openServers } from '../src/client/servers.ts';
import { gdpfsCommand, run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { count, median } from './figures.ts';
import { measure } from './measure.ts';
import type { Row } from './report.ts';
import { makeTree } from './sources.ts';
import { openStage, type Stage } from './stage.ts';

const FILES = 10_000;
const COMMITS = 300;

/** Of one volume, in each round. */
interface Measured {
  readonly volume: string;
  readonly treeMs: number[];
  readonly clientCpuMs: number[];
  readonly serverCpuMs: number[];
  readonly commitMs: number[];
}

/**
 * What it costs that the client signs: small files and single changes, in a volume with custody `client`
 * and in one with custody `server`, in turns.
 */
export async function custody({ runs, scale, signal, report }: Conditions): Promise<void> {
  await using stage = await openStage({ signal, hasTrees: true });
  const files = Math.ceil(FILES * scale);
  const commits = Math.ceil(COMMITS * scale);
  await run(stage.user, 'volume', 'create', 'own', '--custody', 'client');
  const volumes = ['bench', 'own'].map((volume): Measured => {
    return { volume, treeMs: [], clientCpuMs: [], serverCpuMs: [], commitMs: [] };
  });
  // The first is to warm up.
  for (let round = -1; round < runs; round += 1) {
    for (const one of volumes) await measureRound(stage, one, { round, files, commits });
  }
  const [server, client] = volumes;
  if (server === undefined || client === undefined) return;
  const row = (what: string, of: Exclude<keyof Measured, 'volume'>): Row => {
    const ratio = median(client[of]) / median(server[of]);
    return {
      what,
      measured: `${median(client[of]).toFixed(1)} ms`,
      beside: `custody server ${median(server[of]).toFixed(1)} ms: ${ratio.toFixed(2)} times`,
    };
  };
  const up = `${count(files)} small files up`;
  report.section('Custody', 'Volumes whose changes the client signs, beside others, in turns.', [
    row(`${up}, time`, 'treeMs'),
    row(`${up}, CPU of the client`, 'clientCpuMs'),
    row(`${up}, CPU of the server`, 'serverCpuMs'),
    row(`one of ${count(commits)} single commits, time`, 'commitMs'),
  ]);
}

async function measureRound(
  { folder, server, user }: Stage,
  { volume, treeMs, clientCpuMs, serverCpuMs, commitMs }: Measured,
  sizes: { readonly round: number; readonly files: number; readonly commits: number },
): Promise<void> {
  const { round, files, commits } = sizes;
  const tree = join(folder, `tree-${volume}-${round}`);
  makeTree(tree, files);
  const command = gdpfsCommand(user, ['cp', '-r', tree, `gdp://${volume}/tree-${round}`]);
  const measured = await measure(command, { signal: user.signal, serverPid: server.pid });
  rmSync(tree, { recursive: true });
  await using servers = openServers({ home: user.home });
  const { session, apiPath } = await servers.locateText(`gdp://${volume}/single-${round}`);
  await makeDirectory(session, apiPath);
  const beganMs = performance.now();
  for (let index = 0; index < commits; index += 1) {
    await makeDirectory(session, `${apiPath}/${index}`);
  }
  const elapsedMs = (performance.now() - beganMs) / commits;
  if (round < 0) return;
  treeMs.push(measured.elapsedMs);
  clientCpuMs.push(measured.clientCpuMs);
  serverCpuMs.push(measured.serverCpuMs);
  commitMs.push(elapsedMs);
}
