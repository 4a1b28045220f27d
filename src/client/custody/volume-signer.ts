import { type KeyObject, randomUUID } from 'node:crypto';
import { bytesEqual } from '../../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Checkpoint } from '../../format/checkpoint.ts';
import type { ProvenCheckpoint } from '../../format/checkpoint-proof.ts';
import { encodeSignedCommit } from '../../format/prepared-commit.ts';
import { signNote } from '../../format/signed-note.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import type { ApiAnswer, ApiRequest, Session } from '../session.ts';
import { proveBetween, type TrustedVolume } from '../trust/volume-trust.ts';
import { checkPrepared, type Signable, type ToCheck } from './prepared-check.ts';
import type { VolumeKeys } from './volume-keys.ts';

/**
 * Makes changes in one volume with custody `client`: has the server prepare them, checks what it is to
 * sign, signs it and sends it. What it has seen of the volume only advances.
 */
export class VolumeSigner {
  readonly #trusted: TrustedVolume;
  readonly #keys: Pick<VolumeKeys, 'find'>;
  readonly #author: string;
  /** The newest checkpoint that was seen. */
  #seen: Checkpoint;
  #key: { readonly publicKey: Uint8Array; readonly privateKey: KeyObject } | undefined;
  /** What is to be remembered, and when something was. */
  #unremembered: { readonly note: Uint8Array; readonly checkpoint: Checkpoint } | undefined;
  #remembering: Promise<void> = Promise.resolve();
  #rememberedMs = performance.now();

  /** `author` is the principal. */
  constructor(trusted: TrustedVolume, keys: Pick<VolumeKeys, 'find'>, author: string) {
    this.#trusted = trusted;
    this.#keys = keys;
    this.#author = author;
    this.#seen = trusted.checkpoint;
  }

  /** Records of the newest checkpoint that was seen. */
  get count(): number {
    return this.#seen.count;
  }

  /** Throws `read_only` if the writer key is not here. */
  async requireKey(): Promise<void> {
    await this.#writerKey(this.#trusted.writerKey);
  }

  /** A request that is answered without a signature, but only to those who could give one. */
  async pass(session: Session, request: ApiRequest): Promise<ApiAnswer> {
    await this.requireKey();
    return await session.request(withPrepare(request, this.#seen));
  }

  /**
   * Makes the change that `request` asks for, which is `asked`; its answer. Throws `read_only` if the
   * writer key is not here, `untrusted` if the server prepares something else.
   */
  async change(
    session: Session,
    request: ApiRequest,
    asked: ToCheck,
    signingKey?: KeyObject,
  ): Promise<ApiAnswer> {
    if (signingKey === undefined) await this.requireKey();
    const requestId = randomUUID();
    let signed: { readonly signable: Signable; readonly note: Uint8Array } | undefined;
    for (let attempt = 0; attempt < LIMITS.signingAttemptsMax; attempt += 1) {
      const seen = this.#seen;
      const wanted = { ...withPrepare(request, seen), requestId };
      let answer: ApiAnswer | undefined = await session.request(wanted);
      if (!isPrepared(answer)) {
        if (signed === undefined) throw unsigned();
        // An answer was lost, and what was signed last is what was made: the server is held to that.
        this.#remember(signed.signable, signed.note);
        return answer;
      }
      for (; attempt < LIMITS.signingAttemptsMax; attempt += 1) {
        const signable = this.#check(answer.body, asked, seen);
        if (!(await this.#isNewest(seen, signable.base, request.signal))) break;
        const note = await this.#sign(signable, signingKey);
        signed = { signable, note };
        answer = await this.#send(session, signable, note, request);
        if (answer === undefined) break;
        if (!isPrepared(answer)) {
          this.#remember(signable, note);
          return answer;
        }
      }
    }
    throw new GdpfsError(
      'busy',
      `cannot change volume "${this.#trusted.reference}": others were first, ${LIMITS.signingAttemptsMax} times`,
    );
  }

  /** Resolves when what was seen is remembered. */
  async settle(): Promise<void> {
    await this.#remembering;
    await this.#store();
  }

  #check(body: Uint8Array, asked: ToCheck, seen: Checkpoint): Signable {
    const options = { volume: this.#trusted.name, author: this.#author, nowMs: Date.now() };
    return checkPrepared(body, asked, { ...options, seen });
  }

  /** Undefined if nothing is prepared under that id any more. */
  async #send(
    session: Session,
    { id }: Signable,
    note: Uint8Array,
    { signal }: ApiRequest,
  ): Promise<ApiAnswer | undefined> {
    try {
      return await session.request({
        method: 'POST',
        route: `/api/v1/volumes/${this.#trusted.name}/commits`,
        body: { type: MEDIA_TYPES.signed, bytes: encodeSignedCommit(id, note) },
        isUrgent: true,
        signal,
      });
    } catch (error) {
      if (isGdpfsError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  async #sign({ base, next, text }: Signable, key?: KeyObject): Promise<Uint8Array> {
    if (next === undefined) return new Uint8Array(0);
    const privateKey = key ?? (await this.#writerKey(base.writerKey));
    return signNote({ text, keyName: next.origin, privateKey });
  }

  /**
   * Is the checkpoint not older than what was seen, also since the change was asked for? Throws
   * `untrusted` if it is another history.
   */
  async #isNewest(
    asked: Checkpoint,
    base: ProvenCheckpoint,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const seen = this.#seen;
    // A second signature over what goes on from the same place would be a second history.
    if (base.count < seen.count) return false;
    if (seen === asked) return true;
    if (base.count > seen.count) await proveBetween(this.#trusted, seen, base, { signal });
    else if (!bytesEqual(base.root, seen.root)) {
      throw new GdpfsError('untrusted', 'cannot trust checkpoint: another one was seen before');
    }
    return true;
  }

  #remember({ next }: Signable, note: Uint8Array): void {
    if (next === undefined || next.count <= this.#seen.count) return;
    this.#seen = next;
    this.#unremembered = { note, checkpoint: next };
    const nowMs = performance.now();
    if (nowMs - this.#rememberedMs < LIMITS.signedSeenMs) return;
    this.#rememberedMs = nowMs;
    this.#remembering = this.#remembering.then(() => this.#store());
  }

  async #store(): Promise<void> {
    const { store, name } = this.#trusted;
    const newest = this.#unremembered;
    this.#unremembered = undefined;
    if (newest === undefined) return;
    const before = await store.read(name);
    await store.add(name, newest.note);
    for (const older of before) {
      if (older.count < newest.checkpoint.count) await store.drop(name, older);
    }
  }

  async #writerKey(publicKey: Uint8Array): Promise<KeyObject> {
    if (this.#key !== undefined && bytesEqual(this.#key.publicKey, publicKey)) {
      return this.#key.privateKey;
    }
    const { name, reference } = this.#trusted;
    const privateKey = await this.#keys.find(name, 'writer', publicKey);
    if (privateKey === undefined) {
      throw new GdpfsError(
        'read_only',
        `cannot change volume "${reference}": its writer key is not on this machine`,
        {
          hint: `have who has it run "gdpfs volume key export gdp://${reference} FILE", and here "gdpfs volume key import gdp://${reference} FILE"`,
        },
      );
    }
    this.#key = { publicKey, privateKey };
    return privateKey;
  }
}

function isPrepared({ headers }: ApiAnswer): boolean {
  return headers['content-type'] === MEDIA_TYPES.prepared;
}

function withPrepare(request: ApiRequest, { count }: Checkpoint): ApiRequest {
  return { ...request, query: { ...request.query, prepare: count } };
}

function unsigned(): GdpfsError {
  return new GdpfsError(
    'untrusted',
    'cannot trust the answer: the server says that the change is made, and nobody has signed it',
  );
}
