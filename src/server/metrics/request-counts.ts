import type { ErrorCode } from '../../base/errors.ts';
import { Histogram } from '../../base/histogram.ts';
import { counter, type Family, gauge, histogram, type Sample } from './families.ts';

/** Seconds: from a question that the index answers to a body of gigabytes. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Of a request that is answered or cut off. */
export interface EndedRequest {
  /** Of the contract; undefined: it was none of those. */
  readonly operation: string | undefined;
  readonly status: number;
  /** The answer did not get out whole. */
  readonly isCut: boolean;
  readonly code: ErrorCode | undefined;
  readonly seconds: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

interface OperationCounts {
  readonly statuses: Map<string, number>;
  readonly seconds: Histogram;
  bytesIn: number;
  bytesOut: number;
}

/** What was asked of the server since it began. */
export class RequestCounts {
  #inFlight = 0;
  readonly #operations = new Map<string, OperationCounts>();
  readonly #codes = new Map<ErrorCode, number>();
  readonly #digests = { present: 0, missing: 0 };

  began(): void {
    this.#inFlight += 1;
  }

  ended(request: EndedRequest): void {
    const { operation = 'none', status, isCut, code, seconds, bytesIn, bytesOut } = request;
    this.#inFlight -= 1;
    let counts = this.#operations.get(operation);
    if (counts === undefined) {
      counts = {
        statuses: new Map(),
        seconds: new Histogram(REQUEST_SECONDS),
        bytesIn: 0,
        bytesOut: 0,
      };
      this.#operations.set(operation, counts);
    }
    increase(counts.statuses, isCut ? 'cut' : String(status));
    if (code !== undefined) increase(this.#codes, code);
    counts.seconds.observe(seconds);
    counts.bytesIn += bytesIn;
    counts.bytesOut += bytesOut;
  }

  /** Digests that a client asked for, and was told that they are missing, or not. */
  asked(digests: { readonly present: number; readonly missing: number }): void {
    this.#digests.present += digests.present;
    this.#digests.missing += digests.missing;
  }

  families(): Family[] {
    const of = (sample: (counts: OperationCounts) => Sample | Sample[]): Sample[] =>
      [...this.#operations].flatMap(([operation, counts]) =>
        [sample(counts)].flat().map((one) => ({ ...one, labels: { operation, ...one.labels } })),
      );
    return [
      gauge('gdpfs_requests_in_flight', 'Requests that are being handled.', this.#inFlight),
      counter(
        'gdpfs_requests',
        'Requests by operation of the API and HTTP status; "cut" where the answer did not get out whole.',
        of(({ statuses }) =>
          [...statuses].map(([status, value]) => ({ labels: { status }, value })),
        ),
      ),
      histogram(
        'gdpfs_request_seconds',
        'From the head of a request to the end of its answer.',
        of(({ seconds }) => ({ histogram: seconds })),
      ),
      counter(
        'gdpfs_request_bytes',
        'Bytes received with requests, TLS included.',
        of(({ bytesIn }) => ({ value: bytesIn })),
      ),
      counter(
        'gdpfs_response_bytes',
        'Bytes sent with answers, TLS included.',
        of(({ bytesOut }) => ({ value: bytesOut })),
      ),
      counter(
        'gdpfs_failures',
        'Requests that failed, by code of the error table.',
        [...this.#codes].map(([code, value]) => ({ labels: { code }, value })),
      ),
      counter(
        'gdpfs_digests_asked',
        'Chunks of which clients asked whether they are there already, by the answer.',
        Object.entries(this.#digests).map(([answer, value]) => ({ labels: { answer }, value })),
      ),
    ];
  }
}

function increase<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
