/** Every limit of the system, with its unit and its reason. */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const LIMITS = {
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
  /** A header in which a proxy forwards a certificate: ours take 1.3 KiB, large RSA ones 4. */
  forwardedCertificateLengthMax: 8 * KIB,
  /** Certificates that need not be read again; the signature of forwarded ones is not checked again either. */
  knownCertificatesMax: 1024,
  connectionsMax: 2048,
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
  manifestPageMax: 65_536,
  /** Manifests of large files kept in memory by the server. */
  manifestCacheBytesMax: 16 * MIB,
  rangesMax: 64,
  shutdownGraceMs: 10_000,
  /** Each keeps one core busy. */
  md5sAtOnceMax: 4,
  /** An answer that takes long shows a sign of life this often: well below `requestStallMs`. */
  keepAnswerAliveMs: 5000,

  // Client.
  /**
   * Chunk bodies in flight for one transfer. Memory is this many bodies of `bodyBytesTarget`: two more
   * than `dataExchangesMax`, so that reading and hashing overlap with the network.
   */
  transferConcurrency: 14,
  /** Of them for the downloads of one file: nothing of those waits for another's disk. */
  downloadConcurrency: 10,
  bodyBytesTarget: 4 * MIB,
  /** Bodies of a file that is written from memory on the wire, beside the one that is being filled. */
  writerBodiesInFlight: 2,
  /** Chunks in one body: as many as a request may name ranges. */
  bodyChunksMax: 64,
  /** How often an upload is opened again that somebody else's commit has closed. */
  uploadReopensMax: 8,
  /** Questions which chunks are missing that one upload has on the way, and bodies being sent while it asks none. */
  missingQuestionsInFlight: 3,
  bodiesKnownMissing: 10,
  /** Uploads of smaller files keep no journal: hashing them again takes less than looking after it. */
  uploadJournalFileBytesMin: 64 * MIB,
  /** Journals of uploads that were given up are removed after this, and the oldest beyond these bounds. */
  uploadJournalKeepMs: 7 * 24 * 3600 * 1000,
  uploadJournalsMax: 1000,
  uploadJournalsBytesMax: 256 * MIB,
  /**
   * A file that changed less than this before it was read may change again without a new time: no file
   * system counts in longer steps.
   */
  timestampStepMsMax: 3000,
  /** What is read of a file before anything is told of it, where it has holes: they are no body. */
  scanBytesMax: 64 * MIB,
  /** Content of one tar stream as the client makes it: more only takes memory. */
  tarBytesTarget: 8 * MIB,
  /** Names of one directory that are remembered where the file system takes some for the same. */
  claimedNamesMax: 1_000_000,
  /** Batches of a received tree that may be done before an earlier one is. */
  receivedBatchesAhead: 64,
  tarStreamsInFlight: 5,
  /** Of a download, in memory: one more than travel, which is being written. */
  tarStreamsReceived: 4,
  /** Files of a tree that are sent or fetched chunk by chunk at the same time. */
  largeFilesInFlight: 4,
  /** From the first failure of a request to the last attempt: longer than a server, or a small machine, restarts. */
  retryPatienceMs: 120_000,
  /** The same for a server that has not answered yet: its address may be wrong. */
  firstContactPatienceMs: 5000,
  /** Names of a tree that are listed, and files that travel, before all others, so that both ends have work. */
  firstNames: 250,
  /** Names that a local walk hands out at once, and such pages that it is ahead. */
  walkPageEntries: 1000,
  walkPagesAhead: 2,
  /** Actions that a planner hands out at once. */
  planPageActions: 1000,
  /** Files of at least so many bytes are received past the page cache. */
  directFileBytesMin: 64 * MIB,
  /** Writes past the page cache that a download has the disk do at once. */
  partDirectWritesMax: 3,
  /** A download makes what it wrote durable, and then notes it in its journal, this often. */
  partSyncBytes: 64 * MIB,
  /** A journal of 20 bytes for each stretch of `partSyncBytes`; larger ones are ignored. */
  partJournalBytesMax: 32 * MIB,
  /** Directories whose unfinished downloads are remembered. */
  partDirectoriesMax: 256,
  /** Unfinished downloads of other versions in which chunks are looked for. */
  partSourcesMax: 4,
  /** How far from where a chunk should be it is searched in a local file, each way. */
  reuseSearchBytes: 2 * MIB,
  /** Searches in one local file that may find nothing; each one that does allows as many more. */
  reuseSearchesMax: 16,
  /**
   * Threads that read, hash and pack the small files of a tree. The second one is started when one part
   * took so long: it costs 100 ms of CPU time, and packs 1,000 files in 30 where they can be read fast.
   */
  packThreads: 2,
  packMsSlow: 200,
  /** Parts of a tree that are sent, and received: more than streams, for what is done before and behind. */
  partsInFlight: 6,
  receivedPartsInFlight: 8,
  /** Removals and the like that go to a volume together; as many as the contract lets through. */
  changeSetMax: 1000,
  changeSetsInFlight: 2,
  /** How often a file may be replaced while its version is looked for, or while it is fetched. */
  changedRoundsMax: 3,
  /** Fetching chunks again that came with a wrong digest: on a wire that happens, in a store it stays. */
  badDataRetriesMax: 3,
  retryDelayMsMin: 100,
  retryDelayMsMax: 10_000,
  /** A server that asks for a longer pause is not believed. */
  retryAfterMsMax: 60_000,
  connectTimeoutMs: 10_000,
  /**
   * Exchanges with large bodies that a client has under way in each direction: from the smallest to
   * the largest number, as the path gives, beginning in between. At most so many bodies are held.
   * An upload begins with more: a part of what is under way waits for the server's disk.
   */
  dataExchangesMin: 2,
  downloadExchangesStart: 4,
  uploadExchangesStart: 8,
  dataExchangesMax: 12,
  /** The same for all others, which never wait for those. */
  smallExchangesMax: 8,
  /** Of a request or response: less than this is no large body. */
  smallExchangeBytesMax: 64 * KIB,
  /** A process waits this long for each other that writes the configuration, a matter of milliseconds. */
  configLockMs: 2000,
  /** Remembered checkpoints of one volume that a server is held to; parallel commands leave several. */
  rememberedCheckpointsMax: 64,
  /** After a change a command waits this long for the checkpoint that covers it. */
  lastCheckpointMs: 5000,
  /** A client that signs many changes makes it durable this often what it has seen, and at its end. */
  signedSeenMs: 1000,
  /** Signed changes on their way to the server, for which others wait. */
  signaturesAtOnceMax: 4,
  /** How often a change is prepared again because another writer was first. */
  signingAttemptsMax: 16,
  /** A server whose time differs by more would put a time into the log that is none. */
  signingClockSkewMs: 3600 * 1000,
  /** How often a session looks whether its certificate should be renewed. */
  renewalCheckMs: 60_000,
  /** A session that is closed waits this long for a renewal that is under way. */
  renewalWaitMs: 5000,
  /** What comes before a large response. */
  answerHeadBytesMax: 16 * KIB,
  /** A connection for large responses that nobody uses is kept this long: far less than servers do. */
  idleConnectionMs: 4000,
  /** A response that is held in memory whole, such as a page of a listing or a tar stream. */
  responseBytesMax: 32 * MIB,

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

  // TensorFlow.js.
  /** One record of a TFRecord file, which is held in memory whole. */
  tfrecordBytesMax: GIB,
  /** One line of a text file. */
  textLineBytesMax: 16 * MIB,
  /** A file that is handed out in one piece, such as a picture. */
  wholeFileBytesMax: 64 * MIB,
  /** Files that are handed out whole, and are fetched beside the one that is being used. */
  wholeFilesAhead: 8,
  /** Files of records or lines whose first bytes are fetched beside the one that is being read. */
  recordFilesAhead: 1,
  /** Weight files of a model that are read or written at once. */
  weightFilesAtOnce: 4,
  /** A `model.json`. */
  modelJsonBytesMax: 256 * MIB,

  /** What a zip archive's own directory says of its names, in memory; and archives that are made at once. */
  zipDirectoryBytesMax: 32 * MIB,
  zipsAtOnceMax: 8,

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
