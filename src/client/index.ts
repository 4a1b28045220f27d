/** The TypeScript SDK: what `import … from 'gdpfs'` gives. */

export { ERRORS, type ErrorCode, GdpfsError, isGdpfsError } from '../base/errors.ts';
export {
  formatRemotePath,
  parseRemotePath,
  type RemotePath,
  type VolumePath,
} from '../format/path.ts';
export type { Entry, Listing, Volume, VolumeChange, Whoami } from '../wire/generated/api.ts';
export { watchChanges, type WatchOptions } from './changes.ts';
export { type ConnectionOptions } from './connection.ts';
export { downloadFile, type DownloadOptions, type DownloadResult } from './download.ts';
export type { Endpoint } from './endpoint.ts';
export { enroll, type Enrolled, type EnrollOptions } from './enroll.ts';
export {
  change,
  listPage,
  listPages,
  makeDirectory,
  remove,
  stat,
  type ListOptions,
  type StatOptions,
} from './files.ts';
export type { FlowOptions, Wait } from './flow/flow-options.ts';
export type { Credentials, CredentialStore } from './credentials.ts';
export { type Home, openHome, type Profile } from './home.ts';
export { homeDirectory, homeProfile } from './home-directory.ts';
export { fileMd5, type FileMd5Options } from './md5.ts';
export type { Replace } from './placement.ts';
export { readFile, type ReadOptions } from './read.ts';
export { openServers, type RemoteFile, type Servers, type ServersOptions } from './servers.ts';
export { openSession, type Session, type SessionOptions } from './session.ts';
export type { Action, TreeEntry } from './sync/action.ts';
export { type FilterRule, parseFilterFile } from './sync/filter.ts';
export {
  applySyncPlan,
  planSync,
  sync,
  type SyncOptions,
  type SyncPlan,
  writeSyncPlan,
} from './sync/sync.ts';
export {
  type FileDone,
  type OnProgress,
  type Progress,
  Tally,
  type TransferChange,
  type TransferFailure,
  type TransferObserver,
  type TransferResult,
} from './tally.ts';
export {
  trustAgain,
  type TrustedVolume,
  trustVolume,
} from './trust/volume-trust.ts';
export type { TransferOptions } from './transfer-options.ts';
export { copy, type CopyOptions } from './transfer.ts';
export { uploadFile, type UploadOptions, type UploadResult } from './upload.ts';
export type { VerifyProblem, VerifyReport } from './verification.ts';
export { verifyVolume, type VerifyOptions } from './verify.ts';
export {
  type FileWriter,
  type FileWriterOptions,
  openFileWriter,
  writeFile,
  type WriteOptions,
  type WriteResult,
} from './write.ts';
export { createVolume, getVolume, invite, listVolumes, whoami } from './volumes.ts';
