import { LIMITS } from '../../base/limits.ts';
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
    partFileBytesMax: LIMITS.smallFileBytesMax,
    sendPart: (part) => sender.send(part),
    sendFile: async ({ relative }, { path, onProgress }) =>
      await uploadFile(session, {
        source: `${source}/${relative}`,
        path,
        parents: true,
        transfer,
        onProgress,
        signal,
      }),
    nameOf: ({ relative }) => `${source}/${relative}`,
  };
}
