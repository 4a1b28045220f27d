// A file that is open for reading.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "chunk_store.h"
#include "files_ahead.h"
#include "limits.h"

namespace gdpfs {

/// One version of a file: what is read stays the same when the path gets another one. A file that was only appended to
/// grows, for those who read at its end again: so logs are followed. May be used by any number of threads.
class Reader {
 public:
  /// `ahead` may be null.
  Reader(Api& api, ChunkStore& store, SharedVersion version, FilesAhead* ahead = nullptr);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::uint64_t size() { return version()->size; }
  /// Bytes read: fewer than `length` only at the end of the file.
  std::size_t read(std::uint64_t offset, std::size_t length, char* buffer);

 private:
  /// Reads that follow one another. TensorFlow restores a large tensor by several at once.
  struct Stream {
    /// Where the last read ended.
    std::uint64_t position = 0;
    /// Bytes to have ahead of it: 0 while reads jump about.
    std::size_t window = 0;
    /// The first chunk that was not yet asked for ahead.
    std::size_t ahead = 0;
    /// When it was used, by the count of reads.
    std::uint64_t used = 0;
  };

  SharedVersion version();
  /// Reads what need not be waited for, up to `end`; where it had to stop.
  std::uint64_t readAtOnce(const FileVersion& version, std::uint64_t offset, std::uint64_t end, char* buffer);
  /// The block of a chunk that is read in parts; null if it needs waiting.
  SharedBlock blockAtOnce(const FileVersion& version, std::size_t chunk);
  /// Somebody reads at the end again: has the file grown?
  void lookForMore();
  /// A read from `offset` to `end` begins: the stream that it belongs to, as it is from now on.
  Stream beginRead(const FileVersion& version, std::uint64_t offset, std::uint64_t end);
  void endRead(const FileVersion& version, const Stream& stream);
  /// Sees to it that what a read needs from `position` to `end` is on its way, and more if the stream goes forward.
  void fetchAhead(const SharedVersion& version, std::uint64_t position, std::uint64_t end, Stream& stream);
  SharedBlock blockOf(const SharedVersion& version, std::size_t chunk);
  void keepLast(const FileVersion& version, std::size_t chunk, const SharedBlock& block, bool isAtOnce);

  Api& api_;
  ChunkStore& store_;
  FilesAhead* const ahead_;

  std::mutex mutex_;
  SharedVersion version_;
  /// A read has begun at the end. Most readers do that once, and it costs no request.
  bool hasSeenEnd_ = false;
  /// A file is read from its start: the first of them is at 0.
  std::array<Stream, limits::kStreamsMax> streams_;
  std::uint64_t reads_ = 0;
  bool isCounted_ = false;
  /// Something of the file was fetched: it was not at hand.
  std::atomic<bool> isFetched_{false};
  /// What was read last: small reads come in rows.
  const FileVersion* lastVersion_ = nullptr;
  std::size_t lastChunk_ = 0;
  SharedBlock lastBlock_;
  bool isLastAtOnce_ = false;
};

}  // namespace gdpfs
