import { concatBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';

/** Weights, one behind the other, in pieces of any size. */
export type Pieces = Iterable<ArrayBuffer> | AsyncIterable<ArrayBuffer>;

export interface Shard {
  readonly index: number;
  readonly data: Uint8Array;
}

/**
 * Cuts weights into files of `shardBytes`, the last one shorter; one is in memory at a time. Throws
 * `usage` if they are not `bytes` in all.
 */
export async function* cutShards(
  weights: Pieces,
  {
    bytes,
    shardBytes,
    path,
  }: { readonly bytes: number; readonly shardBytes: number; path: string },
): AsyncGenerator<Shard, void, void> {
  let gathering: Uint8Array[] = [];
  let room = shardBytes;
  let index = 0;
  let size = 0;
  for await (const buffer of weights) {
    size += buffer.byteLength;
    for (let start = 0; start < buffer.byteLength; ) {
      const part = new Uint8Array(buffer, start, Math.min(room, buffer.byteLength - start));
      gathering.push(part);
      start += part.length;
      room -= part.length;
      if (room > 0) continue;
      yield { index, data: joined(gathering) };
      gathering = [];
      room = shardBytes;
      index += 1;
    }
  }
  if (gathering.length > 0) yield { index, data: joined(gathering) };
  if (size === bytes) return;
  throw new GdpfsError(
    'usage',
    `cannot save to "${path}": weights of ${size} bytes, need ${bytes}`,
  );
}

export async function gathered(weights: Pieces): Promise<ArrayBuffer[]> {
  const pieces: ArrayBuffer[] = [];
  for await (const piece of weights) pieces.push(piece);
  return pieces;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : concatBytes(parts);
}
