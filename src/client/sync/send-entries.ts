import { isGdpfsError } from '../../base/errors.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import type { CallOptions } from '../files.ts';
import type { Session } from '../session.ts';

/** Of servers that know no packs: what is packed for them becomes a tar. */
const tarsOnly = new WeakSet<Session>();

/** Brings the entries of a pack below the directory of `path`, all of them in one commit, or none. */
export async function sendEntries(
  session: Session,
  pack: Uint8Array,
  { path, signal }: CallOptions & { readonly path: string },
): Promise<void> {
  const post = async (type: string, bytes: Uint8Array): Promise<unknown> =>
    await session.request({
      method: 'POST',
      route: '/api/v1/storage/files',
      query: { path },
      body: { type, bytes },
      changes: true,
      signal,
    });
  if (!tarsOnly.has(session)) {
    try {
      await post(MEDIA_TYPES.entries, pack);
      return;
    } catch (error) {
      if (!isGdpfsError(error, 'unsupported_media_type')) throw error;
      tarsOnly.add(session);
    }
  }
  const { decodeEntryPack } = await import('../../wire/entry-pack.ts');
  const { encodeTar } = await import('../../wire/tar-writer.ts');
  await post(MEDIA_TYPES.tar, encodeTar(decodeEntryPack(pack)));
}
