import { DIGEST_BYTES } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { authorizeUpload } from '../authorize.ts';
import { withBody } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/file/chunks: which of these digests does the upload lack? */
export async function fileChunksPost(exchange: Exchange<'fileChunksPost'>): Promise<void> {
  const { volume } = authorizeUpload(exchange, exchange.query.upload);
  const missing = await withBody(exchange, (body) =>
    exchange.services.fs.missing(volume.name, splitDigests(body)),
  );
  replyJson(exchange, { status: 200 }, { missing });
}

function splitDigests(body: Uint8Array): Uint8Array[] {
  if (body.length === 0 || body.length % DIGEST_BYTES !== 0) {
    throw new GdpfsError(
      'bad_request',
      `cannot read digests: ${body.length} bytes, need a multiple of ${DIGEST_BYTES}`,
    );
  }
  const digests: Uint8Array[] = [];
  for (let start = 0; start < body.length; start += DIGEST_BYTES) {
    digests.push(body.subarray(start, start + DIGEST_BYTES));
  }
  return digests;
}
