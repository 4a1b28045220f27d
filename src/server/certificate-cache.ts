import { LIMITS } from '../base/limits.ts';

/**
 * What was found out about certificates, by the bytes or the header that brought them. Holds only what
 * is true for good of the very same bytes; the one longest unused goes first.
 */
export class CertificateCache<Found> {
  readonly #found = new Map<string, Found>();

  get(value: string): Found | undefined {
    const found = this.#found.get(value);
    if (found !== undefined) {
      this.#found.delete(value);
      this.#found.set(value, found);
    }
    return found;
  }

  set(value: string, found: Found): void {
    this.#found.set(value, found);
    if (this.#found.size <= LIMITS.knownCertificatesMax) return;
    const [oldest] = this.#found.keys();
    if (oldest !== undefined) this.#found.delete(oldest);
  }

  get size(): number {
    return this.#found.size;
  }
}
