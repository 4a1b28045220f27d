/** gdpfs for TensorFlow.js: what `import … from 'gdpfs/tfjs'` gives. docs/tensorflowjs.md shows how. */

export { openServers, type Servers, type ServersOptions } from '../client/servers.ts';
export type { WriteOptions, WriteResult } from '../client/write.ts';
export {
  bytesFeature,
  decodeExample,
  encodeExample,
  type Feature,
  floatFeature,
  int64Feature,
} from './example.ts';
export type { ModelLoadOptions } from './model-load.ts';
export { modelHandler, registerModelRouters } from './model-routers.ts';
export type { ModelSaveOptions } from './model-save.ts';
export {
  type FileContent,
  type FileSource,
  readContents,
  type ReadFilesOptions,
  readLines,
  readPieces,
  readRecords,
} from './read-files.ts';
export { openRecordWriter, type RecordWriter } from './record-writer.ts';
export { type TextSource, textSource } from './text-source.ts';
export {
  findFiles,
  type FindFilesOptions,
  type Share,
  shareOf,
  shuffled,
  type VolumeFile,
} from './volume-files.ts';
