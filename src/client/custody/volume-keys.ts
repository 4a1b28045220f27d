import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { base64urlEncode, bytesEqual } from '../../base/bytes.ts';
import { sha256 } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { systemCode } from '../../base/system-error.ts';
import { rawPublicKey } from '../../format/ed25519.ts';
import {
  makePrivateDirectory,
  readPrivateFile,
  writePrivateFile,
} from '../../wire/private-file.ts';
import { localError, quote } from '../local-error.ts';

export type KeyRole = 'owner' | 'writer';

/** A new Ed25519 key. */
export function newVolumeKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

/**
 * The private keys of volumes with custody `client`, each a file that only its owner can read (PKCS #8
 * PEM, 0600, in a folder of 0700). Its name says of which volume and which public key it is.
 */
export class VolumeKeys {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Durable when it resolves. `volume` is the 43-character name. */
  async save(volume: string, role: KeyRole, key: KeyObject): Promise<void> {
    await makePrivateDirectory(this.#directory);
    await writePrivateFile(this.#path(volume, role, rawPublicKey(key)), pemOf(key));
  }

  /** The private half of `publicKey`; undefined if it is not here. Throws `local_io`. */
  async find(volume: string, role: KeyRole, publicKey: Uint8Array): Promise<KeyObject | undefined> {
    const path = this.#path(volume, role, publicKey);
    const pem = await readPrivateFile(path);
    return pem === undefined ? undefined : readKey(pem, path, publicKey);
  }

  /** Of a volume that was never made. */
  async remove(volume: string, role: KeyRole, key: KeyObject): Promise<void> {
    await rm(this.#path(volume, role, rawPublicKey(key)), { force: true });
  }

  #path(volume: string, role: KeyRole, publicKey: Uint8Array): string {
    const id = base64urlEncode(sha256(publicKey).subarray(0, 8));
    return join(this.#directory, `${volume}.${role}.${id}.key`);
  }
}

/** Writes a key to a file that must not exist, for its owner only. Throws `exists`, `local_io`. */
export async function exportKey(path: string, key: KeyObject): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writePrivateFile(temporary, pemOf(key));
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw localError('write', path, error);
    throw new GdpfsError('exists', `cannot write ${quote(path)}: it exists`);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Reads the private half of `publicKey`. Throws `not_found`, `local_io` for another one. */
export async function importKey(path: string, publicKey: Uint8Array): Promise<KeyObject> {
  const pem = await readPrivateFile(path);
  if (pem !== undefined) return readKey(pem, path, publicKey);
  throw new GdpfsError('not_found', `cannot read ${quote(path)}: it does not exist`);
}

function readKey(pem: string, path: string, publicKey: Uint8Array): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The error might show a part of the key.
  }
  if (key?.asymmetricKeyType === 'ed25519' && bytesEqual(rawPublicKey(key), publicKey)) return key;
  const state = key === undefined ? 'it is no private key' : 'it is the key of something else';
  throw new GdpfsError('local_io', `cannot use ${quote(path)}: ${state}`);
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
