import { GIB, KIB, MIB } from './byte-units.ts';
import { CLIENT_LIMITS } from './client-limits.ts';
import { WEB_LIMITS } from './web-limits.ts';

/** Every limit of the system, with its unit and its reason. */
export const LIMITS = {
  ...CLIENT_LIMITS,
  ...WEB_LIMITS,

  // Names and paths. The name limit is that of ext4, xfs and CephFS, so that what is stored can be
  // copied back; the path limit is Linux's PATH_MAX.
  nameBytesMax: 255,
  pathBytesMax: 4096,
  pathDepthMax: 256,
  aliasLengthMax: 32,
  symlinkTargetBytesMax: 4095,
  principalLengthMax: 64,

  // Chunks. 256 KiB is the FileManager design's default; larger files use larger chunks so that a
  // manifest stays short.
  chunkBytesDefault: 256 * KIB,
  chunkBytesMax: 4 * MIB,
  /** Chunks shorter than that are what a writer had when it flushed, and set no size for the next. */
  chunkBytesTakenOverMin: 64 * KIB,
  /** Content-defined chunks: no cut before this many bytes, nor after more than the largest. */
  cutBytesMin: 64 * KIB,
  cutBytesMax: 512 * KIB,

  // Records and commits. A commit frame is held in memory whole on both ends.
  recordBytesMax: 64 * KIB,
  commitRecordsMax: 65_536,
  commitBytesMax: 64 * MIB,
  /** Encoded records of a file log that the index keeps a copy of: those of a file of two chunks. */
  indexedRecordsBytesMax: 256,
  /** Largest file in records of its log: with 4 MiB chunks this is 4 TiB. */
  fileRecordsMax: 1_048_576,
  checkpointBytesMax: 4 * KIB,
  /** Times that a log's owner key is replaced: each policy repeats all of them, in a query parameter too. */
  ownerRotationsMax: 32,
  /** Named states of a volume, and characters of a name: each policy repeats all of them, in a record. */
  snapshotsMax: 512,
  snapshotNameLengthMax: 64,
  resultBytesMax: 64 * KIB,
  logProofHashesMax: 64,
  /** A page of the log: its entries, and what is looked through for them, in records and bytes. */
  logPageDefault: 50,
  logPageMax: 1000,
  logScanRecordsMax: 20_000,
  logPageBytesMax: 4 * MIB,
  /** A page of changes, and the records that are looked through for it. */
  feedPageDefault: 1000,
  feedPageMax: 1000,
  feedScanRecordsMax: 5000,
  /** Requests that wait for changes: of one principal, and in all. */
  feedWaitersPerPrincipalMax: 32,
  feedWaitersMax: 1000,
  /** How long `gdpfs watch` has the server wait: less than a minute, after which exchanges that stand still are cut. */
  feedWaitSeconds: 30,
  /** Nodes, or entries, of one body of evidence: those of a page of a listing and some ways to it. */
  evidencePartsMax: 32_768,
  /** Names that were changed since a past state, for a proof of that; and such states in memory. */
  undoneNamesMax: 20_000,
  pastStatesMax: 2,

  // Segments.
  segmentBytesMax: GIB,
  /** Frames in a segment: bounds the table that is kept in memory until the segment is sealed. */
  segmentEntriesMax: 131_072,
  /** Descriptors of sealed segments kept open for reading. */
  segmentsOpenMax: 64,
  /** Quarantined torn tails kept for inspection. */
  tornTailsMax: 16,
  frameBytesMax: 80 * MIB,
  /** Payload of a chunk frame that padding comes before. */
  paddedFrameBytesMin: 512 * KIB,
  /** Bytes of one write to a segment, or a part file: larger ones make some file systems five times as slow. */
  segmentCallBytesMax: 256 * KIB,
  partCallBytesMax: 128 * KIB,
  /**
   * Writes to a segment that go past the page cache: from this many bytes on, in parts of at least so
   * many on the average; about as many bytes with one system call; and one of two buffers, for what does
   * not lie as the disk wants it.
   */
  directWriteBytesMin: 512 * KIB,
  directPartBytesMin: 16 * KIB,
  directCallBytes: 32 * MIB,
  directRoomBytes: 8 * MIB,
  /** A disk's rate is measured over so many bytes; below that rate the next so many go through the page cache. */
  diskPaceBytes: 64 * MIB,
  slowDiskBytesPerSecond: 100 * MIB,
  slowDiskBytes: GIB,
  /** Payload of a frame of padding, where frames were freed: bounds the memory of who reads all frames. */
  paddingBytesMax: 4 * MIB,
  /** Buffers that one writev takes on Linux (IOV_MAX). */
  writePartsMax: 1024,
  /** Bytes handed to the disk at once; several such pieces may be in flight. */
  segmentWriteBytesMax: 4 * MIB,
  /** Bytes accepted for the segment but not yet durable; beyond it writers wait. */
  segmentQueueBytesMax: 64 * MIB,
  /** Kept free on the disk for commits that only free space or describe it, such as a removal. */
  reserveBytes: 16 * MIB,
  /** Free space below which nothing but urgent commits is taken, so that the index can still grow. */
  freeBytesMin: 8 * MIB,

  // Freeing space.
  /**
   * What says which chunks are kept, of which one in a million others counts as kept too while it has 30 bits
   * for each: with so much memory that is up to 18 million chunks, and it works with more. Small stores take
   * less, at least so much.
   */
  keptFilterBytesMax: 64 * MIB,
  keptFilterBytesMin: 64 * KIB,
  /** A segment is written anew when that frees at least so much of it, of a thousand. */
  sweptPerMilleMin: 100,
  /** The segment that is being written is sealed for that when it has so much to free. */
  sweptOpenBytesMin: 64 * KIB,
  /** Rows of the index that a sweep looks at, or changes, before others have their turn. */
  sweptRowsAtOnce: 512,
  /** After each piece that it copies it waits as long as that took, but no longer. */
  sweepPauseMsMax: 200,
  /** A chunk that no file has used yet is younger than that, or somebody has given it up. */
  unusedChunkKeepMs: 3600 * 1000,
  /** Who was told so lately that a chunk is there may rely on it when a sweep begins; and what remembers that. */
  reliedOnMs: 30_000,
  reliedOnFilterBytes: 256 * KIB,

  // The index.
  /** Digests of which the server remembers that no chunk has them, so that it need not look again. */
  absentChunksKept: 16 * 1024,
  /** Rows of a table that wait to be written in order, while as many come; and those of one transaction. */
  waitingRowsMax: 16 * 1024,
  waitingRowsAtOnce: 1024,
  /** When nobody has changed anything for so long, what waits is written. */
  indexIdleMs: 1000,

  // The sequencer.
  /** Changes waiting for the sequencer; beyond it a request is answered `busy`. */
  sequencerQueueMax: 4096,
  /** Changes that share one transaction and one fsync. */
  batchChangesMax: 256,

  // Uploads and tar streams.
  uploadsPerPrincipalMax: 10_000,
  uploadIdleMs: 7 * 24 * 3600 * 1000,
  tarFilesMax: 1000,
  /** A small file of more chunks does not travel with others. */
  packedFilePiecesMax: 64,
  tarBytesMax: 16 * MIB,
  /** Files up to this size travel in tar streams, larger ones chunk by chunk. */
  smallFileBytesMax: 256 * KIB,
  missingDigestsMax: 8192,

  // Freeing space.
  /** Rows that are read at once to find what is kept, and records of one file that are folded at once. */
  gcPageRows: 256,
  gcFoldRecords: 4096,
  /** Work on the main thread before others have their turn; then as long a pause follows. */
  gcSliceMs: 5,
  /** Directories of which it is remembered whether anybody can see them, in one volume. */
  gcDirectoriesKept: 100_000,
  /** How often a server frees space, and how long after its start it does so first. */
  gcEveryMs: 24 * 3600 * 1000,
  gcFirstMs: 15 * 60 * 1000,
  /** States of that time are kept whatever a policy says, for those who read them, unless an admin frees space. */
  gcGraceMs: 3600 * 1000,
  /** How far behind the newest commit a server believes its clock at the start, when it frees space by itself. */
  clockLeapMsMax: 24 * 3600 * 1000,
  /** Volumes of which nothing could be freed that a status names. */
  gcSparedShown: 100,
  /** How often `gdpfs admin gc` asks how it goes. */
  gcFollowMs: 500,

  // Requests.
  jsonBodyBytesMax: MIB,
  enrollBodyBytesMax: 16 * KIB,
  /** missingDigestsMax digests of 32 bytes. */
  digestsBodyBytesMax: 8192 * 32,
  /** The id of a prepared change and a checkpoint. */
  signedBodyBytesMax: 8 * KIB,
  /**
   * Changes that wait for their signatures: of all principals and of one, the memory that they take, and
   * how long. One at a time for each volume has its turn, so that what it continues stays the newest
   * while it is checked and signed; who takes longer loses the turn, and is prepared again if it was used.
   */
  preparedMax: 1024,
  preparedPerPrincipalMax: 64,
  preparedBytesMax: 256 * MIB,
  preparedLifeMs: 60_000,
  preparedTurnMs: 3000,
  /** Changes of one volume that wait for their turn. */
  preparesWaitingMax: 256,
  /** One whole-file body: fileRecordsMax chunks of the largest size. */
  fileBytesMax: 1_048_576 * 4 * MIB,
  chunkBodyBytesMax: 8 * MIB,
  tarBodyBytesMax: 24 * MIB,
  recordsBodyBytesMax: 64 * MIB,
  /** Bodies held in memory whole, of all requests together; and as much for those of answers, such as packs of files. */
  bodiesBytesMax: 96 * MIB,
  /** Of those, of one principal: room is kept for a body before it comes, and until it has gone, however slowly. */
  bodiesPerPrincipalBytesMax: 48 * MIB,
  /** Chunks of one request on their way into the store, and free memory that is kept for those to come. */
  requestChunkBytesMax: 8 * MIB,
  chunkPoolBytesMax: 96 * MIB,
  /**
   * Chunks of at least so many bytes are read past the page cache, to memory of which there is so much,
   * unless they are among so many that were read last.
   */
  directReadBytesMin: 64 * KIB,
  directReadRoomBytesMax: 64 * MIB,
  readsRememberedMax: 65_536,
  /** What lies between two chunks on the disk and is read with them rather than in two reads. */
  readGapBytesMax: 32 * KIB,
  /** One read of several chunks. */
  readSpanBytesMax: 4 * MIB,
  /** Chunks that a download reads ahead of what the client has taken. */
  readAheadBytesMax: 4 * MIB,
  readAheadChunksMax: 4,
  /** What is still read of the body of a refused request, so that the client sees the answer. */
  drainBytesMax: 16 * MIB,
  drainMs: 2000,
  requestHeaderBytesMax: 16 * KIB,
  /** Characters of an `Origin` that a refusal names: a scheme, the longest name of a host, and a port. */
  originShownMax: 270,
  /** A header in which a proxy forwards a certificate: ours take 1.3 KiB, large RSA ones 4. */
  forwardedCertificateLengthMax: 8 * KIB,
  /** Certificates that need not be read again; the signature of forwarded ones is not checked again either. */
  knownCertificatesMax: 1024,
  connectionsMax: 2048,
  /** Requests of one connection that wait until those before them are answered. Our clients send up to smallExchangesMax at once. */
  requestsWaitingMax: 32,
  /** For the TLS handshake, and then for the head of a request. */
  headersTimeoutMs: 10_000,
  /** An idle connection is kept this long: longer than load balancers do, which must close first. */
  keepAliveMs: 75_000,
  /** A request whose body or response makes no progress for this long is cut. */
  requestStallMs: 60_000,
  requestIdLengthMax: 64,
  requestResultKeepMs: 7 * 24 * 3600 * 1000,
  listPageDefault: 1000,
  listPageMax: 10_000,
  /** Memory for one name of a listing, as far as it is taken before the listing is made. */
  listedBytes: 512,
  manifestPageMax: 65_536,
  /** Manifests of large files kept in memory by the server. */
  manifestCacheBytesMax: 16 * MIB,
  rangesMax: 64,
  shutdownGraceMs: 10_000,
  /** Each keeps one core busy. */
  md5sAtOnceMax: 4,
  md5sPerPrincipalMax: 3,
  /** An answer that takes long shows a sign of life this often: well below `requestStallMs`. */
  keepAnswerAliveMs: 5000,

  // Authorization.
  /** What principals may do in volumes, kept by the server: pairs of the two. */
  rightsCachedMax: 10_000,
  /** Directories of which it is remembered what one principal may do there. */
  sightDirectoriesMax: 10_000,
  /** Directories that one principal, group or everyone has grants on, in one volume. */
  grantsPerSubjectMax: 10_000,
  groupMembersMax: 10_000,
  /** How often an upload may send as much as its file has, and how much more; retries count. */
  stagedTimesMax: 4,
  stagedSlackBytes: 64 * MIB,
  /** Uploads of which that is known. */
  stagedUploadsMax: 10_000,
  /** Chunks of a file that count as known to who replaces it without reading the whole volume. */
  replacedChunksMax: 65_536,
  /** What a home volume may hold unless the invitation says otherwise. */
  homeQuotaBytes: 100 * GIB,
  homeQuotaEntries: 10_000_000,

  /** What a zip archive's own directory says of its names, in memory; and archives that are made at once. */
  zipDirectoryBytesMax: 32 * MIB,
  zipsAtOnceMax: 8,
  /** Those of all who come with links are one principal's. */
  zipsPerPrincipalMax: 4,

  // Share links.
  sharesPerPrincipalMax: 1000,
  shareLifeMsMax: 365 * 24 * 3600 * 1000,
  anonymousRequestsPerMinute: 600,
  /** Addresses whose requests are counted. */
  anonymousAddressesMax: 10_000,

  // Audit log.
  auditFileBytesMax: 16 * MIB,
  auditFilesMax: 16,
  /** Lines wait this long for others to be written with. */
  auditDelayMs: 200,
  /** Lines that wait while the disk does not take them; more are counted only. */
  auditPendingMax: 10_000,
  /** A request that is refused again within this time is counted, and kinds of them are told apart. */
  auditWindowMs: 60_000,
  auditKindsMax: 64,
  /** How often `gdpfs admin audit --follow` asks for more. */
  auditFollowMs: 1000,

  // Identity.
  invitationLifeMs: 24 * 3600 * 1000,
  clientCertificateLifeMs: 30 * 24 * 3600 * 1000,
  /** An expired certificate can still be renewed for this long. */
  renewalGraceMs: 30 * 24 * 3600 * 1000,
  serverCertificateLifeMs: 397 * 24 * 3600 * 1000,
  /** How often a server looks whether its own certificate should be replaced. */
  serverCertificateCheckMs: 3600 * 1000,
  caLifeMs: 10 * 365 * 24 * 3600 * 1000,
  /** Who presses a key for the names in a volume does not wait longer. */
  completionMs: 2000,
  /** What `gdpfs login URL -` reads: a token and some white space. */
  tokenInputBytesMax: 4 * KIB,
  /** Certificates are valid from this long before they are made: clocks differ. */
  clockSkewMs: 5 * 60 * 1000,
} as const;
