import { utf8Encode } from '../base/bytes.ts';
import { sha256Parts } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import type { ChangeContext, Precondition } from '../fs/types.ts';
import { parseETag } from '../wire/headers.ts';
import type { AuthorizedVolume } from './authorize.ts';
import { callerOf, type Exchange } from './exchange.ts';

/** Who asks for a change in a volume, and what they may do there. */
export function changeContext(
  exchange: Pick<Exchange, 'request' | 'caller'>,
  { rights }: Pick<AuthorizedVolume, 'rights'>,
  content: Uint8Array,
): ChangeContext {
  return { ...requestContext(exchange, content), rights };
}

/**
 * Who asks, and the identity of the request if it carries an Idempotency-Key. `content` stands for
 * the body: the bytes themselves, or a digest of them where they were never in memory whole.
 */
export function requestContext(
  exchange: Pick<Exchange, 'request' | 'caller'>,
  content: Uint8Array,
): ChangeContext {
  const { headers, method = '', url = '' } = exchange.request;
  const author = callerOf(exchange).principal;
  const id = headers['idempotency-key'];
  if (typeof id !== 'string') return { author };
  const fingerprint = sha256Parts([utf8Encode(`${method} ${withoutPrepare(url)}\n`), content]);
  return { author, request: { id, fingerprint } };
}

/** A request is the same whatever its sender remembers of the volume when it sends it. */
function withoutPrepare(url: string): string {
  return url.replace(/([?&])prepare=\d+(&|$)/, (_, before: string, after: string) =>
    after === '' ? '' : before,
  );
}

/** The `precondition` of a change, from If-Match and If-None-Match; nothing if there are none. */
export function preconditionOf({ request }: Pick<Exchange, 'request'>): {
  readonly precondition?: Precondition;
} {
  const ifMatch = request.headers['if-match'];
  const ifNoneMatch = request.headers['if-none-match'];
  const content = ifMatch === undefined ? undefined : requireETag(ifMatch);
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*') {
    throw new GdpfsError('bad_request', 'cannot read header If-None-Match: need "*" for a change');
  }
  if (content === undefined && ifNoneMatch === undefined) return {};
  return {
    precondition: {
      ...(content === undefined ? {} : { content }),
      ...(ifNoneMatch === undefined ? {} : { absent: true }),
    },
  };
}

function requireETag(fieldValue: string): Uint8Array {
  const content = parseETag(fieldValue);
  if (content !== undefined) return content;
  throw new GdpfsError(
    'bad_request',
    'cannot read header If-Match: need one strong ETag of this API for a change',
  );
}
