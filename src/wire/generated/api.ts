// Generated from api/openapi.yaml by tools/generate-wire.ts. Do not edit.

/**
 * `/<volume>/<path>`.
 */
export type Path = string;
/**
 * SHA-256.
 */
export type Digest = string;
export type UploadId = string;
/**
 * A seq, an RFC 3339 time, or the name of a snapshot.
 */
export type Moment = string;
/**
 * Bytes.
 */
export type Size = number;
/**
 * Bytes.
 */
export type ChunkSize = number;
/**
 * 0-based number of a record in the directory log.
 */
export type Seq = number;
/**
 * Permission bits, 07777.
 */
export type Mode = number;
/**
 * Microseconds since the Unix epoch.
 */
export type MtimeUs = number;
/**
 * Milliseconds since the Unix epoch.
 */
export type TimeMs = number;
export type Alias = string;
/**
 * SHA-256 of the first record of the directory log, in base64url.
 */
export type VolumeName = string;
export type PrincipalName = string;
export type Role = 'user' | 'admin';
export type Kind = 'file' | 'directory' | 'symlink';
export type CreateRequest = CreateDirectory | CreateFile | CreateSymlink | OpenUpload | OpenAppend;
/**
 * How the file is to be cut into chunks, so that equal parts become equal chunks.
 */
export type UploadChunking = FixedChunking | ContentChunking;
export type ChangeRequest = Rename | Copy | Truncate | SetAttributes | Restore;
export type ChangeBelow = RemoveBelow | SetBelow | CopyBelow;
/**
 * Below a directory, without "." and "..".
 */
export type RelativePath = string;
export type Chunking = 'fixed' | 'cdc';
export type Custody = 'server' | 'client';
/**
 * Records of the directory log.
 */
export type RecordCount = number;
/**
 * Days for which the past is kept; 4294967295 for good.
 */
export type HistoryDays = number;
export type SnapshotName = string;
export type ChangePolicy = SetHistory | CreateSnapshot | RemoveSnapshot | SignedPolicy;
export type ErrorCode =
  | 'bad_chunk'
  | 'bad_range'
  | 'bad_request'
  | 'bad_token'
  | 'body_too_large'
  | 'busy'
  | 'certificate_invalid'
  | 'certificate_required'
  | 'changed'
  | 'chunk_missing'
  | 'corrupt'
  | 'exists'
  | 'forbidden'
  | 'internal'
  | 'is_a_directory'
  | 'local_io'
  | 'locked'
  | 'method_not_allowed'
  | 'name_too_long'
  | 'no_space'
  | 'not_a_directory'
  | 'not_a_file'
  | 'not_empty'
  | 'not_found'
  | 'partial'
  | 'quota_exceeded'
  | 'read_only'
  | 'request_reused'
  | 'source_changed'
  | 'trimmed'
  | 'unavailable'
  | 'unsupported_media_type'
  | 'untrusted'
  | 'upload_not_found'
  | 'usage'
  | 'wrong_root';
export type PrincipalRole = 'user' | 'admin' | 'service';
/**
 * A principal, `group:` and the name of a group, or `*`: every principal.
 */
export type Subject = string;
export type EnrolmentId = string;
/**
 * Each includes those before it.
 */
export type Permission = 'read' | 'write' | 'admin';

export interface Entry {
  path: Path;
  /**
   * Last segment of the path; empty for the root of a volume.
   */
  name: string;
  kind: Kind;
  /**
   * Number of the node, constant through renames.
   */
  node: number;
  seq: Seq;
  size: Size;
  mode: Mode;
  mtimeUs: MtimeUs;
  /**
   * Principal who made this version.
   */
  author: string;
  etag?: Digest;
  root?: Digest;
  log?: Digest;
  /**
   * Files: records of the file log in this version.
   */
  logCount?: number;
  /**
   * Symbolic links: where it points.
   */
  target?: string;
}
export interface Listing {
  entry: Entry;
  entries: Entry[];
  /**
   * Path of the last entry relative to the directory; absent at the end.
   */
  cursor?: string;
  seq: Seq;
}
export interface CreateDirectory {
  path: Path;
  kind: 'directory';
  /**
   * Make missing parents, and accept an existing directory.
   */
  parents?: boolean;
  mode?: Mode;
  mtimeUs?: MtimeUs;
}
/**
 * An empty file, or one of `size` zeros that occupies no space.
 */
export interface CreateFile {
  path: Path;
  kind: 'file';
  size?: Size;
  parents?: boolean;
  mode?: Mode;
  mtimeUs?: MtimeUs;
}
export interface CreateSymlink {
  path: Path;
  kind: 'symlink';
  target: string;
  parents?: boolean;
  mode?: Mode;
  mtimeUs?: MtimeUs;
}
export interface OpenUpload {
  path: Path;
  kind: 'upload';
  /**
   * Bytes.
   */
  size?: number;
  /**
   * Not in a volume whose files are cut by content.
   */
  chunkSize?: number;
}
export interface OpenAppend {
  path: Path;
  kind: 'append';
  /**
   * SHA-256.
   */
  content: string;
  /**
   * Bytes.
   */
  size: number;
}
export interface TarSelection {
  /**
   * @maxItems 1000
   */
  paths: string[];
}
export interface Upload {
  upload: UploadId;
  path: Path;
  /**
   * Bytes.
   */
  size?: number;
  chunking: UploadChunking;
  /**
   * The volume has no chunks: every digest is missing, no need to ask.
   */
  empty: boolean;
  /**
   * There is something at the path.
   */
  exists: boolean;
  /**
   * Chunks may be sent without their checksums (`unsummed` of POST /api/v1/storage/file/chunks). Not with custody `client`, where who signs says nothing that it has not computed.
   */
  unsummed?: boolean;
  /**
   * SHA-256.
   */
  etag?: string;
}
export interface FixedChunking {
  mode: 'fixed';
  chunkSize: ChunkSize;
}
/**
 * By content, as docs/formats.md says.
 */
export interface ContentChunking {
  mode: 'cdc';
  /**
   * The volume's chunking key, 32 bytes in base64url. Only for those who may write to the volume.
   */
  key: string;
}
export interface Rename {
  op: 'rename';
  to: Path;
}
/**
 * A second name for the same content; no bytes move.
 */
export interface Copy {
  op: 'copy';
  to: Path;
  /**
   * Needed for a directory.
   */
  recursive?: boolean;
  at?: Moment;
}
/**
 * The file is cut, or grows by a hole. `If-Match` says which content it must have.
 */
export interface Truncate {
  op: 'truncate';
  size: Size;
}
export interface SetAttributes {
  op: 'set';
  mode?: Mode;
  mtimeUs?: MtimeUs;
}
/**
 * The path becomes again what it was. What was removed comes back as itself, a directory with what it held when it went; in a volume with custody `client` as a copy of what it was at that moment.
 */
export interface Restore {
  op: 'restore';
  at: Moment;
}
export interface ChangeSet {
  /**
   * `/<volume>/<path>`.
   */
  copiesFrom?: string;
  /**
   * A seq, an RFC 3339 time, or the name of a snapshot.
   */
  at?: string;
  /**
   * @maxItems 1000
   */
  changes: ChangeBelow[];
}
/**
 * Also a directory that is not empty, with everything below it.
 */
export interface RemoveBelow {
  op: 'remove';
  path: RelativePath;
}
export interface SetBelow {
  op: 'set';
  path: RelativePath;
  mode?: Mode;
  mtimeUs?: MtimeUs;
  /**
   * SHA-256.
   */
  content?: string;
}
/**
 * A second name for the content of a file, which replaces one that is there; missing parents are made.
 */
export interface CopyBelow {
  op: 'copy';
  path: RelativePath;
  to: RelativePath;
}
export interface ChangeResult {
  seq: Seq;
  node: number;
  /**
   * Entries created, changed or removed.
   */
  count: number;
}
export interface WriteResult {
  seq: Seq;
  node: number;
  count: number;
  etag?: Digest;
}
export interface Chunk {
  offset: Size;
  length: ChunkSize;
  /**
   * CRC-32 of the bytes.
   */
  checksum: number;
  digest: Digest;
}
export interface ChunkPage {
  size: Size;
  etag: Digest;
  chunks: Chunk[];
  cursor?: string;
}
export interface FileMd5 {
  md5: string;
  size: Size;
  etag: Digest;
}
export interface ArrivedPage {
  digests: Digest[];
  cursor?: string;
}
export interface Missing {
  /**
   * Indexes into the digests that were sent, ascending.
   */
  missing: number[];
}
export interface ChunksReceived {
  /**
   * Chunks.
   */
  received: number;
  /**
   * Bytes of their data.
   */
  bytes: number;
  /**
   * With `unsummed`: the CRC-32 of each chunk, in the order of the frames.
   */
  checksums?: number[];
}
export interface CreateVolume {
  name: Alias;
  chunking?: Chunking;
  custody?: Custody;
  /**
   * Every principal may read it. By default only the volume `public`.
   */
  public?: boolean;
  /**
   * With custody `client`, and only then: the first commit (docs/formats.md), signed. Its records are the meta record and the policy that names the writer key; the state of its checkpoint is that of an empty map.
   */
  commit?: string;
  /**
   * With custody `client` and chunking `cdc`, and only then: 32 bytes, what files are cut by.
   */
  chunkingKey?: string;
}
export interface Volume {
  name: VolumeName;
  alias: Alias;
  owner: PrincipalName;
  custody: Custody;
  chunking: Chunking;
  createdMs: TimeMs;
  /**
   * Records in the directory log.
   */
  count: number;
  usage?: Usage;
  quota?: Usage;
  /**
   * What the caller may do in all of it; `partial`: something, but not everywhere.
   */
  access: 'partial' | 'read' | 'write' | 'admin';
  proof?: VolumeProof;
}
/**
 * What a volume holds; absent while it is counted, after a recovery. As a quota, what it may hold at most, and 0 is no limit.
 */
export interface Usage {
  /**
   * Bytes.
   */
  bytes: number;
  /**
   * Bytes.
   */
  entries: number;
}
/**
 * What ties a checkpoint to the volume's name: `meta` is record 0, whose SHA-256 is the name and which has the owner's key; `policy` is the newest GDPfsVolume record, by which the owner names the writer's key.
 */
export interface VolumeProof {
  /**
   * The newest signed note.
   */
  checkpoint: string;
  meta: string;
  /**
   * Empty if the owner is the writer.
   */
  policy: string;
  /**
   * RFC 6962 consistency proof from `since` to `until`, or to the newest checkpoint. Empty if the log has fewer records than `since` or `until`.
   */
  consistency: string[];
}
export interface RemovedVolume {
  /**
   * Free from now on.
   */
  alias: string;
  /**
   * Self-certifying name of the volume that was removed.
   */
  name: string;
}
export interface KeyRotation {
  /**
   * Epoch of the keys from now on.
   */
  epoch: number;
  /**
   * How often the owner's key was replaced so far.
   */
  ownerRotations?: number;
}
export interface VolumePolicy {
  /**
   * Of keys and policy.
   */
  epoch: number;
  /**
   * How often the owner's key was replaced so far.
   */
  ownerRotations: number;
  historyDays: HistoryDays;
  /**
   * In the order of their names.
   */
  snapshots: Snapshot[];
}
/**
 * A state of the volume that has a name. It is kept as long as it has one.
 */
export interface Snapshot {
  name: SnapshotName;
  /**
   * The state after the record with this seq.
   */
  seq: number;
  createdMs: TimeMs;
}
export interface SetHistory {
  op: 'history';
  days: HistoryDays;
}
/**
 * `exists` if another state has the name, or this one.
 */
export interface CreateSnapshot {
  op: 'snapshot';
  name: SnapshotName;
  at?: Moment;
}
/**
 * Takes the name away. The state is kept as long as its age allows, or another of its names.
 */
export interface RemoveSnapshot {
  op: 'forget';
  name: SnapshotName;
}
/**
 * With `prepare`, and only then.
 */
export interface SignedPolicy {
  op: 'signed';
  /**
   * The GDPfsVolume record, signed by the owner, in base64url.
   */
  record: string;
}
export interface LogPage {
  entries: LogEntry[];
  /**
   * Signed notes of the commits that the entries belong to.
   */
  commits: string[];
  /**
   * GDPfsVolume records, by which the owner names the keys that signed the notes.
   */
  policies: string[];
  proof: VolumeProof;
  /**
   * Where the next page begins; absent at the beginning of the log.
   */
  before?: number;
}
export interface LogEntry {
  seq: Seq;
  /**
   * Path inside the volume that the record is about, with its directory where it is now, or was last. This is the server's word; the record says node and name.
   */
  path: string;
  /**
   * The record as it was signed.
   */
  record: string;
  /**
   * RFC 6962 inclusion proof from the record to the root of the checkpoint in `proof`.
   */
  inclusion: string[];
  /**
   * Which of `commits` it came with.
   */
  commit: number;
}
export interface ChangePage {
  changes: VolumeChange[];
  /**
   * Where the next page begins.
   */
  next: number;
}
export interface VolumeChange {
  seq: Seq;
  /**
   * When it was committed.
   */
  timeMs: number;
  /**
   * What was at the path before is gone when something is created or moved there. A directory that is created may have something in it already; one that is moved or removed takes along what is in it.
   */
  change: 'created' | 'changed' | 'moved' | 'removed';
  kind: 'file' | 'directory' | 'symlink';
  node: number;
  /**
   * After the change; before it, if it was removed.
   */
  path: string;
  /**
   * Before the change, if it was moved.
   */
  from?: string;
  /**
   * Bytes of a file that is there after the change.
   */
  size?: number;
  /**
   * Content root of a file that is there after the change.
   */
  etag?: string;
  /**
   * Principal.
   */
  author: string;
}
export interface QuotaRequest {
  /**
   * Alias or 43-character name.
   */
  volume: string;
  quota: Usage;
}
export interface GcRequest {
  /**
   * Change nothing; say what would be freed.
   */
  dryRun?: boolean;
}
export interface GcStatus {
  run?: GcRun;
  /**
   * Milliseconds since the Unix epoch.
   */
  nextMs?: number;
}
export interface GcRun {
  startedMs: TimeMs;
  /**
   * Milliseconds since the Unix epoch.
   */
  endedMs?: number;
  /**
   * It only says what would be freed.
   */
  dryRun: boolean;
  /**
   * It looks for what is kept, then frees the rest.
   */
  phase: 'mark' | 'sweep' | 'done' | 'failed';
  /**
   * Versions of files that are kept.
   */
  files: number;
  /**
   * Segments that were looked at.
   */
  segments: number;
  segmentsTotal: number;
  /**
   * Segments that were written anew without what was freed.
   */
  rewritten: number;
  /**
   * Segments that could be written anew if the disk had room for it.
   */
  postponed: number;
  /**
   * Chunks that were freed.
   */
  chunks: number;
  /**
   * By which the store takes less of the disk.
   */
  bytes: number;
  /**
   * Volumes that keep fewer states than before. Known at the end.
   */
  trimmed: number;
  /**
   * Unfinished uploads that were too old. Known at the end.
   */
  uploads: number;
  /**
   * Some of the volumes of which nothing was freed, since it cannot be told what they keep. Known at the end.
   */
  spared: SparedVolume[];
  /**
   * All of these volumes.
   */
  sparedCount: number;
  error?: {
    code: ErrorCode;
    detail: string;
  };
}
export interface SparedVolume {
  volume: VolumeName;
  reason: string;
}
export interface VolumeList {
  volumes: Volume[];
}
export interface EnrollRequest {
  token: string;
  /**
   * PKCS #10, PEM. Only its public key is used.
   */
  csr: string;
}
export interface Enrollment {
  /**
   * PEM.
   */
  certificate: string;
  /**
   * PEM.
   */
  ca: string;
  principal: PrincipalName;
}
export interface RenewalRequest {
  /**
   * PKCS #10, PEM. Only its public key is used.
   */
  csr: string;
}
export interface Renewal {
  /**
   * PEM.
   */
  certificate: string;
  /**
   * PEM.
   */
  ca: string;
  expiresMs: TimeMs;
}
export interface Whoami {
  principal: PrincipalName;
  home?: Volume1;
  role: PrincipalRole;
  certificateExpiresMs: TimeMs;
  volumes: Alias[];
}
/**
 * The caller's own volume of the same name, if there is one.
 */
export interface Volume1 {
  name: VolumeName;
  alias: Alias;
  owner: PrincipalName;
  custody: Custody;
  chunking: Chunking;
  createdMs: TimeMs;
  /**
   * Records in the directory log.
   */
  count: number;
  usage?: Usage;
  quota?: Usage;
  /**
   * What the caller may do in all of it; `partial`: something, but not everywhere.
   */
  access: 'partial' | 'read' | 'write' | 'admin';
  proof?: VolumeProof;
}
export interface InvitationRequest {
  principal: PrincipalName;
  role?: PrincipalRole;
  quota?: Usage1;
  /**
   * How long certificates live; only for services.
   */
  days?: number;
}
/**
 * What a volume holds; absent while it is counted, after a recovery. As a quota, what it may hold at most, and 0 is no limit.
 */
export interface Usage1 {
  /**
   * Bytes.
   */
  bytes: number;
  /**
   * Bytes.
   */
  entries: number;
}
export interface Invitation {
  token: string;
  expiresMs: TimeMs;
  principal: PrincipalName;
}
/**
 * The certificates that come from one login.
 */
export interface Enrolment {
  id: EnrolmentId;
  expiresMs: TimeMs;
  revoked: boolean;
}
export interface Principal {
  name: PrincipalName;
  role: PrincipalRole;
  createdMs: TimeMs;
  revoked: boolean;
  groups: PrincipalName[];
  /**
   * Those that have not expired.
   */
  enrolments: Enrolment[];
}
export interface PrincipalList {
  principals: Principal[];
}
export interface PrincipalRequest {
  name: PrincipalName;
  role?: PrincipalRole;
  quota?: Usage2;
}
/**
 * What a volume holds; absent while it is counted, after a recovery. As a quota, what it may hold at most, and 0 is no limit.
 */
export interface Usage2 {
  /**
   * Bytes.
   */
  bytes: number;
  /**
   * Bytes.
   */
  entries: number;
}
export interface Authority {
  /**
   * PEM.
   */
  certificates: string;
  /**
   * SHA-256 of the certificate in hexadecimal.
   */
  fingerprint: string;
  expiresMs: TimeMs;
  /**
   * Milliseconds since the Unix epoch.
   */
  serverExpiresMs: number;
}
export interface PrincipalChange {
  revoked: false;
}
export interface Group {
  name: PrincipalName;
  members: PrincipalName[];
}
export interface GroupList {
  groups: Group[];
}
export interface GroupChange {
  name: PrincipalName;
  /**
   * @maxItems 1000
   */
  add?: PrincipalName[];
  /**
   * @maxItems 1000
   */
  remove?: PrincipalName[];
}
export interface GrantRequest {
  subject: Subject;
  permission: Permission;
  path: Path;
}
export interface Grant {
  subject: Subject;
  permission: Permission;
  volume: Alias;
  /**
   * Number of the directory.
   */
  node: number;
  /**
   * Where the directory is now; absent for one that was removed.
   */
  path?: string;
}
export interface GrantList {
  grants: Grant[];
}
export interface AuditEntry {
  timeMs: TimeMs;
  principal?: PrincipalName;
  /**
   * IP address; `local` for what was done on the server itself, without a request.
   */
  from?: string;
  /**
   * The trusted proxy that it came through.
   */
  proxy?: string;
  /**
   * As in this contract; `adminToken` and `adminProxy` for these commands; `others`, or `lost` for lines that could not be written.
   */
  operation: string;
  /**
   * Paths, principals and groups that it was about.
   */
  targets: string[];
  /**
   * 0-based number of a record in the directory log.
   */
  seq?: number;
  /**
   * Its Idempotency-Key.
   */
  request?: string;
  /**
   * Why it was refused; absent for a change that was made.
   */
  code?: string;
  detail?: string;
  /**
   * How often the same was refused again in the minute before.
   */
  repeats?: number;
}
export interface AuditPage {
  entries: AuditEntry[];
  cursor: string;
  more: boolean;
}
export interface ShareRequest {
  path: Path;
  /**
   * How long the link works; a year at most.
   */
  lifeMs: number;
}
export interface Share {
  /**
   * Names the link without giving what it gives.
   */
  id: string;
  author: PrincipalName;
  createdMs: TimeMs;
  expiresMs: TimeMs;
  /**
   * Where it leads now; absent for a link that leads nowhere any more.
   */
  path?: string;
}
export interface NewShare {
  id: string;
  author: PrincipalName;
  createdMs: TimeMs;
  expiresMs: TimeMs;
  path?: string;
  /**
   * Relative to the server.
   */
  url: string;
}
export interface ShareList {
  shares: Share[];
}
export interface Status {
  status: 'ok' | 'ready';
}
/**
 * RFC 9457. Further members depend on the code.
 */
export interface Problem {
  type: 'about:blank';
  /**
   * The phrase of the HTTP status.
   */
  title: string;
  status: number;
  code: ErrorCode;
  /**
   * A sentence for a person.
   */
  detail: string;
  /**
   * What can be done about it.
   */
  hint?: string;
  [k: string]: unknown;
}
export interface FilesGetQuery {
  path: Path;
  at?: Moment;
  list?: 'children' | 'recursive';
  limit?: number;
  cursor?: string;
}
export interface FilesPostQuery {
  prepare?: RecordCount;
}
export interface FilesPatchQuery {
  path: Path;
  upload?: UploadId;
  size?: Size;
  root?: Digest;
  content?: Digest;
  mode?: Mode;
  mtimeUs?: MtimeUs;
  parents?: boolean;
  prepare?: RecordCount;
}
export interface FilesDeleteQuery {
  path: Path;
  recursive?: boolean;
  only?: 'file' | 'directory';
  prepare?: RecordCount;
}
export interface FilesChangesPostQuery {
  path: Path;
  prepare?: RecordCount;
}
export interface FileChunksGetQuery {
  path?: Path;
  at?: Moment;
  upload?: UploadId;
  limit?: number;
  cursor?: string;
}
export interface FileChunksPostQuery {
  upload?: UploadId;
  path?: Path;
}
export interface FileMd5GetQuery {
  path: Path;
  at?: Moment;
}
export interface StorageFilesGetQuery {
  path: Path;
  at?: Moment;
  format?: 'tar' | 'zip';
  after?: string;
  limit?: number;
  maxFileSize?: Size;
}
export interface StorageFilesPostQuery {
  path: Path;
  mode?: Mode;
  mtimeUs?: MtimeUs;
  parents?: boolean;
  prepare?: RecordCount;
}
export interface StorageTarPostQuery {
  path: Path;
  at?: Moment;
}
export interface StorageFileChunksGetQuery {
  path: Path;
  ranges: string;
  verify?: boolean;
  at?: Moment;
}
export interface StorageFileChunksPostQuery {
  upload: UploadId;
  unsummed?: boolean;
}
export interface VolumesGetQuery {}
export interface VolumesPostQuery {}
export interface VolumeGetQuery {
  since?: RecordCount;
  until?: RecordCount;
}
export interface VolumeDeleteQuery {
  force?: boolean;
}
export interface VolumeCheckpointGetQuery {}
export interface VolumeProofGetQuery {
  path: string;
  list?: 'children';
  at?: Moment;
  limit?: number;
  cursor?: string;
  since?: RecordCount;
}
export interface VolumeKeysPostQuery {
  owner?: boolean;
}
export interface VolumePolicyGetQuery {}
export interface VolumePolicyPostQuery {
  prepare?: RecordCount;
}
export interface VolumeLogGetQuery {
  path?: string;
  before?: RecordCount;
  limit?: number;
  since?: RecordCount;
}
export interface VolumeChangesGetQuery {
  path?: string;
  from?: RecordCount;
  limit?: number;
  wait?: number;
}
export interface VolumeCommitsGetQuery {
  from?: Seq;
}
export interface VolumeCommitsPostQuery {}
export interface EnrollPostQuery {}
export interface CertificatesPostQuery {}
export interface WhoamiGetQuery {}
export interface InvitationsPostQuery {}
export interface PrincipalsGetQuery {}
export interface PrincipalsPostQuery {}
export interface PrincipalPatchQuery {}
export interface PrincipalDeleteQuery {
  enrolment?: EnrolmentId;
}
export interface AuthorityGetQuery {}
export interface QuotasPostQuery {}
export interface GcGetQuery {}
export interface GcPostQuery {}
export interface AuditGetQuery {
  sinceMs?: TimeMs;
  principal?: PrincipalName;
  limit?: number;
  cursor?: string;
}
export interface GroupsGetQuery {}
export interface GroupsPostQuery {}
export interface GroupDeleteQuery {}
export interface GrantsGetQuery {
  path?: Path;
  subject?: Subject;
}
export interface GrantsPostQuery {}
export interface GrantDeleteQuery {
  path: Path;
  node?: Size;
  subject: Subject;
}
export interface SharesGetQuery {}
export interface SharesPostQuery {}
export interface ShareDeleteQuery {}
export interface ShareLinkGetQuery {
  format?: 'zip';
}
export interface ShareLinkPathGetQuery {
  format?: 'zip';
}
export interface HealthGetQuery {}
export interface MetricsGetQuery {}
export interface ReadyGetQuery {}
export interface ContractGetQuery {}
export interface WebPageGetQuery {}
export interface WebAssetGetQuery {}

/** Every operation of the API with its query parameters. */
export interface OperationQueries {
  filesGet: FilesGetQuery;
  filesPost: FilesPostQuery;
  filesPatch: FilesPatchQuery;
  filesDelete: FilesDeleteQuery;
  filesChangesPost: FilesChangesPostQuery;
  fileChunksGet: FileChunksGetQuery;
  fileChunksPost: FileChunksPostQuery;
  fileMd5Get: FileMd5GetQuery;
  storageFilesGet: StorageFilesGetQuery;
  storageFilesPost: StorageFilesPostQuery;
  storageTarPost: StorageTarPostQuery;
  storageFileChunksGet: StorageFileChunksGetQuery;
  storageFileChunksPost: StorageFileChunksPostQuery;
  volumesGet: VolumesGetQuery;
  volumesPost: VolumesPostQuery;
  volumeGet: VolumeGetQuery;
  volumeDelete: VolumeDeleteQuery;
  volumeCheckpointGet: VolumeCheckpointGetQuery;
  volumeProofGet: VolumeProofGetQuery;
  volumeKeysPost: VolumeKeysPostQuery;
  volumePolicyGet: VolumePolicyGetQuery;
  volumePolicyPost: VolumePolicyPostQuery;
  volumeLogGet: VolumeLogGetQuery;
  volumeChangesGet: VolumeChangesGetQuery;
  volumeCommitsGet: VolumeCommitsGetQuery;
  volumeCommitsPost: VolumeCommitsPostQuery;
  enrollPost: EnrollPostQuery;
  certificatesPost: CertificatesPostQuery;
  whoamiGet: WhoamiGetQuery;
  invitationsPost: InvitationsPostQuery;
  principalsGet: PrincipalsGetQuery;
  principalsPost: PrincipalsPostQuery;
  principalPatch: PrincipalPatchQuery;
  principalDelete: PrincipalDeleteQuery;
  authorityGet: AuthorityGetQuery;
  quotasPost: QuotasPostQuery;
  gcGet: GcGetQuery;
  gcPost: GcPostQuery;
  auditGet: AuditGetQuery;
  groupsGet: GroupsGetQuery;
  groupsPost: GroupsPostQuery;
  groupDelete: GroupDeleteQuery;
  grantsGet: GrantsGetQuery;
  grantsPost: GrantsPostQuery;
  grantDelete: GrantDeleteQuery;
  sharesGet: SharesGetQuery;
  sharesPost: SharesPostQuery;
  shareDelete: ShareDeleteQuery;
  shareLinkGet: ShareLinkGetQuery;
  shareLinkPathGet: ShareLinkPathGetQuery;
  healthGet: HealthGetQuery;
  metricsGet: MetricsGetQuery;
  readyGet: ReadyGetQuery;
  contractGet: ContractGetQuery;
  webPageGet: WebPageGetQuery;
  webAssetGet: WebAssetGetQuery;
}
