import { GdpfsError } from '../../base/errors.ts';
import { joinPath, parsePath } from '../../format/path.ts';
import type { Change, ChangeResult } from '../../fs/types.ts';
import type { ChangeBelow, ChangeSet } from '../../wire/generated/api.ts';
import { authorizePath, type Target } from '../authorize.ts';
import { readJson } from '../body.ts';
import { commitChange, requireSigning } from '../commit-change.ts';
import { changeContext, preconditionOf } from '../change-context.ts';
import { requireDirectory } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { attributesOf, momentOf, digestOf } from '../request-values.ts';

/** POST /api/v1/files/changes: many changes below a directory in one commit, or none. */
export async function filesChangesPost(exchange: Exchange<'filesChangesPost'>): Promise<void> {
  const { value: body, bytes } = await readJson<ChangeSet>(exchange);
  if (preconditionOf(exchange).precondition !== undefined) {
    throw new GdpfsError('bad_request', 'cannot use If-Match or If-None-Match with many changes');
  }
  const { fs } = exchange.services;
  const target = authorizePath(exchange, exchange.query.path, { need: 'write' });
  const { name } = target.volume;
  requireSigning(exchange, target);
  const answer = (answered: Exchange, result: ChangeResult): void => {
    answered.trail.seq = result.seq;
    replyJson(answered, { status: 200 }, result);
  };
  const context = changeContext(exchange, target, bytes);
  const repeated = fs.firstResult(context);
  if (repeated !== undefined) return answer(exchange, repeated);
  requireDirectory(fs.stat(name, target.path));
  const from = sourceOf(exchange, target, body);
  const changes = body.changes.map((change) => changeOf(change, { target, from, body }));
  await commitChange(exchange, { target, context, change: { kind: 'many', changes }, answer });
}

/** Path of the directory that copies are taken from. */
function sourceOf(exchange: Exchange, target: Target, { copiesFrom, at }: ChangeSet): string {
  if (copiesFrom === undefined) return target.path;
  const source = authorizePath(exchange, copiesFrom, { need: 'read', at: momentOf(at).at });
  if (source.volume.alias === target.volume.alias) return source.path;
  throw new GdpfsError(
    'bad_request',
    `cannot copy from volume "${source.volume.alias}": need a directory of volume "${target.volume.alias}"`,
  );
}

function changeOf(
  change: ChangeBelow,
  {
    target,
    from,
    body,
  }: { readonly target: Target; readonly from: string; readonly body: ChangeSet },
): Change {
  const path = below(target.path, change.op === 'copy' ? change.to : change.path);
  switch (change.op) {
    case 'remove':
      return { kind: 'remove', path, recursive: true };
    case 'set': {
      const { content } = change;
      const only = content === undefined ? {} : { precondition: { content: digestOf(content) } };
      return { kind: 'set', path, attributes: attributesOf(change), ...only };
    }
    case 'copy': {
      const source = below(from, change.path);
      return { kind: 'copy', path: source, to: path, parents: true, ...momentOf(body.at) };
    }
  }
}

/** Throws `bad_request`, `name_too_long`; the directory itself is not below it. */
function below(directory: string, relative: string): string {
  const path = parsePath(relative);
  if (path !== '') return joinPath(directory, path);
  throw new GdpfsError(
    'bad_request',
    `cannot use path "${relative}": need one below the directory`,
  );
}
