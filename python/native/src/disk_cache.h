// Chunks on the local disk, by digest: off unless GDPFS_CACHE_DIR names a folder.
//
// Any number of processes share a folder without locks: a file appears by rename, whole; every read is verified, so
// that damage is only a miss; removing what another process is about to read costs that process a request.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "block.h"

namespace gdpfs {

class DiskCache {
 public:
  /// `directory` empty: caches nothing. `bytesMax` may be exceeded by a sixteenth for each process that writes.
  DiskCache(std::string directory, std::uint64_t bytesMax);

  bool isOn() const { return !directory_.empty(); }
  /// Null if it is not there, or not what it should be.
  SharedBlock read(const Digest& digest, std::size_t length);
  /// Never fails: a cache that cannot be written, because the disk is full, is no error.
  void write(const Digest& digest, std::string_view bytes);

 private:
  std::string fileOf(const Digest& digest) const;
  void evict();

  const std::string directory_;
  const std::uint64_t bytesMax_;
  /// Written since this process last looked how much there is. Begins so that the first write looks.
  std::atomic<std::uint64_t> unchecked_;
  std::mutex evicting_;
};

}  // namespace gdpfs
