// Files that come whole when they are opened.
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "api.h"
#include "chunk_store.h"
#include "path.h"

namespace gdpfs {

/// A data set may be many files of one chunk each, and a checkpoint has some. The bytes of such a file come with its manifest,
/// unless it had bytes when it was opened last that are still held: then they would come in vain. May be used by any number
/// of threads.
class SmallFiles {
 public:
  SmallFiles(Api& api, ChunkStore& store) : api_(api), store_(store) {}

  /// As `Api::open` does.
  SharedVersion open(const Path& path);

 private:
  bool isHeld(std::size_t key);
  void note(std::size_t key, const FileVersion& version);

  Api& api_;
  ChunkStore& store_;
  std::mutex mutex_;
  /// By a hash of the path. Two paths may share one: then a file costs a request more, or comes in vain.
  std::unordered_map<std::size_t, Digest> known_;
};

}  // namespace gdpfs
