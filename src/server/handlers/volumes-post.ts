import { base64urlDecode } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import { decodeBase64 } from '../../format/signed-note.ts';
import { type ForeignLog, readForeignLog } from '../../fs/foreign-log.ts';
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
  const foreign = custody === 'client' ? foreignLogOf(exchange, body) : undefined;
  if (foreign === undefined && (body.commit ?? body.chunkingKey) !== undefined) {
    throw new GdpfsError('bad_request', 'cannot create volume: a commit is for custody "client"');
  }
  const volume = await exchange.services.fs.createVolume(
    { alias, owner: principal, chunking, isPublic, ...(foreign && { foreign }) },
    requestContext(exchange, bytes),
  );
  replyJson(exchange, { status: 201 }, volumeJson(exchange, volume));
}

/** The beginning of a volume whose keys are not here. */
function foreignLogOf(
  { services }: Pick<Exchange, 'services'>,
  { commit, chunking = 'fixed', chunkingKey: text }: CreateVolume,
): ForeignLog {
  const bytes = commit === undefined ? undefined : decodeBase64(commit);
  if (bytes === undefined) {
    const need = 'need its first commit, signed, in base64';
    throw new GdpfsError('bad_request', `cannot create volume with custody "client": ${need}`, {
      hint: 'the gdpfs command line makes one',
    });
  }
  const chunkingKey = text === undefined ? undefined : base64urlDecode(text);
  return readForeignLog(bytes, { chunking, chunkingKey, nowMs: services.clock.now() });
}
