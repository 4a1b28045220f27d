/** docs/benchmarks.md, from what a run found. */
import { cpus, totalmem } from 'node:os';
import { CHECKS } from './contender.ts';
import { formatRange, formatRatio, type Report, type Row, type Section } from './report.ts';
import { versions } from './versions.ts';

export interface Run {
  /** As typed. */
  readonly command: string;
  readonly runs: number;
  readonly elapsedMs: number;
}

export function formatDocument(report: Report, run: Run): string {
  const { command, runs, elapsedMs } = run;
  const date = new Date().toISOString().slice(0, 10);
  const goals = report.rows.flatMap(({ goal }) => (goal === undefined ? [] : [goal.isReached]));
  const minutes = (elapsedMs / 60_000).toFixed(1);
  return `# Benchmarks

Written by \`${command}\` on ${date}, in ${minutes} minutes, on ${machine()}. \`bench/peers.sh\` installs the peers. Client and server
share the machine; every program is the real one, its start included; gdpfs talks TLS 1.3 with client
certificates. Figures are medians of ${runs} rounds in which all contenders take turns with new random
data, from a warm page cache to a place where there was nothing, and after each round what came back
is compared with what was sent. With small files one round more comes first and is not counted: all servers have run
for a while. A ratio is our rate divided by the peer's: above 1 gdpfs is faster; in
brackets the lowest and the highest of single rounds. Absolute figures move between machines; ratios of
one run are what to keep. CPU is seconds of client + server: ours; theirs.

${goals.filter(Boolean).length} of ${goals.length} goals were reached.

${report.sections.map(formatSection).join('\n')}

## What each checks

${Object.entries(CHECKS)
  .map(([name, what]) => `- ${name}: ${what}.`)
  .join('\n')}

Only gdpfs waits until what is uploaded, or is a large file that is downloaded, is durable. Before each copy the
disk is synced, so that nobody pays for what another left to be written; what a peer itself leaves so is not
counted. Large files go past the page cache in gdpfs: they are on the disk afterwards, and not in memory.

## Not measured

${report.skipped.map(({ what, reason }) => `- ${what}: ${reason}.`).join('\n') || 'Nothing was skipped.'}

## Versions

${versions()
  .map(([name, version]) => `- ${name}: ${version}`)
  .join('\n')}
`;
}

function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${memory}, ${process.platform} ${process.arch}`;
}

function formatSection({ title, note, rows }: Section): string {
  const head = '| what | gdpfs | beside | ratio | goal | CPU |\n|---|---|---|---|---|---|';
  return `## ${title}\n${note === '' ? '' : `\n${note}\n`}\n${head}\n${rows.map(formatRow).join('\n')}\n`;
}

function formatRow({ what, measured, beside = '', ratio, goal, cpu = '' }: Row): string {
  const range = ratio === undefined ? '' : formatRange(ratio);
  const ratioText = ratio === undefined ? '' : `**${formatRatio(ratio.value)}**`;
  const goalText = goal === undefined ? '' : `${goal.text}: ${goal.isReached ? 'yes' : '**no**'}`;
  const cells = [
    what,
    measured,
    beside,
    range === '' ? ratioText : `${ratioText} (${range})`,
    goalText,
    cpu,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
