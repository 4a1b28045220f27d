import { createPrivateKey, createPublicKey } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { utf8Decode, utf8Encode } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Renewal } from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { decodeProblem } from '../wire/problem.ts';
import {
  type Answer,
  type Connection,
  type ConnectionFlow,
  type ConnectionOptions,
  type Exchange,
  openConnection,
} from './connection.ts';
import {
  checkCertificate,
  type Credentials,
  type CredentialStore,
  type Validity,
  validityOf,
} from './credentials.ts';

/** The part of a certificate's life that is left when it is renewed. */
const RENEW_AT = 1 / 3;
const UNAUTHORIZED = 401;

export interface RenewingOptions extends Pick<ConnectionOptions, 'url' | 'ca'>, Credentials {
  readonly credentials: CredentialStore;
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** A connection that outlives its certificate. */
export function openRenewingConnection(options: RenewingOptions, flow: ConnectionFlow): Connection {
  return new RenewingConnection(options, flow);
}

/** Connections that prove who we are with one certificate. */
interface Proven {
  readonly connection: Connection;
  readonly credentials: Credentials;
  readonly validity: Validity;
}

/**
 * Has its certificate renewed, while it still works, when less than a third of its life is left, and
 * goes on with it on new connections; exchanges under way end on the old ones. The key stays: then a
 * profile changes by replacing one file, no reader ever sees a key with another's certificate, and
 * it does not matter which of two processes that renew at once is the last to write. A new key would
 * gain little, as who has stolen the old one can renew as well, until the enrolment is revoked.
 *
 * That a renewal fails is a warning: it is tried again until the certificate has expired, and for some
 * time after that.
 */
class RenewingConnection implements Connection {
  readonly url: string;
  readonly #options: RenewingOptions;
  readonly #flow: ConnectionFlow;
  readonly #clock: Clock;
  #current: Proven;
  /** Connections with an earlier certificate that still have exchanges. */
  readonly #retiring = new Set<Connection>();
  #nextCheckMs = 0;
  #replacing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: RenewingOptions, flow: ConnectionFlow) {
    const { url, certificate, key, clock = systemClock } = options;
    this.url = url;
    this.#options = options;
    this.#flow = flow;
    this.#clock = clock;
    this.#current = this.#prove({ certificate, key });
  }

  async exchange(exchange: Exchange): Promise<Answer> {
    this.#renewInTime();
    // One that has expired is good for nothing but that.
    if (this.#clock.now() > this.#current.validity.expiresMs) await this.#replacing;
    const used = this.#current;
    const answer = await used.connection.exchange(exchange);
    if (!isRefused(answer) || !(await this.#isReplaced(used))) return answer;
    return await this.#current.connection.exchange(exchange);
  }

  async close(): Promise<void> {
    await this.#current.connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#replacing !== undefined) {
      // A command that is over in no time can renew its certificate all the same.
      await Promise.race([this.#replacing, delay(LIMITS.renewalWaitMs, undefined, { ref: false })]);
    }
    this.#isClosed = true;
    const connections = [this.#current.connection, ...this.#retiring];
    await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
  }

  #prove(credentials: Credentials): Proven {
    const { url, ca } = this.#options;
    const connection = openConnection({ url, ca, ...credentials }, this.#flow);
    return { connection, credentials, validity: validityOf(credentials.certificate) };
  }

  #renewInTime(): void {
    const nowMs = this.#clock.now();
    if (nowMs < this.#nextCheckMs || this.#isClosed) return;
    this.#nextCheckMs = nowMs + LIMITS.renewalCheckMs;
    const { expiresMs, lifeMs } = this.#current.validity;
    if (expiresMs - nowMs > lifeMs * RENEW_AT || nowMs > expiresMs + LIMITS.renewalGraceMs) return;
    this.#replace(async () => {
      const stored = await this.#findNewer();
      this.#use(stored ?? (await this.#renew()));
    });
  }

  /** Are there other credentials by now than those that were refused? */
  async #isReplaced(refused: Proven): Promise<boolean> {
    await this.#replacing;
    if (this.#current === refused) {
      this.#replace(async () => {
        const stored = await this.#options.credentials.load();
        if (stored !== undefined) this.#use(stored);
      });
      await this.#replacing;
    }
    return this.#current !== refused;
  }

  /** One at a time; what fails is told. */
  #replace(how: () => Promise<void>): void {
    this.#replacing ??= how()
      .catch((error: unknown) => {
        this.#warn('renew the certificate', error);
      })
      .finally(() => {
        this.#replacing = undefined;
      });
  }

  /** What another process has stored, if it is valid for longer. */
  async #findNewer(): Promise<Credentials | undefined> {
    const stored = await this.#options.credentials.load();
    if (stored === undefined) return undefined;
    const isNewer = validityOf(stored.certificate).expiresMs > this.#current.validity.expiresMs;
    return isNewer ? stored : undefined;
  }

  async #renew(): Promise<Credentials> {
    const { key } = this.#current.credentials;
    // Loaded when it is needed: most commands do not.
    const { createCertificateRequest } = await import('../wire/x509.ts');
    const keys = { publicKey: createPublicKey(key), privateKey: createPrivateKey(key) };
    const csr = await createCertificateRequest(keys);
    const answer = await this.#current.connection.exchange({
      method: 'POST',
      target: '/api/v1/certificates',
      headers: { accept: MEDIA_TYPES.json, 'content-type': MEDIA_TYPES.json },
      body: utf8Encode(JSON.stringify({ csr })),
    });
    if (answer.status !== 200) throw decodeProblem(answer.status, answer.body);
    const renewed = { certificate: certificateOf(answer), key };
    checkCertificate({ ...renewed, ca: this.#options.ca });
    try {
      await this.#options.credentials.save(renewed);
    } catch (error) {
      this.#warn('store the renewed certificate', error);
    }
    return renewed;
  }

  #use(credentials: Credentials): void {
    const old = this.#current;
    if (credentials.certificate === old.credentials.certificate || this.#isClosed) return;
    this.#current = this.#prove(credentials);
    this.#nextCheckMs = 0;
    this.#retiring.add(old.connection);
    void old.connection
      .close()
      .then(() => old.connection[Symbol.asyncDispose]())
      .finally(() => this.#retiring.delete(old.connection));
  }

  #warn(what: string, error: unknown): void {
    if (!isGdpfsError(error)) throw error;
    this.#options.onWarning?.(`cannot ${what}: ${error.message}`);
  }
}

function isRefused({ status, body }: Answer): boolean {
  return status === UNAUTHORIZED && decodeProblem(status, body).code === 'certificate_invalid';
}

function certificateOf({ body }: Answer): string {
  try {
    return (JSON.parse(utf8Decode(body)) as Renewal).certificate;
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot use response: it is not JSON', { cause });
  }
}
