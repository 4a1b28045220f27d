import type { GrantRequest } from '../../wire/generated/api.ts';
import { authorizePath } from '../authorize.ts';
import { readJson } from '../body.ts';
import { requireDirectory } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { grantJson, setGrant } from '../grants.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/admin/grants */
export async function grantsPost(exchange: Exchange<'grantsPost'>): Promise<void> {
  const { fs, system } = exchange.services;
  const { value } = await readJson<GrantRequest>(exchange);
  const { volume, path } = authorizePath(exchange, value.path, { need: 'admin' });
  const { node } = requireDirectory(fs.stat(volume.name, path));
  exchange.trail.targets.push(`${value.permission} to ${value.subject}`);
  const row = await setGrant(system, { volume, node }, value);
  replyJson(exchange, { status: 200 }, grantJson(fs, volume, row));
}
