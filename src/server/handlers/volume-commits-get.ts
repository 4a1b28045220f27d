import { ByteWriter } from '../../format/byte-writer.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { writePiece } from '../reply.ts';

/** GET /api/v1/volumes/{volume}/commits: each as uint32 length | bytes, as they are stored. */
export async function volumeCommitsGet(exchange: Exchange<'volumeCommitsGet'>): Promise<void> {
  const { params, query, request, response, services } = exchange;
  const volume = authorizeVolume(exchange, params['volume'] ?? '');
  const head = { 'Content-Type': MEDIA_TYPES.commits, 'Cache-Control': 'no-store' };
  if (request.method === 'HEAD') return void response.writeHead(200, head).end();
  for await (const commit of services.fs.commits(volume.name, query.from ?? 0)) {
    if (!response.headersSent) response.writeHead(200, head);
    response.write(new ByteWriter(4).uint32(commit.length).finish());
    await writePiece(response, commit);
  }
  if (!response.headersSent) response.writeHead(200, head);
  response.end();
}
