import { LIMITS } from '../../base/limits.ts';
import { compareMd5 } from '../md5.ts';
import type { Session } from '../session.ts';
import type { TransferOptions } from '../transfer-options.ts';
import { uploadFile } from '../upload.ts';
import { PartSender, type PartSenderOptions } from './part-sender.ts';
import type { VolumeSource } from './volume-source.ts';

export interface LocalTreeSourceOptions extends PartSenderOptions {
  readonly transfer: TransferOptions;
}

/** A local directory, whose files are read, hashed and packed by worker threads. */
export function localTreeSource(session: Session, options: LocalTreeSourceOptions): VolumeSource {
  const sender = new PartSender(session, options);
  const { source, transfer, signal } = options;
  return {
    // What is to be compared by MD5 goes one by one, also if it is empty.
    partFileBytesMax: transfer.md5 === true ? -1 : LIMITS.smallFileBytesMax,
    sendPart: (part) => sender.send(part),
    sendFile: async ({ relative }, { path, onProgress }) => {
      const local = `${source}/${relative}`;
      const result = await uploadFile(session, {
        source: local,
        path,
        parents: true,
        transfer,
        onProgress,
        signal,
      });
      const { etag, seq } = result;
      const copies = { local, path, at: String(seq), etag, signal };
      return { ...result, md5: await compareMd5(session, transfer, copies) };
    },
    nameOf: ({ relative }) => `${source}/${relative}`,
  };
}
