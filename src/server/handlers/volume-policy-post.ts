import { base64urlDecode, EMPTY_BYTES } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import type { PolicyWish } from '../../fs/policies.ts';
import type { ChangePolicy } from '../../wire/generated/api.ts';
import { policyJson } from '../../wire/policy-json.ts';
import { authorizeVolume } from '../authorize.ts';
import { readJson } from '../body.ts';
import { requestContext } from '../change-context.ts';
import { offerCommit, requireSigning } from '../commit-change.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { momentOf } from '../request-values.ts';

/** POST /api/v1/volumes/{volume}/policy: the owner changes what is kept of a volume's past, or who writes. */
export async function volumePolicyPost(exchange: Exchange<'volumePolicyPost'>): Promise<void> {
  const { params, query, services } = exchange;
  const { value: body, bytes } = await readJson<ChangePolicy>(exchange);
  const target = authorizeVolume(exchange, params['volume'] ?? '', 'admin');
  requireSigning(exchange, target);
  const { volume } = target;
  const { prepare: since } = query;
  const answer = (answered: Exchange): void =>
    replyJson(answered, { status: 200 }, policyJson(services.policies.of(volume.name)));
  const context = requestContext(exchange, bytes);
  if (body.op !== 'signed') {
    if (since !== undefined) throw unsignedPolicy();
    await services.policies.change(volume.name, wishOf(body), context);
    return answer(exchange);
  }
  if (since === undefined) throw unsignedPolicy();
  const record = base64urlDecode(body.record) ?? EMPTY_BYTES;
  const wish = services.signed.policyWish(volume.name, record);
  await offerCommit(exchange, { volume, context, wish: () => wish, answer, since });
}

function wishOf(body: Exclude<ChangePolicy, { op: 'signed' }>): PolicyWish {
  switch (body.op) {
    case 'history':
      return { kind: 'history', days: body.days };
    case 'snapshot':
      return { kind: 'snapshot', name: body.name, ...momentOf(body.at) };
    case 'forget':
      return { kind: 'forget', name: body.name };
  }
}

function unsignedPolicy(): GdpfsError {
  return new GdpfsError(
    'bad_request',
    'cannot read the policy: need "prepare" with "op": "signed", and with nothing else',
  );
}
