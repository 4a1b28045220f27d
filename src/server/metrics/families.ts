import type { Histogram } from '../../base/histogram.ts';

/**
 * Values of one kind, in the words of Prometheus. What labels may say is known beforehand (operations of
 * the contract, codes of the error table, names in the code), so that no client makes the list longer.
 */
export interface Family {
  /** Without the `_total` of counters. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export type Sample =
  | { readonly labels?: Labels; readonly value: number }
  | { readonly labels?: Labels; readonly histogram: Histogram };

export type Labels = Readonly<Record<string, string | number>>;

export function counter(name: string, help: string, value: number | readonly Sample[]): Family {
  return { name, kind: 'counter', help, samples: asSamples(value) };
}

export function gauge(name: string, help: string, value: number | readonly Sample[]): Family {
  return { name, kind: 'gauge', help, samples: asSamples(value) };
}

export function histogram(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, kind: 'histogram', help, samples };
}

function asSamples(value: number | readonly Sample[]): readonly Sample[] {
  return typeof value === 'number' ? [{ value }] : value;
}
