// The next file of a data set, before it is opened.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>

#include "api.h"
#include "chunk_store.h"

namespace gdpfs {

/// Data sets lie in files whose names count, and are read one behind the other: at the end of each nothing would be on its
/// way. So when all of a file is, the first bytes of the one that is likely to follow are fetched: of the name that goes on
/// by steps of one, or by the step that the last three names had, or of number 1 behind number 0. May be used by any
/// number of threads.
class FilesAhead {
 public:
  FilesAhead(Api& api, ChunkStore& store) : api_(api), store_(store) {}

  /// A file is opened for reading. Was it foreseen, and its beginning fetched?
  bool noteOpened(const Path& path);
  /// All that a sequential reader of the file still needs is on its way.
  void noteEnd(const Path& path);

 private:
  /// Files that were opened one behind the other.
  struct Row {
    Path last;
    /// What would follow by the step that led to the last one, or behind the first; its path is empty: nothing.
    Path next;
    /// It is likely to follow.
    bool isLikely = false;
    /// It was fetched, and not opened so far: it counts as a reader.
    bool isFetched = false;
  };

  void fetch(const Path& path);
  void release(Row& row);

  Api& api_;
  ChunkStore& store_;
  std::mutex mutex_;
  /// The one that was used last comes first.
  std::list<Row> rows_;
};

}  // namespace gdpfs
