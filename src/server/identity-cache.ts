import { LIMITS } from '../base/limits.ts';
import type { ClientIdentity } from './client-certificates.ts';

/**
 * Identities of forwarded certificates, by the header that forwarded them, byte for byte. Holds
 * only what was verified, and what of it is true for good; the one longest unused goes first.
 */
export class IdentityCache {
  readonly #identities = new Map<string, ClientIdentity>();

  get(value: string): ClientIdentity | undefined {
    const identity = this.#identities.get(value);
    if (identity !== undefined) {
      this.#identities.delete(value);
      this.#identities.set(value, identity);
    }
    return identity;
  }

  set(value: string, identity: ClientIdentity): void {
    this.#identities.set(value, identity);
    if (this.#identities.size <= LIMITS.forwardedIdentitiesMax) return;
    const [oldest] = this.#identities.keys();
    if (oldest !== undefined) this.#identities.delete(oldest);
  }

  get size(): number {
    return this.#identities.size;
  }
}
