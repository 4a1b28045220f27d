// Every limit of the plugin, with its unit and its reason. A loop, queue, cache or retry that is not bounded by a
// name from this file is a bug.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gdpfs::limits {

constexpr std::size_t kKib = 1024;
constexpr std::size_t kMib = 1024 * kKib;

// docs/formats.md. A reader refuses what is larger.
constexpr std::size_t kChunkBytesMax = 4 * kMib;
constexpr std::size_t kCutBytesMin = 64 * kKib;
constexpr std::size_t kCutBytesNormal = 208 * kKib;
constexpr std::size_t kCutBytesMax = 512 * kKib;
constexpr std::uint64_t kSafeIntegerMax = (std::uint64_t{1} << 53) - 1;
constexpr std::size_t kFileRecordsMax = 1'048'576;
constexpr std::size_t kAliasLengthMax = 32;
constexpr std::size_t kVolumeNameLength = 43;
// A signed note, and how many of a volume are held: processes that saw some at the same time leave one each.
constexpr std::size_t kCheckpointBytesMax = 4 * kKib;
constexpr std::size_t kRememberedCheckpointsMax = 64;
// Times that a volume's owner key is replaced.
constexpr std::size_t kOwnerRotationsMax = 32;
/// Named states of a volume, characters of a name, and digits of a seq.
constexpr std::size_t kSnapshotsMax = 512;
constexpr std::size_t kSnapshotNameLengthMax = 64;
constexpr std::size_t kSeqDigitsMax = 16;
// How often a volume that is in use must show that it goes on from what was seen. Tests are built with less.
#ifndef GDPFS_TRUST_CHECK_MS
#define GDPFS_TRUST_CHECK_MS 60'000
#endif
constexpr std::int64_t kTrustCheckMs = GDPFS_TRUST_CHECK_MS;
// Ranges that one request may name.
constexpr std::size_t kRangesMax = 64;

// Threads that fetch ahead, for all files of the process together; those that read or write files work beside them. Most
// of them wait where the server is far away, whatever the number of processors.
constexpr std::size_t kWorkersMax = 8;
// A server is near that a connection to takes less, and that has answered something in less than the second (a proxy may
// be near, and the server behind it far): then threads never wait for long, and of them as many work as there
// are processors, and so many more. Each costs a connection, and what is under way fights for the processors' caches. Tests
// are built with more for a connection, which a busy machine may delay.
#ifndef GDPFS_NEAR_CONNECT_US
#define GDPFS_NEAR_CONNECT_US 2'000
#endif
constexpr std::int64_t kNearConnectUs = GDPFS_NEAR_CONNECT_US;
constexpr std::int64_t kNearAnswerUs = 10'000;
constexpr std::size_t kNearWorkersMore = 1;
// Threads that hash and send chunks. Most of them wait: a server answers when what came is durable, and one sync serves
// all that is there.
constexpr std::size_t kSendersMax = 8;
// Connections to the server, each kept alive. Whoever finds all in use waits.
constexpr std::size_t kConnectionsMax = 16;

// Content of one request for chunks, and of one request with chunks.
constexpr std::size_t kBodyBytesTarget = 4 * kMib;
// Reads of one file that go forward side by side.
constexpr std::size_t kStreamsMax = 8;
// What is fetched ahead of a sequential reader: from the smallest to the largest amount, so many times as much each time. The
// largest is what all threads fetch at once.
constexpr std::size_t kReadAheadBytesMin = 1 * kMib;
constexpr std::size_t kReadAheadGrowth = 16;
constexpr std::size_t kReadAheadBytesMax = 32 * kMib;
// Rows of files that are read one behind the other, of which the next one is foreseen.
constexpr std::size_t kFileRowsMax = 8;
// Of the memory cache, what all readers together may have fetched ahead: the rest is for what was read.
constexpr std::size_t kReadAheadShare = 2;
// A read of more than this share of the memory cache goes past it.
constexpr std::size_t kLongReadShare = 8;
constexpr std::size_t kMemoryBytesDefault = 256 * kMib;
constexpr std::size_t kMemoryBytesMin = 16 * kMib;
// Of a file that grew, the end that may have been written again is compared.
constexpr std::size_t kRewrittenBytesMax = 2 * kChunkBytesMax;
// Memory that is kept for the chunks to come.
constexpr std::size_t kSpareBytesMax = 32 * kMib;
constexpr std::size_t kDiskBytesDefault = std::size_t{10} * 1024 * kMib;
// A process looks how large the disk cache is after it added this share of the allowed size.
constexpr std::size_t kDiskCheckShare = 16;
// Eviction leaves this many sixteenths, so that it is not needed again at once.
constexpr std::size_t kDiskKeepSixteenths = 14;
// Chunks of the disk cache that this process can tell again without their SHA-256: 80 bytes of memory each.
constexpr std::size_t kSealsMax = 262'144;
// What waits to be written into the disk cache; what comes when so much waits is not written.
constexpr std::size_t kDiskQueueBytesMax = 32 * kMib;
// A write of this size takes pages that are at hand; larger ones, memory that nobody has touched lately.
constexpr std::size_t kDiskWriteBytes = 256 * kKib;
// A temporary file of the disk cache that is older belongs to a process that died.
constexpr std::int64_t kDiskTemporarySecondsMax = 3600;

// A file of one chunk that is no longer comes with its manifest: one request instead of two. Of so many such files a process
// knows what they were, 48 bytes each, and does not have what it still holds sent again.
constexpr std::size_t kInlineBytesMax = 256 * kKib;
constexpr std::size_t kInlineFilesMax = 65'536;
// A file of at most this many bytes is written by one request.
constexpr std::size_t kSmallFileBytesMax = 1 * kMib;
// Bodies of chunks that are hashed or sent for all writers together; beyond it an append waits.
constexpr std::size_t kBodiesInFlightMax = 8;
// Pieces that flushes have added behind the last full chunk; then they become one again.
constexpr std::size_t kPiecesMax = 64;
// A log that grows with each flush is begun anew when it has so many records more than twice what it says: who opens
// the file reads them all.
constexpr std::size_t kLogRecordsSlack = 1024;
// A flush so soon after a commit commits nothing: callers that flush after every record exist.
constexpr std::int64_t kFlushIntervalMs = 1000;

// As src/base/limits.ts has them for the command line.
constexpr std::int64_t kRetryPatienceMs = 120'000;
constexpr std::int64_t kFirstContactPatienceMs = 5'000;
constexpr std::int64_t kRetryDelayMsMin = 100;
constexpr std::int64_t kRetryDelayMsMax = 10'000;
constexpr std::int64_t kRetryAfterMsMax = 60'000;
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kStallSeconds = 60;
// Shorter than the server keeps idle connections.
constexpr long kConnectionIdleSeconds = 60;
// The end of a process waits this long for threads that are cut off.
constexpr std::int64_t kProcessEndMs = 2000;
constexpr int kBadDataRetriesMax = 3;
constexpr int kUploadReopensMax = 3;
// A process waits this long for each other that writes the configuration, a matter of milliseconds.
constexpr std::int64_t kConfigLockMs = 2000;
// An answer that is held in memory whole: a page of a listing or of a manifest.
constexpr std::size_t kAnswerBytesMax = 32 * kMib;
constexpr std::size_t kListPageEntries = 10'000;

}  // namespace gdpfs::limits
