import { X509Certificate } from 'node:crypto';
import type { OpenedFileSystem } from '../../fs/open.ts';
import type { AuditLog } from '../audit-log.ts';
import type { ByteBudget } from '../byte-budget.ts';
import type { CertificateAuthority } from '../ca.ts';
import { counter, type Family, gauge } from './families.ts';
import { ListenerCounts } from './listener-counts.ts';
import { LoopLag } from './loop-lag.ts';
import { processFamilies } from './process-families.ts';
import { RequestCounts } from './request-counts.ts';
import { storeFamilies } from './store-families.ts';

interface Parts {
  readonly store: Pick<OpenedFileSystem, 'status' | 'damageCount' | 'fs'>;
  readonly dataDirectory: string;
  readonly version: string;
  readonly authority: Pick<CertificateAuthority, 'clientCaPems'>;
  readonly audit: AuditLog;
  readonly gc: { families(): Family[] };
  /** By what they hold: `bodies`, `answers`, `chunks`. */
  readonly budgets: Readonly<Record<string, ByteBudget>>;
}

/**
 * What the server tells of itself at `GET /metrics`. Requests only count; what can be looked up is looked
 * up when somebody asks.
 */
export class ServerMetrics implements Disposable {
  readonly requests = new RequestCounts();
  readonly listener = new ListenerCounts();
  readonly #loop = new LoopLag();
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async families(): Promise<Family[]> {
    const { store, dataDirectory, version } = this.#parts;
    return [
      ...(await processFamilies(version)),
      ...this.#loop.families(),
      ...this.listener.families(),
      ...this.#certificates(),
      ...this.requests.families(),
      ...this.#budgets(),
      ...(await storeFamilies(store, dataDirectory)),
      ...this.#parts.gc.families(),
      ...this.#audit(),
    ];
  }

  [Symbol.dispose](): void {
    this.#loop[Symbol.dispose]();
  }

  #certificates(): Family[] {
    const ends = this.#parts.authority.clientCaPems.map(
      (pem) => new X509Certificate(pem).validToDate.getTime() / 1000,
    );
    // The server's own authority, and one of somebody else.
    const names = ['ca', 'clients'];
    return [
      gauge(
        'gdpfs_certificate_expires_seconds',
        'When certificates end, in seconds since the epoch: of the server, its authority, and that of --client-ca.',
        [
          { labels: { certificate: 'server' }, value: this.listener.certificateExpiresMs / 1000 },
          ...ends.map((value, index) => ({ labels: { certificate: names[index] ?? '' }, value })),
        ],
      ),
    ];
  }

  #budgets(): Family[] {
    const each = Object.entries(this.#parts.budgets);
    const of = (value: (budget: ByteBudget) => number) =>
      each.map(([held, budget]) => ({ labels: { held }, value: value(budget) }));
    return [
      gauge(
        'gdpfs_memory_bytes',
        'Memory that requests hold.',
        of(({ bytesUsed }) => bytesUsed),
      ),
      gauge(
        'gdpfs_memory_max_bytes',
        'Requests wait for more.',
        of(({ bytesMax }) => bytesMax),
      ),
      gauge(
        'gdpfs_memory_waiting',
        'Requests that wait for memory.',
        of(({ waiting }) => waiting),
      ),
    ];
  }

  #audit(): Family[] {
    const { writtenCount, pendingCount, lostCount } = this.#parts.audit;
    return [
      counter('gdpfs_audit_lines', 'Lines written to the audit log.', writtenCount),
      gauge('gdpfs_audit_lines_waiting', 'Lines that wait for the disk.', pendingCount),
      counter('gdpfs_audit_lines_lost', 'Lines that the disk did not take in time.', lostCount),
    ];
  }
}
