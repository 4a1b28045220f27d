import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { base64urlDecode, base64urlEncode, bytesEqual } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { rawPrivateKey, rawPublicKey } from '../format/ed25519.ts';
import { makeDurableDirectory, syncDirectory } from '../storage/durable-directory.ts';

/** Keys kept in memory. */
const KEYS_CACHED_MAX = 1024;

/** What a key of a volume is for. */
export type KeyRole = 'owner' | 'writer';

/** An Ed25519 key pair; `publicKey` is raw, 32 bytes. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array;
}

/**
 * Signs checkpoints for a volume with custody `server`: the key is in a KeyStore of this server. With
 * custody `client` the signature comes with the change.
 */
export interface Signer {
  /** The private half of the log's writer key. Throws `read_only` if it is not here. */
  writerKey(log: { readonly name: Uint8Array; readonly writerKey: Uint8Array }): KeyObject;
  /** Is the private half of `publicKey` here, as the writer key of the log? */
  isOwn(log: { readonly name: Uint8Array; readonly writerKey: Uint8Array }): boolean;
}

/** Private keys of the volumes, owner's and writer's (PKCS #8 PEM, 0600), in a folder apart from the data. */
export class KeyStore implements Signer {
  readonly #directory: string;
  /** By public key; bounded by evicting the oldest. */
  readonly #cache = new Map<string, KeyObject>();

  constructor(directory: string) {
    this.#directory = join(directory, 'volumes');
    makeDurableDirectory(this.#directory);
  }

  create(): SigningKey {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    return { privateKey, publicKey: rawPublicKey(publicKey) };
  }

  /** Durable when it returns: a volume must never exist whose key could be lost. */
  save(
    volume: Uint8Array,
    keys: { readonly owner: SigningKey; readonly writer: SigningKey },
  ): void {
    saveKey(this.#path(volume, 'owner'), keys.owner);
    saveKey(this.#path(volume, 'writer'), keys.writer);
    syncDirectory(this.#directory);
  }

  /** A key that will follow; durable when it returns. The ones before stay. */
  saveLater(volume: Uint8Array, role: KeyRole, key: SigningKey): void {
    saveKey(this.#laterPath(volume, role, key.publicKey), key);
    syncDirectory(this.#directory);
  }

  /** What files of a volume are cut by whose owner's key is not here; durable when it returns. */
  saveChunkingKey(volume: Uint8Array, key: Uint8Array): void {
    saveFile(this.#chunkingPath(volume), base64urlEncode(key));
    syncDirectory(this.#directory);
  }

  /** Undefined if there is none of its own. */
  chunkingKey(volume: Uint8Array): Uint8Array | undefined {
    try {
      return base64urlDecode(readFileSync(this.#chunkingPath(volume), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** Of a volume that was never made. */
  remove(volume: Uint8Array): void {
    for (const role of ['owner', 'writer'] as const)
      rmSync(this.#path(volume, role), { force: true });
    rmSync(this.#chunkingPath(volume), { force: true });
  }

  isOwn(log: { readonly name: Uint8Array; readonly writerKey: Uint8Array }): boolean {
    try {
      return this.writerKey(log).type === 'private';
    } catch (error) {
      if (!isGdpfsError(error, 'read_only')) throw error;
      return false;
    }
  }

  /**
   * The 32 bytes that the private half of the volume's first owner key is made from. Throws `read_only`
   * if the key is not here.
   */
  ownerSeed(volume: Uint8Array): Uint8Array {
    return rawPrivateKey(this.#read(volume, 'owner', [this.#path(volume, 'owner')]));
  }

  /** The private half of the owner key in force, which signs policies. Throws `read_only` if it is not here. */
  ownerKey(log: { readonly name: Uint8Array; readonly ownerKey: Uint8Array }): KeyObject {
    return this.#read(
      log.name,
      'owner',
      this.#paths(log.name, 'owner', log.ownerKey),
      log.ownerKey,
    );
  }

  writerKey(log: { readonly name: Uint8Array; readonly writerKey: Uint8Array }): KeyObject {
    const id = base64urlEncode(log.writerKey);
    let key = this.#cache.get(id);
    if (key === undefined) {
      const paths = this.#paths(log.name, 'writer', log.writerKey);
      key = this.#read(log.name, 'writer', paths, log.writerKey);
      if (this.#cache.size >= KEYS_CACHED_MAX) {
        const oldest = this.#cache.keys().next();
        if (!oldest.done) this.#cache.delete(oldest.value);
      }
      this.#cache.set(id, key);
    }
    return key;
  }

  /** The key in the first of `paths` that is there, which must be that of `publicKey`. */
  #read(
    volume: Uint8Array,
    role: KeyRole,
    paths: readonly string[],
    publicKey?: Uint8Array,
  ): KeyObject {
    let cause: unknown;
    for (const path of paths) {
      try {
        const key = createPrivateKey(readFileSync(path));
        if (publicKey === undefined || bytesEqual(rawPublicKey(key), publicKey)) return key;
      } catch (error) {
        cause = error;
      }
    }
    const name = base64urlEncode(volume);
    const state = `its ${role} key is missing`;
    throw new GdpfsError('read_only', `cannot write to volume "${name}": ${state}`, {
      cause,
      hint: 'restore the keys folder of the server from its backup',
    });
  }

  /** Where the key may be. */
  #paths(volume: Uint8Array, role: KeyRole, publicKey: Uint8Array): string[] {
    return [this.#laterPath(volume, role, publicKey), this.#path(volume, role)];
  }

  /** Of a key that was not the first. */
  #laterPath(volume: Uint8Array, role: KeyRole, publicKey: Uint8Array): string {
    const id = base64urlEncode(sha256(publicKey).subarray(0, 8));
    return join(this.#directory, `${base64urlEncode(volume)}.${role}.${id}.key`);
  }

  #chunkingPath(volume: Uint8Array): string {
    return join(this.#directory, `${base64urlEncode(volume)}.chunking`);
  }

  #path(volume: Uint8Array, role: KeyRole): string {
    return join(this.#directory, `${base64urlEncode(volume)}.${role}.key`);
  }
}

function saveKey(path: string, key: SigningKey): void {
  const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' });
  saveFile(path, pem.toString());
}

function saveFile(path: string, text: string): void {
  const file = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
}
