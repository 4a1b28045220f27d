/**
 * Frees the memory of a piece that came from a socket now, for whoever has copied all of it and is the
 * only one to have it. The collector would free it too, but it counts that memory without seeing
 * how little work it is, and marks the whole heap once in 40 MB: a quarter of the CPU time of a
 * transfer.
 */
export function discardPiece({ buffer, length }: Uint8Array): void {
  // Not if the piece is a part of something larger: that is not ours.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}
