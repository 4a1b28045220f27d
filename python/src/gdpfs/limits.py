"""Every limit of the package, with its unit and its reason. What the server limits too has its name there."""

KIB = 1024
MIB = 1024 * KIB

# Formats: docs/formats.md.
CHUNK_BYTES_MAX = 4 * MIB
CHUNK_BYTES_DEFAULT = 256 * KIB
#: No chunk of a file that is cut by content is smaller, but the last.
CUT_BYTES_MIN = 64 * KIB
MISSING_DIGESTS_MAX = 8192
RANGES_MAX = 64
LIST_PAGE_MAX = 10_000

NAME_BYTES_MAX = 255
RECORD_BYTES_MAX = 64 * KIB
#: Nodes, or entries, of one body of evidence, and hashes of a consistency proof.
EVIDENCE_PARTS_MAX = 32_768
LOG_PROOF_HASHES_MAX = 64

# Connections and threads, for each client: a profile in a process.
#: Connections to a server, and so exchanges under way.
CONNECTIONS_MAX = 24
#: A connection that was idle for longer is not used again: servers and proxies close them.
IDLE_SECONDS_MAX = 50
CONNECT_SECONDS_MAX = 10
#: An exchange of which nothing moves for this long is cut.
STALL_SECONDS_MAX = 60
#: Threads that fetch, send, hash and verify bodies of chunks. Each more costs CPU time where there is no round trip, in
#: which the others wait for the interpreter, and saves time where there is one, or where the server's disk is waited
#: for.
BODY_THREADS = 6
#: A server is near that TCP reaches in less time, and that has answered something in less than the second: TCP may only
#: have reached a proxy.
NEAR_SECONDS = 0.002
NEAR_ANSWER_SECONDS = 0.01
#: Threads that run the calls of asyncio programs, and what fsspec does in parallel.
CALL_THREADS = 16
#: A response that is held in memory whole, such as a page of a listing.
RESPONSE_BYTES_MAX = 64 * MIB

# Retries: as the command line does.
#: From the first failure of a request until no more attempt is made: longer than a restart of a server.
RETRY_PATIENCE_SECONDS = 120.0
#: The same for a server that has not answered yet: its address may be wrong.
FIRST_CONTACT_PATIENCE_SECONDS = 5.0
RETRY_DELAY_SECONDS_MIN = 0.1
RETRY_DELAY_SECONDS_MAX = 10.0
#: A server that asks for a longer pause is not believed.
RETRY_AFTER_SECONDS_MAX = 60.0
#: Fetching a chunk again that came with a wrong digest: on a wire that happens, in a store it stays.
BAD_DATA_RETRIES_MAX = 3
#: How often a change is begun anew that somebody else's change came between.
CONFLICT_RETRIES_MAX = 16

# Reading.
#: Chunks that are asked for in one request.
BODY_BYTES = 4 * MIB
#: A file of one chunk that is no longer comes with its manifest: one request for many small files each.
INLINE_BYTES = 256 * KIB
#: What an open file fetches ahead of a reader that goes through it: four bodies under way.
READ_AHEAD_BYTES = 16 * MIB
#: What one call is served in steps of: it bounds the memory that a call needs beside its result.
READ_STEP_BYTES = 8 * MIB
#: Verified chunks that are kept for whoever reads them again, of all files of a client.
CHUNK_CACHE_BYTES = 64 * MIB
#: Manifests that are kept, of all files of a client, 48 bytes a chunk.
MANIFEST_CACHE_BYTES = 32 * MIB
#: Versions of files that reads by path remember; each is confirmed before it is used.
VERSIONS_MAX = 1024

# Writing.
#: A file up to this size is sent in one request; of a larger one this much is held.
WHOLE_FILE_BYTES = 8 * MIB
#: Bodies of chunks of one file under way.
SENDING_BODIES_MAX = 6
#: Bodies of a file that are sent, in a row, without asking whether the volume has them.
UNASKED_BODIES_MAX = 7
#: A log that is appended to is committed at each flush, but not more often than this.
APPEND_SECONDS_MIN = 1.0

# Certificates.
#: The part of a certificate's life that is left when it is renewed.
RENEW_AT = 1 / 3
#: An expired certificate is renewed by the server for this long.
RENEWAL_GRACE_SECONDS = 30 * 24 * 3600
#: How often a session looks whether its certificate was renewed, or should be.
RENEWAL_CHECK_SECONDS = 60.0
#: A process waits this long for each other that writes the configuration, a matter of milliseconds.
CONFIG_LOCK_SECONDS = 2.0

# Trust: what was seen of volumes.
#: One note.
CHECKPOINT_BYTES_MAX = 4 * KIB
#: Times that a volume's owner key is replaced.
OWNER_ROTATIONS_MAX = 32
#: Named states of a volume, and characters of a name.
SNAPSHOTS_MAX = 512
SNAPSHOT_NAME_LENGTH_MAX = 64
#: Of one volume, left by processes that saw some at the same time.
REMEMBERED_CHECKPOINTS_MAX = 64
#: Signatures that were looked at, with what they sign: the newest checkpoint of a volume comes with each proof.
SIGNATURES_MAX = 64
#: How often a volume that is in use must show that it goes on from what was seen.
TRUST_CHECK_SECONDS = 60.0

# Signing: changes of volumes whose writer key is here.
#: How often a change is checked and signed anew because others were faster.
SIGNING_ATTEMPTS_MAX = 16
#: Changes of a client that are prepared or signed at the same time. The server makes those of a volume one by one.
SIGNING_CHANGES_MAX = 8
#: Times that a server chooses, and that are signed, are no farther from ours.
SIGNING_CLOCK_SKEW_SECONDS = 3600
#: Records of one change, and file logs; records of one file log.
COMMIT_RECORDS_MAX = 65_536
FILE_RECORDS_MAX = 1_048_576
#: A count, and a hash for each of its bits.
FRONTIER_BYTES_MAX = 8 + 53 * 32
