/** Figures as people read them. */

const MIB = 1024 * 1024;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function megabytes(bytes: number): string {
  return `${count(bytes / 1e6)} MB`;
}

/** In KiB below a MiB. */
export function mebibytes(bytes: number): string {
  if (bytes < MIB) return `${count(bytes / 1024)} KiB`;
  const amount = bytes / MIB;
  return `${amount < 10 ? Number(amount.toFixed(1)) : count(amount)} MiB`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
