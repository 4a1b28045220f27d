import { ByteWriter } from '../../format/byte-writer.ts';
import { decodeCommit } from '../../format/commit.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { writePiece } from '../reply.ts';

/** GET /api/v1/volumes/{volume}/commits: each as uint32 length | bytes, as they are stored. */
export async function volumeCommitsGet(exchange: Exchange<'volumeCommitsGet'>): Promise<void> {
  const { params, query, request, response, services } = exchange;
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'read');
  const head = { 'Content-Type': MEDIA_TYPES.commits, 'Cache-Control': 'no-store' };
  if (request.method === 'HEAD') return void response.writeHead(200, head).end();
  let seq = query.from ?? 0;
  while (seq < volume.count) {
    // One at a time: a commit may be large.
    const [commit] = await services.fs.commits(volume.name, { seq, limit: 1 });
    if (commit === undefined) break;
    if (!response.headersSent) response.writeHead(200, head);
    await writePiece(response, new ByteWriter(4).uint32(commit.length).finish());
    await writePiece(response, commit);
    const { firstSeq, records } = decodeCommit(commit);
    seq = firstSeq + records.length;
  }
  if (!response.headersSent) response.writeHead(200, head);
  response.end();
}
