import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { ChunkFrameDecoder, type ChunkFrame } from '../../format/chunk-frame.ts';
import { authorizeUpload } from '../authorize.ts';
import type { ChunksReceived } from '../../wire/generated/api.ts';
import { discardPiece } from '../../wire/discard-piece.ts';
import { forEachPiece } from '../body.ts';
import { ChunkSink } from '../chunk-sink.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/storage/file/chunks: chunk frames into an upload, answered when durable. */
export async function storageFileChunksPost(
  exchange: Exchange<'storageFileChunksPost'>,
): Promise<void> {
  const { upload: id, unsummed = false } = exchange.query;
  const { upload, volume } = authorizeUpload(exchange, id);
  const { services } = exchange;
  const { fs, system, stagedBytes } = services;
  const room = { quota: system.view.quota(volume.name), usage: fs.usage(volume.name) };
  const decoder = new ChunkFrameDecoder((length) => services.buffers.take(length));
  const sink = new ChunkSink(services, { volume, upload });
  let end = 0;
  let bytes = 0;
  const take = (piece: Uint8Array): Promise<void> | undefined => {
    const frames = decoder.push(piece);
    const framesBytes = frames.reduce((sum, { length }) => sum + length, 0);
    if (framesBytes > 0) stagedBytes.add(upload, framesBytes, room);
    for (const frame of frames) {
      checkPlace(frame, { end, size: upload.size ?? LIMITS.fileBytesMax });
      end = frame.offset + frame.length;
      bytes += frame.length;
      const { offset, data, checksum } = frame;
      sink.put(unsummed ? { offset, data } : { offset, data, checksum });
    }
    const isShared = frames.some((frame) => frame.data.buffer === piece.buffer);
    if (!isShared) discardPiece(piece);
    return sink.room();
  };
  await forEachPiece(exchange, { place: () => decoder.place(), take });
  decoder.end();
  const chunks = await sink.finish();
  const checksums = unsummed ? { checksums: chunks.map(({ checksum }) => checksum) } : {};
  const json: ChunksReceived = { received: chunks.length, bytes, ...checksums };
  replyJson(exchange, { status: 200 }, json);
}

function checkPlace(
  frame: ChunkFrame,
  bounds: { readonly end: number; readonly size: number },
): void {
  const { offset, length } = frame;
  if (offset < bounds.end) {
    throw badFrame(frame, `it overlaps the one before, need offset ${bounds.end} or more`);
  }
  if (offset + length > bounds.size) {
    throw badFrame(frame, `it ends at ${offset + length}, need at most the file's ${bounds.size}`);
  }
}

function badFrame({ offset }: ChunkFrame, fault: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot store chunk at offset ${offset}: ${fault}`, {
    details: { offset },
  });
}
