// Chunks on the local disk, by digest: off unless GDPFS_CACHE_DIR names a folder.
//
// Any number of processes share a folder without locks: a file appears by rename, whole; every read is verified, so
// that damage is only a miss; removing what another process is about to read costs that process a request. A thread
// writes; who reads never waits for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "block.h"
#include "seals.h"
#include "workers.h"

namespace gdpfs {

class DiskCache {
 public:
  /// `directory` empty: caches nothing. `bytesMax` may be exceeded by a sixteenth for each process that writes.
  DiskCache(std::string directory, std::uint64_t bytesMax);

  bool isOn() const { return !directory_.empty(); }
  /// Is there something by that name?
  bool has(const Digest& digest) const;
  /// Null if it is not there, or not what it should be.
  SharedBlock read(const Digest& digest, std::size_t length);
  /// The same into `bytes`, if it needs no waiting: this process has a seal for it, and the system has it in memory.
  bool readAtOnce(const Digest& digest, char* bytes, std::size_t length);
  /// It is written soon, unless too much waits already. Never fails: a cache that cannot be written, because the disk is
  /// full, is no error.
  void add(const Digest& digest, SharedBlock block);
  /// The process ends: what waits is not written.
  void stop() { writer_.stop(); }

 private:
  std::string fileOf(const Digest& digest) const;
  void write(const Digest& digest, std::string_view bytes);
  void evict();

  const std::string directory_;
  const std::uint64_t bytesMax_;
  Seals seals_;
  /// Bytes that wait to be written.
  std::atomic<std::size_t> waiting_{0};
  Workers writer_{[] { return std::size_t{1}; }};
  /// Written since this process last looked how much there is. Begins so that the first write looks. Of the writer.
  std::uint64_t unchecked_;
};

}  // namespace gdpfs
