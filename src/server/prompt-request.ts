import { IncomingMessage } from 'node:http';

const NOTHING = new Uint8Array(0);

/**
 * A request that hands the pieces of its body to who listens for them as they are found. A stream also
 * plans, for each of them, to look a turn later whether more should be read; of a large body that
 * comes in records of 16 KiB this was a sixth of what the server does.
 */
export class PromptRequest extends IncomingMessage {
  override push(piece: unknown, encoding?: BufferEncoding): boolean {
    const isPrompt =
      piece instanceof Uint8Array &&
      this.readableFlowing === true &&
      this.readableLength === 0 &&
      this.readableEncoding === null;
    if (!isPrompt) return super.push(piece, encoding);
    this.emit('data', piece);
    // Whoever has paused it goes on reading later: then the stream must not think that it does.
    return this.readableFlowing === true || super.push(NOTHING);
  }
}
