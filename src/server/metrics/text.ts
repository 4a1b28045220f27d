import type { Histogram } from '../../base/histogram.ts';
import type { Family, Labels, Sample } from './families.ts';

/** How a scraper wants it: the text format of Prometheus (0.0.4) or OpenMetrics (1.0.0). */
export type MetricsForm = 'prometheus' | 'openmetrics';

/** All families as text. The two forms differ in the name of a counter's family and in how they end. */
export function formatMetrics(families: readonly Family[], form: MetricsForm): string {
  const lines = families.flatMap((family) => familyLines(family, form));
  if (form === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function familyLines({ name, kind, help, samples }: Family, form: MetricsForm): string[] {
  const total = kind === 'counter' ? `${name}_total` : name;
  const title = form === 'openmetrics' ? name : total;
  const text = escapeText(help);
  return [
    `# HELP ${title} ${form === 'openmetrics' ? text.replaceAll('"', '\\"') : text}`,
    `# TYPE ${title} ${kind}`,
    ...samples.flatMap((sample) => sampleLines(total, sample)),
  ];
}

function sampleLines(name: string, sample: Sample): string[] {
  const { labels = {} } = sample;
  if ('value' in sample) return [`${name}${formatLabels(labels)} ${formatNumber(sample.value)}`];
  return histogramLines(name, labels, sample.histogram);
}

function histogramLines(name: string, labels: Labels, histogram: Histogram): string[] {
  const counts = histogram.cumulative();
  const bounds = [...histogram.bounds, Number.POSITIVE_INFINITY];
  return [
    ...bounds.map((bound, index) => {
      const all = formatLabels({ ...labels, le: formatBound(bound) });
      return `${name}_bucket${all} ${counts[index] ?? 0}`;
    }),
    `${name}_sum${formatLabels(labels)} ${formatNumber(histogram.sum)}`,
    `${name}_count${formatLabels(labels)} ${counts.at(-1) ?? 0}`,
  ];
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escapeText(String(value)).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

/** The same in both forms, so that a bucket keeps its name: OpenMetrics wants `1.0`. */
function formatBound(bound: number): string {
  return Number.isInteger(bound) ? bound.toFixed(1) : formatNumber(bound);
}
