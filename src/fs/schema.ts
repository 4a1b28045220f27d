/** Columns that a dentry gives to a node at a place; the same in `entry` and `entry_past`. */
const ENTRY_COLUMNS = `
  volume INTEGER NOT NULL, parent INTEGER NOT NULL, name TEXT NOT NULL,
  seq INTEGER NOT NULL, node INTEGER NOT NULL, kind INTEGER NOT NULL,
  log BLOB, log_count INTEGER, size INTEGER NOT NULL, root BLOB, content BLOB,
  mode INTEGER NOT NULL, mtime_us INTEGER NOT NULL, author TEXT NOT NULL, target TEXT`;

/** Tables of the index that belong to the file system: the fold of dentries and system records. */
export const FS_SCHEMA = `
  -- The tree as it is. Entries below a removed directory stay, out of reach, for an undelete.
  CREATE TABLE entry (${ENTRY_COLUMNS}, PRIMARY KEY (volume, parent, name)) WITHOUT ROWID;
  CREATE UNIQUE INDEX entry_node ON entry (volume, node);

  -- What stood at a place from record \`seq\` until record \`until\` replaced, moved or removed it.
  CREATE TABLE entry_past (${ENTRY_COLUMNS}, until INTEGER NOT NULL,
    PRIMARY KEY (volume, parent, name, seq)) WITHOUT ROWID;
  CREATE INDEX past_node ON entry_past (volume, node, seq);

  -- Nodes of the state maps, by their paths: what the keys below them begin with.
  CREATE TABLE state_node (
    volume INTEGER, path BLOB, node BLOB NOT NULL, PRIMARY KEY (volume, path)
  ) WITHOUT ROWID;

  -- Unfinished uploads, and the chunks that each has sent or was told to be there. Not in any log:
  -- whoever loses one opens another, and its chunks are found.
  CREATE TABLE upload (
    id TEXT PRIMARY KEY, volume INTEGER NOT NULL, principal TEXT NOT NULL, path TEXT NOT NULL,
    size INTEGER, chunk_size INTEGER NOT NULL, base BLOB, created_ms INTEGER NOT NULL,
    growth INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX upload_volume ON upload (volume, growth);
  CREATE INDEX upload_owner ON upload (principal, volume, path);
  CREATE TABLE upload_chunk (
    upload TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (upload, digest)
  ) WITHOUT ROWID;
  CREATE INDEX upload_chunk_digest ON upload_chunk (digest);

  -- What a volume holds, at a count of its records; counted anew where it is about another one.
  CREATE TABLE volume_usage (volume INTEGER PRIMARY KEY, count INTEGER, bytes INTEGER, entries INTEGER);

  -- The fold of the system log.
  CREATE TABLE principal (name TEXT PRIMARY KEY, role INTEGER, created_ms INTEGER) WITHOUT ROWID;
  CREATE TABLE invitation (
    secret_digest BLOB PRIMARY KEY, principal TEXT, role INTEGER, expires_ms INTEGER, used INTEGER,
    quota_bytes INTEGER, quota_entries INTEGER, life_ms INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE certificate (
    serial BLOB PRIMARY KEY, principal TEXT, expires_ms INTEGER, enrolment BLOB
  ) WITHOUT ROWID;
  CREATE INDEX certificate_principal ON certificate (principal);
  CREATE TABLE volume_entry (alias TEXT PRIMARY KEY, name BLOB, owner TEXT) WITHOUT ROWID;
  CREATE INDEX volume_entry_name ON volume_entry (name);
  CREATE TABLE removed_volume (name BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE trim_point (volume BLOB PRIMARY KEY, seq INTEGER, time_ms INTEGER) WITHOUT ROWID;
  CREATE TABLE revoked_principal (principal TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE revoked_enrolment (enrolment BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE principal_group (name TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE membership (group_name TEXT, principal TEXT, PRIMARY KEY (group_name, principal))
    WITHOUT ROWID;
  CREATE INDEX membership_principal ON membership (principal);
  CREATE TABLE access_grant (
    volume BLOB, node INTEGER, subject TEXT, permission INTEGER,
    PRIMARY KEY (volume, node, subject)
  ) WITHOUT ROWID;
  CREATE INDEX grant_subject ON access_grant (subject, volume);
  CREATE TABLE quota (volume BLOB PRIMARY KEY, bytes INTEGER, entries INTEGER) WITHOUT ROWID;
  CREATE TABLE share_link (
    secret_digest BLOB PRIMARY KEY, volume BLOB, node INTEGER, author TEXT, created_ms INTEGER,
    expires_ms INTEGER, revoked INTEGER
  ) WITHOUT ROWID;
`;
