import { base64urlDecode, EMPTY_BYTES } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import { authorizeVolume } from '../authorize.ts';
import { offerCommit, requireSigning } from '../commit-change.ts';
import { requestContext } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/volumes/{volume}/keys: a new writer's or owner's key, named by the owner's. */
export async function volumeKeysPost(exchange: Exchange<'volumeKeysPost'>): Promise<void> {
  const { params, query, services } = exchange;
  const target = authorizeVolume(exchange, params['volume'] ?? '', 'admin');
  requireSigning(exchange, target);
  const { volume } = target;
  const context = requestContext(exchange, EMPTY_BYTES);
  const { prepare: since, policy, owner } = query;
  const isSigned = since !== undefined && policy !== undefined;
  if (!isSigned && (since ?? policy) !== undefined) {
    throw new GdpfsError(
      'bad_request',
      'cannot read query: need both "prepare" and "policy", or none',
    );
  }
  if (!isSigned) {
    const role = owner === true ? 'owner' : 'writer';
    const done = await services.fs.rotateKey(volume.name, role, context);
    return replyJson(exchange, { status: 200 }, done);
  }
  if (owner !== undefined) {
    throw new GdpfsError('bad_request', 'cannot read query: need "owner" or "policy", not both');
  }
  const record = base64urlDecode(policy) ?? EMPTY_BYTES;
  const wish = services.signed.policyWish(volume.name, record);
  const { epoch, rotations } = wish.policy;
  const done = { epoch, ownerRotations: rotations.length };
  const answer = (answered: Exchange): void => replyJson(answered, { status: 200 }, done);
  await offerCommit(exchange, { volume, context, wish: () => wish, answer, since });
}
