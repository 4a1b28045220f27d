import type { CreateVolume } from '../../wire/generated/api.ts';
import { requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import { requestContext } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { volumeJson } from '../json-forms.ts';
import { replyJson } from '../reply.ts';

/** The volume that `/pfs/<profile>/public/...` leads to. */
const PUBLIC_ALIAS = 'public';

/** POST /api/v1/volumes */
export async function volumesPost(exchange: Exchange<'volumesPost'>): Promise<void> {
  const { principal } = requireAdmin(exchange, 'create a volume');
  const { value: body, bytes } = await readJson<CreateVolume>(exchange);
  const { name: alias, chunking = 'fixed', custody = 'server' } = body;
  const isPublic = body.public ?? alias === PUBLIC_ALIAS;
  exchange.trail.targets.push(`/${alias}`);
  const volume = await exchange.services.fs.createVolume(
    { alias, owner: principal, chunking, custody, isPublic },
    requestContext(exchange, bytes),
  );
  replyJson(exchange, { status: 201 }, volumeJson(exchange, volume));
}
