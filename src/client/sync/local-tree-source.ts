import { isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { CallOptions } from '../files.ts';
import { fetchManifest } from '../manifest.ts';
import { compareMd5 } from '../md5.ts';
import type { Session } from '../session.ts';
import type { TransferOptions } from '../transfer-options.ts';
import { uploadFile } from '../upload.ts';
import { missingDigests } from '../uploads.ts';
import type { TreeEntry } from './action.ts';
import { hasSameAttributes } from './compare.ts';
import { isContentOf } from './content-check.ts';
import { etagOf, PartSender, type PartSenderOptions } from './part-sender.ts';
import type { VolumeToFill } from '../volumes.ts';
import type { VolumeSource } from './volume-source.ts';

export interface LocalTreeSourceOptions extends Omit<PartSenderOptions, 'asksFirst'> {
  /** Where the tree goes. */
  readonly volume: VolumeToFill;
  readonly transfer: TransferOptions;
}

/** A local directory, whose files are read, hashed and packed by worker threads. */
export function localTreeSource(session: Session, options: LocalTreeSourceOptions): VolumeSource {
  const { source, transfer, volume, ready, signal } = options;
  const sender = new PartSender(session, { ...options, asksFirst: !volume.isEmpty });
  return {
    movesContent: true,
    partFileBytesMax: partFileBytesMax(options),
    sendPart: (part) => sender.send(part),
    sendFile: async (entry, { path, unsureOf, onProgress }) => {
      await ready;
      const local = `${source}/${entry.relative}`;
      // With MD5 both ends are read anyway, and compared by what they are now.
      const isAsked = unsureOf !== undefined && transfer.md5 !== true;
      if (isAsked && hasSameAttributes(entry, unsureOf, {})) {
        if (await isStored(session, { path, existing: unsureOf, local, signal })) {
          onProgress(entry.size);
          return { size: entry.size, bytesSent: 0, bytesReused: entry.size };
        }
      }
      const upload = { source: local, path, parents: true, transfer, onProgress, signal };
      const result = await uploadFile(session, upload);
      const copies = { local, path, at: String(result.seq), etag: result.etag, signal };
      return { ...result, md5: await compareMd5(session, transfer, copies) };
    },
    nameOf: ({ relative }) => `${source}/${relative}`,
  };
}

function partFileBytesMax({ transfer, volume }: LocalTreeSourceOptions): number {
  // What is to be compared by MD5 goes one by one, also if it is empty.
  if (transfer.md5 === true) return -1;
  // A digest says what the volume has only if it is that of one chunk.
  return volume.chunking === 'cdc' ? LIMITS.cutBytesMin : LIMITS.smallFileBytesMax;
}

/**
 * Has the volume the content of the local file, stored so that it can be read? What is lost is to be
 * sent again.
 */
async function isStored(
  session: Session,
  file: CallOptions & {
    readonly path: string;
    readonly existing: TreeEntry;
    readonly local: string;
  },
): Promise<boolean> {
  const { path, existing, local, signal } = file;
  const etag = etagOf(existing);
  if (etag === undefined) return false;
  try {
    const manifest = await fetchManifest(session, { path, size: existing.size, etag, signal });
    if (!(await isContentOf(local, manifest))) return false;
    const { chunks } = manifest;
    for (let start = 0; start < chunks.length; start += LIMITS.missingDigestsMax) {
      const asked = chunks.slice(start, start + LIMITS.missingDigestsMax);
      const digests = asked.map(({ digest }) => digest);
      const missing = await missingDigests(session, { path, digests, signal });
      if (missing.length > 0) return false;
    }
    return true;
  } catch (error) {
    // Somebody changed it since it was listed.
    if (isGdpfsError(error, 'changed', 'not_found')) return false;
    throw error;
  }
}
