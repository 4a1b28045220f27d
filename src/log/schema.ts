/** Tables of the index that belong to the log layer. Everything in them comes from segments. */
export const LOG_SCHEMA = `
  -- How far the index has read: one row.
  CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), segment INTEGER, offset INTEGER);

  -- Directory logs and the system log, with what is needed to check and sign their next commit.
  CREATE TABLE volume (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    owner_key BLOB NOT NULL,
    writer_key BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    policy BLOB NOT NULL,
    count INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    previous BLOB NOT NULL,
    time_ms INTEGER NOT NULL,
    state BLOB,
    checkpoint BLOB NOT NULL,
    meta BLOB NOT NULL,
    -- Why nothing may be written any more; NULL for a sound volume.
    damage TEXT
  );

  -- Where the newest copy of each chunk lies: its frame, \`length\` bytes of payload; -1 once it was
  -- found damaged. \`used\` by a file that was ever committed: then readers of the volume may know of it.
  -- The rows lie in the order in which they came, and are found by \`key\`, \`shortKey\` of the digest:
  -- digests that are new lie anywhere among the others, and the shorter their index, the fewer of its
  -- pages they change.
  CREATE TABLE chunk (
    volume INTEGER, key INTEGER, digest BLOB, segment INTEGER, offset INTEGER, length INTEGER, used INTEGER
  );
  CREATE INDEX chunk_key ON chunk (volume, key);

  -- From which file of a segment its chunks are known, where it is not the first one.
  CREATE TABLE segment_edition (segment INTEGER PRIMARY KEY, edition BLOB NOT NULL);

  -- Commit frames; \`offset\` and \`length\` are those of the frame. \`leaves\` are the Merkle leaf
  -- hashes of the commit's records, one behind the other.
  CREATE TABLE commit_frame (
    volume INTEGER, first_seq INTEGER, count INTEGER, time_ms INTEGER,
    segment INTEGER, offset INTEGER, length INTEGER, leaves BLOB,
    PRIMARY KEY (volume, first_seq)
  );
  CREATE INDEX commit_time ON commit_frame (volume, time_ms);

  -- Merkle roots over 256^level leaves of a log, those that are complete: number \`position\` is over
  -- leaves position * 256^level to before (position + 1) * 256^level. Level 1 and up.
  CREATE TABLE log_tree (
    volume INTEGER, level INTEGER, position INTEGER, hash BLOB,
    PRIMARY KEY (volume, level, position)
  ) WITHOUT ROWID;

  -- Where the records of each file log lie: the encoded list of records, inside a commit frame. A
  -- short list is in \`records\` as well: that of a small file must not cost a read of its own. Names of
  -- logs are digests, so the rows are kept and found as those of chunks are.
  CREATE TABLE log_part (
    volume INTEGER, key INTEGER, log BLOB, first_seq INTEGER, count INTEGER,
    segment INTEGER, offset INTEGER, length INTEGER, records BLOB
  );
  CREATE INDEX log_part_key ON log_part (volume, key);

  -- First answers to request ids.
  CREATE TABLE request (
    principal TEXT, id TEXT, fingerprint BLOB, time_ms INTEGER, body BLOB,
    PRIMARY KEY (principal, id)
  ) WITHOUT ROWID;
  CREATE INDEX request_time ON request (time_ms);
`;
