import { createHash, hash } from 'node:crypto';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { hexDecode, hexEncode, newBytes } from './bytes.ts';
import { sumOnThread } from './digest-threads.ts';

/** Bytes of a SHA-256 digest. */
export const DIGEST_BYTES = 32;

/** Below this size the hand-over to another thread costs more than hashing in place. */
const ASYNC_HASH_BYTES_MIN = 32 * 1024;

/** SHA-256 (FIPS 180-4) of `bytes`, computed here and now. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  // As a string, since a Buffer costs three times as much as the hash of a short record.
  const text = hash('sha256', bytes, 'binary');
  const digest = newBytes(DIGEST_BYTES);
  for (let index = 0; index < DIGEST_BYTES; index += 1) digest[index] = text.charCodeAt(index);
  return digest;
}

/** SHA-256 of the concatenation of `parts`, without copying them together. */
export function sha256Parts(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const state = createHash('sha256');
  for (const part of parts) state.update(part);
  return new Uint8Array(state.digest());
}

/** Memory that `sha256Async` can hash on another thread. */
export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

/**
 * SHA-256, on another thread if `bytes` are large and lie in `sharedBytes`, so that several run
 * beside the event loop; otherwise here and now. They must not change before it resolves.
 */
export async function sha256Async(bytes: Uint8Array): Promise<Uint8Array> {
  if (!isForThread([bytes])) return sha256(bytes);
  return (await sumOnThread({ views: [bytes], withChecksums: false })).digests;
}

/** SHA-256 and CRC-32, on the same terms. */
export async function sumsAsync(
  bytes: Uint8Array,
): Promise<{ readonly digest: Uint8Array; readonly checksum: number }> {
  if (!isForThread([bytes])) return { digest: sha256(bytes), checksum: crc32(bytes) };
  const { digests, checksums } = await sumOnThread({ views: [bytes], withChecksums: true });
  return { digest: digests, checksum: checksums[0] ?? 0 };
}

/** The same of several: those that lie in shared memory take one way to the other thread. */
export async function sha256Each(views: readonly Uint8Array[]): Promise<Uint8Array[]> {
  if (!isForThread(views)) return views.map(sha256);
  const { digests } = await sumOnThread({ views, withChecksums: false });
  return views.map((_, index) => digests.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES));
}

function isForThread(views: readonly Uint8Array[]): boolean {
  const size = views.reduce((sum, { length }) => sum + length, 0);
  return (
    size >= ASYNC_HASH_BYTES_MIN && views.every(({ buffer }) => buffer instanceof SharedArrayBuffer)
  );
}

/** CRC-32 (ISO-HDLC, as in zlib); `seed` continues an earlier value. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed);
}

/** The text form of a digest: `sha256:` and 64 hexadecimal digits. */
export function formatDigest(digest: Uint8Array): string {
  return `sha256:${hexEncode(digest)}`;
}

/** Undefined unless `text` is what `formatDigest` writes. */
export function parseDigest(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length !== 7 + 2 * DIGEST_BYTES || !text.startsWith('sha256:')) return undefined;
  return hexDecode(text.slice(7));
}
