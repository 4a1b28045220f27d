import type { IncomingMessage } from 'node:http';
import { copyBytes, utf8Decode } from '../base/bytes.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import type { BodyRule } from '../wire/contract.ts';
import { discardPiece } from '../wire/discard-piece.ts';
import { BodyPieces } from './body-pieces.ts';
import type { Exchange } from './exchange.ts';

/** Bodies below this are held without asking the budget: it costs more than it saves. */
const SMALL_BODY_BYTES = 64 * 1024;

/** Who gets a body, piece by piece. */
export interface BodyTaker {
  /** Where the next bytes should lie, if that is known. It may be longer than what comes. */
  place?(): Uint8Array | undefined;
  /** A piece is at the start of the last place, or is the taker's own. May return when it has room for more. */
  take(piece: Uint8Array): Promise<void> | undefined;
}

/**
 * Hands the body to `taker` piece by piece, as the connection delivers it. While a promise that
 * `take` returned is pending, nothing more is read. Throws `body_too_large` beyond the contract's
 * limit, `unavailable` if the client goes away, and whatever `take` throws.
 */
export async function forEachPiece(exchange: Exchange, taker: BodyTaker): Promise<void> {
  const { request } = exchange;
  const { bytesMax } = bodyRule(exchange);
  checkAnnouncedLength(request, bytesMax);
  let receivedBytes = 0;
  const count: BodyTaker['take'] = (piece) => {
    receivedBytes += piece.length;
    if (receivedBytes > bytesMax) throw tooLarge(bytesMax);
    return taker.take(piece);
  };
  const pieces = new BodyPieces(request, {
    length: announcedLength(request),
    place: () => taker.place?.(),
    take: count,
  });
  await pieces.all();
}

/**
 * Reads the whole body and passes it to `use`; the memory counts against what there is for all, and
 * for one principal, until `use` is done, and is freed if it succeeded: nothing may keep a view of it then.
 */
export async function withBody<T>(
  exchange: Exchange,
  use: (body: Uint8Array) => Promise<T> | T,
): Promise<T> {
  const { bytesMax } = bodyRule(exchange);
  checkAnnouncedLength(exchange.request, bytesMax);
  const length = announcedLength(exchange.request);
  const heldBytes = length ?? bytesMax;
  if (heldBytes <= SMALL_BODY_BYTES) return await use(await readBody(exchange));
  const { bodyRoom, buffers } = exchange.services;
  return await bodyRoom.with(exchange.caller?.principal ?? '', heldBytes, async () => {
    const body = await (length === undefined ? readBody(exchange) : readInto(exchange, length));
    const result = await use(body);
    // Only now: after a failure a write of some of it may still be under way.
    if (length === undefined) discardPiece(body);
    else buffers.give(body);
    return result;
  });
}

/** A JSON body that fits the contract, and its bytes. `T` is the schema's generated type. */
export async function readJson<T>(
  exchange: Exchange,
): Promise<{ readonly value: T; readonly bytes: Uint8Array }> {
  const { check } = bodyRule(exchange);
  assert(check !== undefined, 'JSON bodies have a schema');
  return await withBody(exchange, (bytes) => {
    const value = parseJson(bytes);
    check(value);
    return { value: value as T, bytes };
  });
}

async function readBody(exchange: Exchange): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await forEachPiece(exchange, {
    take: (piece) => {
      pieces.push(piece);
      return undefined;
    },
  });
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) return first;
  const body = Buffer.concat(pieces);
  for (const piece of pieces) discardPiece(piece);
  return body;
}

/** The body, of which the client said that it has `length` bytes, in memory of the pool. */
async function readInto(exchange: Exchange, length: number): Promise<Uint8Array> {
  const body = exchange.services.buffers.take(length);
  let receivedBytes = 0;
  await forEachPiece(exchange, {
    place: () => body.subarray(receivedBytes),
    take: (piece) => {
      copyBytes(piece, body, receivedBytes);
      receivedBytes += piece.length;
      if (piece.buffer !== body.buffer) discardPiece(piece);
      return undefined;
    },
  });
  assert(receivedBytes === length, 'HTTP delivers as many bytes as were announced');
  return body;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(bytes));
  } catch (cause) {
    throw new GdpfsError('bad_request', 'cannot read request body: not JSON in UTF-8', { cause });
  }
}

function bodyRule({ operation, bodyType }: Exchange): BodyRule {
  const rule = operation.bodies.get(bodyType);
  assert(rule !== undefined, `${operation.id} takes a body of type "${bodyType}"`);
  return rule;
}

/** Bytes of the body, undefined if the client did not say. */
export function announcedLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}

function checkAnnouncedLength(request: IncomingMessage, bytesMax: number): void {
  if ((announcedLength(request) ?? 0) > bytesMax) throw tooLarge(bytesMax);
}

function tooLarge(bytesMax: number): GdpfsError {
  return new GdpfsError(
    'body_too_large',
    `cannot read request body: too long, need at most ${bytesMax} bytes`,
    { details: { bytesMax } },
  );
}
