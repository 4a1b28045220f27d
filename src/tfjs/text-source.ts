import type { CSVDataset } from '@tensorflow/tfjs-data';
import type { CallOptions } from '../client/files.ts';
import type { Servers } from '../client/servers.ts';
import { type FileSource, readLines } from './read-files.ts';

/** What `CSVDataset` and `TextLineDataset` read; TensorFlow.js has no exported name for it. */
export type TextSource = ConstructorParameters<typeof CSVDataset>[0];

/**
 * The lines of text files as a source for `new tf.data.CSVDataset(source)` and
 * `new tf.data.TextLineDataset(source)`, read anew, and as they come, for each pass over the data set.
 * A `CSVDataset` reads names of columns from the first line of all.
 */
export function textSource(
  servers: Servers,
  sources: FileSource | readonly FileSource[],
  options: CallOptions = {},
): TextSource {
  const source = {
    iterator: async () => {
      // Loaded when it is needed: only who has a CSVDataset has this package.
      const { generator } = await import('@tensorflow/tfjs-data');
      const lines = await generator(() => readLines(servers, sources, options)).iterator();
      // All that those data sets ask of a source is its text, cut into lines.
      return { decodeUTF8: () => ({ split: () => lines }) };
    },
  };
  return source as unknown as TextSource;
}
