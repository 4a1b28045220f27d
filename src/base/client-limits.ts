import { GIB, KIB, MIB } from './byte-units.ts';

/** Those of clients: part of `LIMITS`, under which they are used. */
export const CLIENT_LIMITS = {
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
  /** What whoever finds a PKCS #12 file must compute for each password that they try. */
  pkcs12Iterations: 100_000,
} as const;
