import { countsOf, type TransferResult } from '../client/tally.ts';
import { formatCount, formatSize } from './format.ts';
import type { Standstill, TransferView } from './transfer-meter.ts';

/** What a transfer says to people. */

/** What this machine did with what crossed the wire. */
export type Way = 'sent' | 'received';

/** Between the parts of the line. */
const GAP = '  ';
/** A rate over less than this says nothing. */
const RATE_SPAN_MS_MIN = 500;

/**
 * One line of at most `width` characters; what matters least is left out where there is no room:
 * ` 45%  120/300 files  1.20/2.70 GB  412 MB/s  ETA 0:12  400 MB sent, 800 MB saved`.
 */
export function formatProgress(view: TransferView, width: number, way: Way = 'sent'): string {
  const { standstill } = view;
  const parts = standstill === undefined ? movingParts(view, way) : stillParts(view, standstill);
  const shown = parts.filter(({ text }) => text !== '');
  const lengthOf = (): number =>
    shown.reduce((sum, { text }) => sum + text.length, GAP.length * (shown.length - 1));
  while (shown.length > 1 && lengthOf() > width) {
    const least = shown.reduce((worst, part) => (part.rank > worst.rank ? part : worst));
    shown.splice(shown.indexOf(least), 1);
  }
  return shown
    .map(({ text }) => text)
    .join(GAP)
    .slice(0, width);
}

interface Part {
  readonly text: string;
  /** What has the highest is left out first. */
  readonly rank: number;
}

function movingParts(view: TransferView, way: Way): Part[] {
  const { bytesPerSecond, leftMs } = view;
  const rate = bytesPerSecond === undefined ? '' : `${formatSize(bytesPerSecond)}/s`;
  return [
    ...doneParts(view),
    { text: rate.padStart(rate === '' ? 0 : 9), rank: 3 },
    { text: leftMs === undefined ? '' : `ETA ${formatDuration(leftMs)}`, rank: 2 },
    { text: trafficText(view, way), rank: 5 },
  ];
}

function stillParts(view: TransferView, { reason, leftMs }: Standstill): Part[] {
  // Of "cannot reach <url>: <state>" the state: what it is about is known.
  const state = reason.replace(/^[^]*?: /, '');
  const seconds = Math.ceil(leftMs / 1000);
  const next = seconds === 0 ? 'trying again' : `next try in ${seconds} s`;
  return [...doneParts(view), { text: `waiting for the server: ${state}, ${next}`, rank: 0 }];
}

function doneParts({ progress, fraction }: TransferView): Part[] {
  const { files, bytes, expected } = progress;
  const percent = fraction === undefined ? '' : `${Math.floor(fraction * 100)}%`.padStart(4);
  const isKnown = expected.isComplete;
  const filesText = isKnown && expected.files > 0 ? `${files}/${expected.files}` : `${files}`;
  const bytesText = isKnown && expected.bytes > 0 ? ` of ${formatSize(expected.bytes)}` : '';
  return [
    { text: percent, rank: 1 },
    { text: `${filesText} ${expected.files === 1 || files === 1 ? 'file' : 'files'}`, rank: 4 },
    { text: formatSize(bytes) + bytesText, rank: 1.5 },
  ];
}

/** What crossed the wire and what was saved, where anything was saved. */
function trafficText({ progress }: TransferView, way: Way): string {
  const { bytesSent, bytesReused } = countsOf(progress);
  if (bytesReused === 0) return '';
  return `${formatSize(bytesSent)} ${way}, ${formatSize(bytesReused)} saved`;
}

/** `0:07`, `12:00`, `1:02:03`, `2d 3h`. */
function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (days > 0) return `${days}d ${hours % 24}h`;
  if (hours > 0) return `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return `${minutes}:${two(seconds % 60)}`;
}

/** Seconds as people say them: `0.3 s`, `2.9 s`, then as `formatDuration`. */
function formatElapsed(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms);
}

/**
 * What was done, in one line: `copied 3 files, 1.20 GB in 2.9 s (412 MB/s): 400 MB sent, 800 MB
 * already there; each verified by SHA-256`. `done` is the verb.
 */
export function formatSummary(
  result: TransferResult,
  {
    done,
    way,
    elapsedMs,
  }: { readonly done: string; readonly way: Way; readonly elapsedMs: number },
): string {
  const { bytes, bytesSent, bytesReused } = result;
  const hasRate = elapsedMs >= RATE_SPAN_MS_MIN && bytes > 0;
  const rate = hasRate ? ` (${formatSize((bytes / elapsedMs) * 1000)}/s)` : '';
  const moved = counted(result, ['files', 'directories', 'links', 'renamed']);
  if (moved.length === 0) moved.push('0 files');
  if (bytes > 0) moved.push(formatSize(bytes));
  const traffic = `${formatSize(bytesSent)} ${way}, ${formatSize(bytesReused)} already ${way === 'sent' ? 'there' : 'here'}`;
  const rest = [...(bytes > 0 ? [traffic] : []), ...counted(result, ['removed', 'skipped'])];
  const head = `${done} ${moved.join(', ')} in ${formatElapsed(elapsedMs)}${rate}`;
  const clauses = [
    rest.length === 0 ? head : `${head}: ${rest.join(', ')}`,
    verificationText(result),
    result.errors.length === 0 ? '' : `${result.errors.length} failed`,
  ];
  return clauses.filter((clause) => clause !== '').join('; ');
}

function verificationText({ files, md5Compared }: TransferResult): string {
  if (files === 0) return '';
  if (md5Compared === files) return 'each verified by SHA-256 and MD5';
  return `each verified by SHA-256${md5Compared === 0 ? '' : `, ${md5Compared} by MD5 too`}`;
}

const NAMES = {
  files: (value: number) => formatCount(value, 'file'),
  directories: (value: number) => (value === 1 ? '1 directory' : `${value} directories`),
  links: (value: number) => formatCount(value, 'link'),
  renamed: (value: number) => formatCount(value, 'name'),
  removed: (value: number) => `${value} removed`,
  skipped: (value: number) => `${value} left as ${value === 1 ? 'it was' : 'they were'}`,
} as const;

function counted(result: TransferResult, names: readonly (keyof typeof NAMES)[]): string[] {
  return names.filter((name) => result[name] > 0).map((name) => NAMES[name](result[name]));
}
