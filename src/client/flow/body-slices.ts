import { LIMITS } from '../../base/limits.ts';
import type { Movement } from './movement.ts';
import type { RateLimit } from './rate-limit.ts';

/** Bodies up to this size are written at once. */
const WHOLE_BYTES_MAX = LIMITS.smallExchangeBytesMax;
/**
 * The first slice is small, so that a very slow link shows that it moves, each one after it twice as
 * large. Larger slices make a faster link no faster, and cost memory while they are encrypted.
 */
const SLICE_BYTES_FIRST = 64 * 1024;
const SLICE_BYTES_MAX = 512 * 1024;

export interface BodyPath {
  readonly movement: Movement;
  /** Told of bytes as the socket takes them. */
  readonly onMoved: ((bytes: number) => void) | undefined;
}

/**
 * A body as views of it, each to be asked for when the socket has taken the one before, so that
 * progress is seen while it is sent.
 */
export function slicesOf(body: Uint8Array, path: BodyPath): Iterable<Uint8Array> {
  return body.length > WHOLE_BYTES_MAX ? slices(body, path) : [body];
}

function* slices(
  body: Uint8Array,
  { movement, onMoved }: BodyPath,
): Generator<Uint8Array, void, void> {
  let size = SLICE_BYTES_FIRST;
  for (let offset = 0; offset < body.length; offset += size, size = larger(size)) {
    const slice = body.subarray(offset, offset + size);
    yield slice;
    movement.sent();
    onMoved?.(slice.length);
  }
}

/** The same for a limited bandwidth: each slice comes when it is its turn. */
export async function* limitedSlicesOf(
  body: Uint8Array,
  { movement, onMoved }: BodyPath,
  rate: RateLimit,
): AsyncGenerator<Uint8Array, void, void> {
  let size = Math.min(SLICE_BYTES_FIRST, rate.sliceBytes);
  for (let offset = 0; offset < body.length; offset += size) {
    size = Math.min(larger(size), rate.sliceBytes);
    const slice = body.subarray(offset, offset + size);
    movement.isPaused = true;
    await rate.take(slice.length);
    movement.isPaused = false;
    yield slice;
    movement.sent();
    onMoved?.(slice.length);
  }
}

function larger(size: number): number {
  return Math.min(2 * size, SLICE_BYTES_MAX);
}
