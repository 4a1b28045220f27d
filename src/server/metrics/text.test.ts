import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { readMetrics } from '../../../test/support/metrics-text.ts';
import { Histogram } from '../../base/histogram.ts';
import { counter, gauge, histogram } from './families.ts';
import { formatMetrics } from './text.ts';

const seconds = new Histogram([0.5, 1]);
for (const value of [0.25, 1, 2]) seconds.observe(value);

const FAMILIES = [
  counter('c', 'How many.', [{ labels: { of: 'a' }, value: 3 }]),
  gauge('g', 'How much.', Number.POSITIVE_INFINITY),
  histogram('h_seconds', 'How long.', [{ labels: { of: 'b' }, histogram: seconds }]),
];

test('families are written as Prometheus reads them', () => {
  assert.equal(
    formatMetrics(FAMILIES, 'prometheus'),
    `# HELP c_total How many.
# TYPE c_total counter
c_total{of="a"} 3
# HELP g How much.
# TYPE g gauge
g +Inf
# HELP h_seconds How long.
# TYPE h_seconds histogram
h_seconds_bucket{of="b",le="0.5"} 1
h_seconds_bucket{of="b",le="1.0"} 2
h_seconds_bucket{of="b",le="+Inf"} 3
h_seconds_sum{of="b"} 3.25
h_seconds_count{of="b"} 3
`,
  );
});

test('as OpenMetrics the family of a counter has no suffix, and there is an end', () => {
  const text = formatMetrics(FAMILIES, 'openmetrics');
  assert.match(text, /^# HELP c How many\.\n# TYPE c counter\nc_total\{of="a"\} 3\n/);
  assert.match(text, /\nh_seconds_count\{of="b"\} 3\n# EOF\n$/);
});

test('whatever is in a label or a help text, a reader finds one sample of that name', () => {
  const hostile = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(hostile, hostile, fc.double({ noNaN: true }), (label, help, value) => {
      for (const form of ['prometheus', 'openmetrics'] as const) {
        const written = formatMetrics([gauge('g', help, [{ labels: { label }, value }])], form);
        const { samples } = readMetrics(written, form).get('g') ?? assert.fail(written);
        assert.equal(samples.size, 1);
      }
    }),
  );
  const samples = [{ labels: { label: 'a\\"\n' }, value: 1 }];
  assert.match(
    formatMetrics([gauge('g', '\\"\n', samples)], 'prometheus'),
    /^# HELP g \\\\"\\n\n.*\ng\{label="a\\\\\\"\\n"\} 1\n$/,
  );
});
