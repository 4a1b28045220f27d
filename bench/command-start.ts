import { BUILT_PROGRAM, gdpfsCommand } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { median } from './figures.ts';
import { measure } from './measure.ts';

const STARTS = 20;
const GOAL_MS = 100;

/** `gdpfs --version`, beside Node doing nothing. */
export async function commandStart({ signal, report }: Conditions): Promise<void> {
  const ours: number[] = [];
  const node: number[] = [];
  const command = gdpfsCommand({ home: '/nowhere', signal, program: BUILT_PROGRAM }, ['--version']);
  const nothing = { argv: [process.execPath, '-e', ''] };
  for (let index = 0; index < STARTS; index += 1) {
    ours.push((await measure(command, { signal })).elapsedMs);
    node.push((await measure(nothing, { signal })).elapsedMs);
  }
  const oursMs = median(ours);
  report.section('The start of a command', '', [
    {
      what: 'gdpfs --version',
      measured: `${oursMs.toFixed(0)} ms`,
      beside: `node -e "" ${median(node).toFixed(0)} ms`,
      goal: { text: `< ${GOAL_MS} ms`, isReached: oursMs < GOAL_MS },
    },
  ]);
}
