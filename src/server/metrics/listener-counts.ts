import { LIMITS } from '../../base/limits.ts';
import { counter, type Family, gauge } from './families.ts';

/** What came in at the listener before it was a request. */
export class ListenerCounts {
  /** When the certificate that new connections see ends; milliseconds since the epoch. */
  certificateExpiresMs = 0;
  #open = 0;
  #accepted = 0;
  refused = 0;
  tlsFailures = 0;
  malformed = 0;

  opened(): void {
    this.#open += 1;
    this.#accepted += 1;
  }

  closed(): void {
    this.#open -= 1;
  }

  families(): Family[] {
    return [
      gauge('gdpfs_connections', 'Open connections.', this.#open),
      gauge('gdpfs_connections_max', 'More connections are refused.', LIMITS.connectionsMax),
      counter('gdpfs_connections_accepted', 'Connections since the start.', this.#accepted),
      counter('gdpfs_connections_refused', 'Connections beyond the limit.', this.refused),
      counter('gdpfs_tls_failures', 'TLS handshakes that failed.', this.tlsFailures),
      counter('gdpfs_malformed_requests', 'What came and was no HTTP request.', this.malformed),
    ];
  }
}
