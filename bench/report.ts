/** One line of the result. */
export interface Row {
  readonly what: string;
  /** Of gdpfs. */
  readonly measured: string;
  /** Something else that was measured in the same run: a peer, or a limit of the machine. */
  readonly beside?: string;
  /** Ours divided by that of the peer, as a rate: above 1 we are faster. */
  readonly ratio?: Ratio;
  readonly goal?: Goal;
  /** CPU time of ours and theirs. */
  readonly cpu?: string;
}

export interface Ratio {
  /** Names the ratio for rows that are compared with it. */
  readonly key: string;
  readonly value: number;
  /** The lowest and the highest of single rounds. */
  readonly range: readonly [number, number];
}

export interface Goal {
  readonly text: string;
  readonly isReached: boolean;
}

export interface Skipped {
  readonly what: string;
  readonly reason: string;
}

/** Rows of one benchmark. */
export interface Section {
  readonly title: string;
  /** What must be known to read its rows; whole sentences, or empty. */
  readonly note: string;
  readonly rows: readonly Row[];
}

/** Collects what a run finds, and says it at once. */
export class Report {
  readonly sections: Section[] = [];
  readonly skipped: Skipped[] = [];
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** A section without rows is none. */
  section(title: string, note: string, rows: readonly Row[]): void {
    if (rows.length === 0) return;
    this.sections.push({ title, note, rows });
    this.#print(`\n${title}${note === '' ? '' : `. ${note}`}`);
    for (const row of rows) this.#print(formatLine(row));
  }

  get rows(): Row[] {
    return this.sections.flatMap(({ rows }) => rows);
  }

  /** Says why something is not measured; once for each reason. */
  skip(what: string, reason: string): void {
    if (this.skipped.some((known) => known.what === what && known.reason === reason)) return;
    this.skipped.push({ what, reason });
    this.#print(`not measured: ${what}: ${reason}`);
  }

  ratioOf(key: string): number | undefined {
    return this.rows.find(({ ratio }) => ratio?.key === key)?.ratio?.value;
  }
}

/** Two digits behind the point, none from 10 on. */
export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 0)}×`;
}

export function formatRange({ range: [low, high] }: Ratio): string {
  return low === high ? '' : `${formatRatio(low)}–${formatRatio(high)}`;
}

function formatLine({ what, measured, beside, ratio, goal, cpu }: Row): string {
  const parts = [`${what}: ${measured}`];
  if (beside !== undefined) parts.push(beside);
  if (ratio !== undefined) parts.push(`${formatRatio(ratio.value)} ${formatRange(ratio)}`.trim());
  if (goal !== undefined) parts.push(`goal ${goal.text}: ${goal.isReached ? 'reached' : 'MISSED'}`);
  if (cpu !== undefined) parts.push(`CPU s ${cpu}`);
  return parts.join(' | ');
}
