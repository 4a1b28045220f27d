// Everything that the files of this process share.
#pragma once

#include <cstdint>
#include <string>

#include "api.h"
#include "chunk_store.h"
#include "disk_cache.h"
#include "files_ahead.h"
#include "http.h"
#include "open_writers.h"
#include "small_files.h"
#include "upload.h"
#include "workers.h"

namespace gdpfs {

/// What the environment says: GDPFS_MEMORY_SIZE, GDPFS_CACHE_DIR, GDPFS_CACHE_SIZE.
struct CacheSettings {
  std::size_t memoryBytes;
  std::string diskDirectory;
  std::uint64_t diskBytes;

  /// Throws `usage` for a size that is none.
  static CacheSettings fromEnvironment();
};

/// Bytes: a number, and `K`, `M`, `G` or `T` behind it. Throws `usage`.
std::uint64_t parseSize(const std::string& name, const std::string& text);

class Client {
 public:
  /// Of this process, for the environment as it is now. A client that was made stays until the process ends: threads
  /// work for it.
  static Client& current();
  /// Changes in a child after a fork, which has none of the parent's threads: what was opened before cannot be used.
  static int generation();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Api& api() { return api_; }
  ChunkStore& chunks() { return chunks_; }
  FilesAhead& filesAhead() { return filesAhead_; }
  SmallFiles& smallFiles() { return smallFiles_; }
  OpenWriters& writers() { return writers_; }
  const Distance& distance() const { return http_.distance(); }
  /// Threads that may fetch, by what is known of the server so far.
  std::size_t fetchersMax() const;
  UploadParts uploadParts() { return {api_, chunks_, senders_, budget_}; }

 private:
  Client(Home home, const CacheSettings& settings);

  Http http_;
  Api api_;
  Workers fetchers_;
  Workers senders_;
  DiskCache disk_;
  ChunkStore chunks_;
  FilesAhead filesAhead_;
  SmallFiles smallFiles_;
  BodyBudget budget_;
  OpenWriters writers_;
};

}  // namespace gdpfs
