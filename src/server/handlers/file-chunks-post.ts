import { DIGEST_BYTES } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { authorizePath, authorizeUpload, claimantOf, type Target } from '../authorize.ts';
import type { Upload } from '../../fs/types.ts';
import { withBody } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { uploader } from '../uploads.ts';

/** POST /api/v1/file/chunks: which of these digests does the upload, or the volume, lack? */
export async function fileChunksPost(exchange: Exchange<'fileChunksPost'>): Promise<void> {
  const { upload, ...target } = askedFor(exchange);
  const { volume } = target;
  const claimant = upload === undefined ? claimantOf(target) : await uploader(exchange, target);
  const asker = { ...claimant, ...(upload === undefined ? {} : { upload }) };
  const { fs, metrics } = exchange.services;
  const missing = await withBody(exchange, async (body) => {
    const digests = splitDigests(body);
    const found = await fs.missing(volume.name, digests, asker);
    metrics.requests.asked({ present: digests.length - found.length, missing: found.length });
    return found;
  });
  replyJson(exchange, { status: 200 }, { missing });
}

function askedFor(exchange: Exchange<'fileChunksPost'>): {
  readonly upload?: Upload;
} & Target {
  const { upload, path } = exchange.query;
  if (upload !== undefined && path === undefined) return authorizeUpload(exchange, upload);
  if (path !== undefined && upload === undefined) {
    return authorizePath(exchange, path, { need: 'see' });
  }
  throw new GdpfsError('bad_request', 'cannot read query: need either "upload" or "path"');
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
