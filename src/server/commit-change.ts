import { GdpfsError } from '../base/errors.ts';
import { unsigned } from '../log/transaction.ts';
import { LEVEL } from '../fs/rights.ts';
import type { Change, ChangeContext, ChangeResult } from '../fs/types.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { type AuthorizedVolume, authorizeVolume } from './authorize.ts';
import type { AnswerChange, Exchange } from './exchange.ts';
import type { Offered, WantedCommit } from './prepared-commits.ts';
import { reply } from './reply.ts';

/** A change that a request asks for. */
export interface AskedChange {
  readonly target: AuthorizedVolume;
  readonly context: ChangeContext;
  readonly change: Change | (() => Promise<Change>);
  /** Makes it, if that is not just to apply it. */
  readonly make?: () => Promise<ChangeResult>;
  /** Answers the request when the change is made. Must use no other exchange than the one it gets. */
  readonly answer: AnswerChange;
}

/** Operations whose changes a volume's writer may have to sign. */
export type ChangingId =
  | 'filesPost'
  | 'filesPatch'
  | 'filesDelete'
  | 'filesChangesPost'
  | 'storageFilesPost';

/**
 * Makes the change and answers; or, in a volume whose writer key is not here, answers with what there is
 * to sign.
 */
export async function commitChange(
  exchange: Exchange<ChangingId>,
  { target, context, change, make, answer }: AskedChange,
): Promise<void> {
  const { volume } = target;
  const { fs } = exchange.services;
  const { prepare: since } = exchange.query;
  const wish = (): Change | Promise<Change> => (typeof change === 'function' ? change() : change);
  if (since !== undefined) {
    return await offerCommit(exchange, { volume, context, wish, answer, since });
  }
  const result =
    make === undefined ? await fs.apply(volume.name, await wish(), context) : await make();
  await answerChange(exchange, result, answer);
}

/** Answers a request for a change with what there is to sign, or as it was answered before. */
export async function offerCommit(
  exchange: Exchange,
  wanted: Omit<WantedCommit<AnswerChange>, 'targets'>,
): Promise<void> {
  const { services, trail, response } = exchange;
  const offered = { ...wanted, targets: [...trail.targets] };
  await answerOffer(exchange, await services.prepared.offer(offered, response));
}

/** What a change was prepared for is answered when it is made; else there is something to sign. */
export async function answerOffer(
  exchange: Exchange,
  offered: Offered<AnswerChange>,
): Promise<void> {
  if (offered.kind === 'made') return await answerChange(exchange, offered.result, offered.answer);
  exchange.trail.isPrepared = true;
  const headers = { 'Content-Type': MEDIA_TYPES.prepared };
  reply(exchange, { status: 202, headers }, offered.body);
}

async function answerChange(
  exchange: Exchange,
  result: ChangeResult,
  answer: AnswerChange,
): Promise<void> {
  exchange.trail.seq = result.seq;
  await answer(exchange, result);
}

/**
 * Refuses early what nobody here can sign. Throws `read_only`, `bad_request`, or `forbidden`: what a
 * signer must see of a volume shows names and hashes all over it.
 */
export function requireSigning(
  exchange: Exchange<ChangingId | 'volumePolicyPost'>,
  { volume, rights }: AuthorizedVolume,
): void {
  const { prepare } = exchange.query;
  if (volume.custody === 'client') {
    if (prepare === undefined) throw unsigned();
    if (rights.whole < LEVEL.read) authorizeVolume(exchange, volume.alias, 'read');
  } else if (prepare !== undefined) {
    throw new GdpfsError(
      'bad_request',
      `cannot prepare a change of volume "${volume.alias}": the server signs for it`,
    );
  }
}
