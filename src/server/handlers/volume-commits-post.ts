import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { decodeSignedCommit } from '../../format/prepared-commit.ts';
import { authorizeVolume } from '../authorize.ts';
import { withBody } from '../body.ts';
import { answerOffer } from '../commit-change.ts';
import type { Exchange } from '../exchange.ts';

/** POST /api/v1/volumes/{volume}/commits: the signature of a change that was prepared. */
export async function volumeCommitsPost(exchange: Exchange<'volumeCommitsPost'>): Promise<void> {
  const { params, services } = exchange;
  const signer = authorizeVolume(exchange, params['volume'] ?? '', 'read');
  const signed = await withBody(exchange, (body) => readSigned(body.slice()));
  const { prepared } = services;
  exchange.trail.targets.push(...prepared.find(signer, signed.id).targets);
  await answerOffer(exchange, await prepared.commit(signer, signed, exchange.response));
}

function readSigned(body: Uint8Array): ReturnType<typeof decodeSignedCommit> {
  try {
    return decodeSignedCommit(body);
  } catch (error) {
    // What is corrupt in a store is a bad request here.
    if (isGdpfsError(error, 'corrupt')) throw new GdpfsError('bad_request', error.message);
    throw error;
  }
}
