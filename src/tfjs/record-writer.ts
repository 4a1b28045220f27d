import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Servers } from '../client/servers.ts';
import { openFileWriter, type WriteOptions, type WriteResult } from '../client/write.ts';
import { encodeRecord } from './record-frames.ts';

/**
 * A TFRecord file while it is being written. It appears whole when `close` resolves; a writer that is
 * disposed of before leaves what was there.
 */
export interface RecordWriter extends AsyncDisposable {
  /** Records are in the order of the calls, which must not overlap. */
  write(record: Uint8Array): Promise<void>;
  /** Commits. Throws `changed` if something else is at the path by now. */
  close(): Promise<WriteResult>;
}

/** `url` is `gdp://VOLUME/PATH` of a file to create or replace. */
export async function openRecordWriter(
  servers: Servers,
  url: string,
  options: WriteOptions = {},
): Promise<RecordWriter> {
  const { session, apiPath } = await servers.locateText(url);
  const file = await openFileWriter(session, apiPath, options);
  return {
    write: async (record) => {
      if (record.length > LIMITS.tfrecordBytesMax) {
        const state = `it has ${record.length} bytes, need at most ${LIMITS.tfrecordBytesMax}`;
        throw new GdpfsError('body_too_large', `cannot write a record to "${url}": ${state}`);
      }
      await file.write(encodeRecord(record));
    },
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
