// A file that is open for reading.
#pragma once

#include <cstdint>
#include <mutex>

#include "chunk_store.h"

namespace gdpfs {

/// One version of a file: what is read stays the same when the path gets another one. A file that was only appended to
/// grows, for those who read at its end again: so logs are followed. May be used by any number of threads.
class Reader {
 public:
  Reader(Api& api, ChunkStore& store, SharedVersion version);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::uint64_t size() { return version()->size; }
  /// Bytes read: fewer than `length` only at the end of the file.
  std::size_t read(std::uint64_t offset, std::size_t length, char* buffer);

 private:
  SharedVersion version();
  /// Somebody reads at the end again: has the file grown?
  void lookForMore();
  /// A read from `offset` to `end` begins.
  void noteRead(const FileVersion& version, std::uint64_t offset, std::uint64_t end);
  /// Sees to it that what a read needs from `position` to `end` is on its way, and more if the reader goes forward.
  void fetchAhead(const SharedVersion& version, std::uint64_t position, std::uint64_t end);
  SharedBlock blockOf(const SharedVersion& version, std::size_t chunk);

  Api& api_;
  ChunkStore& store_;

  std::mutex mutex_;
  SharedVersion version_;
  /// A read has begun at the end. Most readers do that once, and it costs no request.
  bool hasSeenEnd_ = false;
  /// Where the last read ended.
  std::uint64_t position_ = 0;
  /// Bytes to have ahead of it: 0 while reads jump about.
  std::size_t window_ = 0;
  /// The first chunk that was not yet asked for ahead.
  std::size_t ahead_ = 0;
  bool isCounted_ = false;
  /// What was read last: small reads come in rows.
  const FileVersion* lastVersion_ = nullptr;
  std::size_t lastChunk_ = 0;
  SharedBlock lastBlock_;
};

}  // namespace gdpfs
