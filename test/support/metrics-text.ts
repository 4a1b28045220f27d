/** Reads what `GET /metrics` answers, as strictly as the text format of Prometheus and OpenMetrics say. */
import assert from 'node:assert/strict';

export interface MetricFamily {
  readonly kind: string;
  readonly help: string;
  /** Values by name and labels as they are written: `name{a="b"}`. */
  readonly samples: ReadonlyMap<string, number>;
}

export type Metrics = ReadonlyMap<string, MetricFamily>;

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"`;
const SAMPLE = new RegExp(`^(${NAME})(\\{${LABEL}(?:,${LABEL})*\\})? (\\S+)$`);
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

/** Fails unless `text` is well-formed. Families by their names, which in both forms are without `_total`. */
export function readMetrics(text: string, form: 'prometheus' | 'openmetrics'): Metrics {
  assert(text.endsWith('\n'));
  const lines = text.slice(0, -1).split('\n');
  if (form === 'openmetrics') assert.equal(lines.pop(), '# EOF');
  const families = new Map<string, MetricFamily & { samples: Map<string, number> }>();
  let current: { name: string; kind: string; samples: Map<string, number> } | undefined;
  let help: readonly [string, string] | undefined;
  for (const line of lines) {
    const [, keyword, name = '', rest = ''] =
      new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line) ?? [];
    if (keyword === 'HELP') {
      help = [name, rest];
    } else if (keyword === 'TYPE') {
      assert.equal(help?.[0], name, `help and type of ${name} belong together`);
      const suffix = rest === 'counter' && form === 'prometheus' ? '_total' : '';
      assert(name.endsWith(suffix), `${name} is a counter`);
      const family = suffix === '' ? name : name.slice(0, -suffix.length);
      assert(!families.has(family), `${family} comes once`);
      assert(SUFFIXES[rest] !== undefined, `${rest} is a type`);
      current = { name: family, kind: rest, samples: new Map() };
      families.set(family, { ...current, help: help?.[1] ?? '' });
    } else {
      assert(current !== undefined, `before ${line} there is a type`);
      addSample(current, line);
    }
  }
  for (const [name, family] of families) {
    if (family.kind === 'histogram') assertCumulative(name, family.samples);
  }
  return families;
}

function addSample(
  family: { readonly name: string; readonly kind: string; readonly samples: Map<string, number> },
  line: string,
): void {
  const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? assert.fail(line);
  const suffixes = SUFFIXES[family.kind] ?? [];
  assert(
    suffixes.some((suffix) => name === family.name + suffix),
    `${line} belongs to ${family.name}`,
  );
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  assert(!Number.isNaN(number), line);
  assert(family.kind === 'gauge' || number >= 0, line);
  const key = `${name}${labels}`;
  assert(!family.samples.has(key), `${key} comes once`);
  family.samples.set(key, number);
}

/** Buckets rise up to that of all, which is the count. */
function assertCumulative(name: string, samples: ReadonlyMap<string, number>): void {
  const rows = new Map<string, number[]>();
  for (const [key, value] of samples) {
    if (!key.startsWith(`${name}_bucket`)) continue;
    const others = key.slice(name.length + '_bucket'.length).replace(/,?le="[^"]*"\}$/, '}');
    rows.set(others, [...(rows.get(others) ?? []), value]);
    assert(/le="(?:[0-9.]+|\+Inf)"\}$/.test(key), key);
  }
  for (const [labels, counts] of rows) {
    const suffix = labels === '{}' ? '' : labels;
    assert.deepEqual(
      counts,
      counts.toSorted((left, right) => left - right),
    );
    assert.equal(counts.at(-1), samples.get(`${name}_count${suffix}`), `${name}${labels}`);
    assert(samples.has(`${name}_sum${suffix}`));
  }
}

/** The value of one sample, such as `gdpfs_requests_total{operation="filesGet",status="200"}`; 0 if it is not there. */
export function valueOf(metrics: Metrics, sample: string): number {
  for (const { samples } of metrics.values()) {
    const value = samples.get(sample);
    if (value !== undefined) return value;
  }
  return 0;
}
