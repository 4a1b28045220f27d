// A file that is open for reading.
#pragma once

#include <cstdint>
#include <mutex>

#include "chunk_store.h"

namespace gdpfs {

/// One version of a file: what is read stays the same when the path gets another one. May be used by any number of
/// threads.
class Reader {
 public:
  Reader(ChunkStore& store, SharedVersion version);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::uint64_t size() const { return version_->size; }
  const FileVersion& version() const { return *version_; }
  /// Bytes read: fewer than `length` only at the end of the file.
  std::size_t read(std::uint64_t offset, std::size_t length, char* buffer);

 private:
  /// The first chunk that ends behind `offset`.
  std::size_t chunkAt(std::uint64_t offset) const;
  /// A read from `offset` to `end` begins.
  void noteRead(std::uint64_t offset, std::uint64_t end);
  /// Sees to it that what a read needs from `position` to `end` is on its way, and more if the reader goes forward.
  void fetchAhead(std::uint64_t position, std::uint64_t end);
  SharedBlock blockOf(std::size_t chunk);

  ChunkStore& store_;
  const SharedVersion version_;

  std::mutex mutex_;
  /// Where the last read ended.
  std::uint64_t position_ = 0;
  /// Bytes to have ahead of it: 0 while reads jump about.
  std::size_t window_ = 0;
  /// The first chunk that was not yet asked for ahead.
  std::size_t ahead_ = 0;
  bool isCounted_ = false;
  /// What was read last: small reads come in rows.
  std::size_t lastChunk_ = 0;
  SharedBlock lastBlock_;
};

}  // namespace gdpfs
