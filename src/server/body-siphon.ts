import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Who gets the rest of a body. Nothing here may throw. */
export interface SiphonTarget {
  /** Where the next bytes should lie, if that is known. */
  place(): Uint8Array | undefined;
  /** Bytes at the start of the last place; if they are elsewhere, their memory is used again when this returns. */
  take(piece: Uint8Array, isPlaced: boolean): void;
}

/**
 * What Node has for itself: a handle that reads to memory of the caller's, as it does for clients with
 * the option `onread`, and a parser that reads from the handle. Where anything of it is missing, bodies
 * come the ordinary way.
 */
interface Handle {
  readonly bytesRead: number;
  onread: (this: Handle, data?: ArrayBuffer) => Uint8Array | undefined;
  useUserBuffer(buffer: Uint8Array): void;
}

interface Parser {
  readonly constructor: { readonly kOnBody?: unknown };
  /** Its callbacks. */
  [index: number]: unknown;
  consume(handle: Handle): void;
  unconsume(): void;
  /** The number of bytes that it has taken, or what is wrong with them. */
  execute(bytes: Uint8Array): number | Error;
}

type Insides = Socket & {
  readonly _handle?: Handle | null;
  readonly parser?: Parser | null;
  /** Something has come: the time-out begins anew. */
  _unrefTimer?(): void;
};

/** More than a record of TLS. Whatever lies in it is taken before anything else comes. */
const scratch = new Uint8Array(64 * 1024);

/** A piece of a body as the parser sees it, which looks at no byte of it. */
const BLANK = new Uint8Array(64 * 1024);

const siphons = new WeakMap<Socket, BodySiphon>();

/**
 * Leads what comes next on a connection, the rest of a body, past Node's HTTP parser to where it belongs.
 * Otherwise each record of TLS is copied three times on the way, becomes memory of its own, and is collected.
 *
 * The parser is told how many bytes have gone past it as soon as the body is complete, or the siphon
 * ends, and reads on from there: what is a request, and where it ends, nobody else decides.
 */
export class BodySiphon {
  readonly #socket: Insides;
  readonly #handle: Handle;
  readonly #onOther: Handle['onread'];
  #target: SiphonTarget | undefined;
  /** Bytes of the body that are still to come. */
  #left = 0;
  /** Bytes that the parser does not know of. */
  #passed = 0;
  /** Of the handle, before what comes next. */
  #bytesRead = 0;
  /** Where the next bytes will lie. */
  #place: Uint8Array = scratch;

  private constructor(socket: Insides, handle: Handle) {
    this.#socket = socket;
    this.#handle = handle;
    this.#onOther = handle.onread;
    handle.onread = () => this.#onRead();
    handle.useUserBuffer(scratch);
  }

  /**
   * `left` bytes of the request's body, one or more, have not come yet, and the parser has given out all
   * that have. Undefined if they must come the ordinary way.
   */
  static begin(
    { socket }: IncomingMessage,
    left: number,
    target: SiphonTarget,
  ): BodySiphon | undefined {
    const insides: Insides = socket;
    const { _handle: handle, parser } = insides;
    if (!isHandle(handle) || !isParser(parser) || insides._unrefTimer === undefined) {
      return undefined;
    }
    const siphon = siphons.get(socket) ?? new BodySiphon(insides, handle);
    siphons.set(socket, siphon);
    if (!siphon.#isReady) return undefined;
    // Whoever reads from the handle now is the one before the parser: the siphon.
    parser.unconsume();
    siphon.#target = target;
    siphon.#left = left;
    siphon.#bytesRead = handle.bytesRead;
    return siphon;
  }

  /** The rest goes to the parser again. */
  end(): void {
    if (this.#target === undefined) return;
    this.#target = undefined;
    const { destroyed, parser } = this.#socket;
    // The parser of a closed connection may be that of another by now.
    if (destroyed || !isParser(parser)) return;
    const isTold = tell(parser, this.#passed);
    this.#passed = 0;
    parser.consume(this.#handle);
    if (!isTold) this.#socket.destroy();
  }

  /** After an end in the middle, what comes next would lie in a place that is somebody else's by now. */
  get #isReady(): boolean {
    return this.#target === undefined && this.#place === scratch;
  }

  /** Called by Node when something has come to the place, or there is an error, or the end. */
  #onRead(): Uint8Array | undefined {
    const target = this.#target;
    const { bytesRead } = this.#handle;
    const length = bytesRead - this.#bytesRead;
    if (target === undefined || length <= 0) return this.#onOther.call(this.#handle);
    this.#bytesRead = bytesRead;
    this.#left -= length;
    this.#passed += length;
    this.#socket._unrefTimer?.();
    target.take(this.#place.subarray(0, length), this.#place.buffer !== scratch.buffer);
    if (this.#left === 0) this.end();
    this.#place = this.#target === undefined ? scratch : this.#nextPlace(target);
    return this.#place;
  }

  /** What is behind the body must not get into it. */
  #nextPlace(target: SiphonTarget): Uint8Array {
    const place = target.place() ?? scratch;
    return place.length > this.#left ? place.subarray(0, this.#left) : place;
  }
}

/** Tells the parser that so many bytes of a body have come. False if it expects fewer. */
function tell(parser: Parser, count: number): boolean {
  const index = Number(parser.constructor.kOnBody);
  const onBody = parser[index];
  // Without it, it copies nothing.
  parser[index] = undefined;
  try {
    for (let left = count; left > 0; ) {
      const run = BLANK.subarray(0, Math.min(left, BLANK.length));
      if (parser.execute(run) !== run.length) return false;
      left -= run.length;
    }
    return true;
  } finally {
    parser[index] = onBody;
  }
}

function isHandle(handle: Handle | null | undefined): handle is Handle {
  return (
    typeof handle?.useUserBuffer === 'function' &&
    typeof handle.onread === 'function' &&
    typeof handle.bytesRead === 'number'
  );
}

function isParser(parser: Parser | null | undefined): parser is Parser {
  return (
    typeof parser?.consume === 'function' &&
    typeof parser.unconsume === 'function' &&
    typeof parser.execute === 'function' &&
    typeof parser.constructor.kOnBody === 'number'
  );
}
