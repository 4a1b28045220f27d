import { authorizePath } from '../authorize.ts';
import { requireDirectory } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { grantJson, removeGrant } from '../grants.ts';
import { replyJson } from '../reply.ts';

/** DELETE /api/v1/admin/grants */
export async function grantDelete(exchange: Exchange<'grantDelete'>): Promise<void> {
  const { fs, system } = exchange.services;
  const { path: apiPath, node: number, subject } = exchange.query;
  const { volume, path } = authorizePath(exchange, apiPath, { need: 'admin' });
  exchange.trail.targets.push(`nothing to ${subject}`);
  // A removed directory has no path: only who may do everything in the volume can name it.
  const node = number ?? requireDirectory(fs.stat(volume.name, path)).node;
  if (number !== undefined) authorizePath(exchange, `/${volume.alias}`, { need: 'admin' });
  const row = await removeGrant(system, { volume, node }, subject);
  replyJson(exchange, { status: 200 }, grantJson(fs, volume, row));
}
