import { execFileSync } from 'node:child_process';
import { median, measure, type Row, type Stage } from './stage.ts';

const STARTS = 20;

/** `gdpfs --version`, beside Node doing nothing. */
export async function commandStart({ user }: Stage): Promise<Row[]> {
  const ours: number[] = [];
  const node: number[] = [];
  for (let index = 0; index < STARTS; index += 1) {
    ours.push((await measure(user, '--version')).elapsedMs);
    const startMs = performance.now();
    execFileSync(process.execPath, ['-e', '']);
    node.push(performance.now() - startMs);
  }
  return [
    {
      what: 'gdpfs --version',
      measured: `${median(ours).toFixed(0)} ms`,
      limit: `node -e "" ${median(node).toFixed(0)} ms`,
      goal: '< 100 ms',
    },
  ];
}
