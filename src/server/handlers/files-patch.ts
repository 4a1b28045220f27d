import { GdpfsError } from '../../base/errors.ts';
import type { Change, ChangeResult } from '../../fs/types.ts';
import type { ChangeRequest } from '../../wire/generated/api.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizePath, type Target } from '../authorize.ts';
import { readJson } from '../body.ts';
import { changeContext, preconditionOf } from '../change-context.ts';
import { commitChange, requireSigning } from '../commit-change.ts';
import { commitUpload } from '../commit-upload.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { attributesOf, momentOf, parseMoment } from '../request-values.ts';

/** PATCH /api/v1/files: changes a name or its attributes (JSON), or commits an upload (records). */
export async function filesPatch(exchange: Exchange<'filesPatch'>): Promise<void> {
  if (exchange.bodyType === MEDIA_TYPES.records) return await commitUpload(exchange);
  const { query, services } = exchange;
  const extra = Object.keys(query).find((name) => name !== 'path' && name !== 'prepare');
  if (extra !== undefined) {
    throw new GdpfsError(
      'bad_request',
      `cannot read query: parameter "${extra}" is for commits, need a body of ${MEDIA_TYPES.records}`,
    );
  }
  const { value: body, bytes } = await readJson<ChangeRequest>(exchange);
  const need = body.op === 'copy' ? 'read' : 'write';
  const at = body.op === 'copy' ? momentOf(body.at).at : undefined;
  const target = authorizePath(exchange, query.path, { need, at });
  const { name } = target.volume;
  requireSigning(exchange, target);
  const asked = {
    target,
    context: changeContext(exchange, target, bytes),
    answer: (answered: Exchange, result: ChangeResult) =>
      replyJson(answered, { status: 200 }, result),
  };
  if (body.op === 'truncate') {
    const { fs } = services;
    const { path } = target;
    const { content, absent } = preconditionOf(exchange).precondition ?? {};
    if (absent !== undefined) {
      throw new GdpfsError('bad_request', 'cannot truncate with If-None-Match');
    }
    const to = { path, size: body.size, content };
    return await commitChange(exchange, {
      ...asked,
      change: () => fs.truncation(name, to),
      make: () => fs.truncate(name, to, asked.context),
    });
  }
  await commitChange(exchange, { ...asked, change: changeOf(exchange, target, body) });
}

function changeOf(
  exchange: Exchange,
  { volume, path }: Target,
  body: Exclude<ChangeRequest, { op: 'truncate' }>,
): Change {
  const precondition = preconditionOf(exchange);
  /** Renames and copies stay inside a volume. */
  const to = (apiPath: string): string => {
    const target = authorizePath(exchange, apiPath, { need: 'write' });
    if (target.volume.alias === volume.alias) return target.path;
    throw new GdpfsError(
      'bad_request',
      `cannot ${body.op} to volume "${target.volume.alias}": need a path in volume "${volume.alias}"`,
    );
  };
  switch (body.op) {
    case 'rename':
      return { kind: 'rename', path, to: to(body.to), ...precondition };
    case 'copy': {
      const recursive = body.recursive === undefined ? {} : { recursive: body.recursive };
      return {
        kind: 'copy',
        path,
        to: to(body.to),
        ...recursive,
        ...momentOf(body.at),
        ...precondition,
      };
    }
    case 'set':
      return { kind: 'set', path, attributes: attributesOf(body), ...precondition };
    case 'restore':
      return { kind: 'restore', path, at: parseMoment(body.at) };
  }
}
