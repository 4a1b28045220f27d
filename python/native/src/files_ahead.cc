#include "files_ahead.h"

#include <algorithm>

#include "error.h"
#include "limits.h"
#include "numbered_names.h"

namespace gdpfs {
namespace {

NextName nextOf(const Path& before, const Path& last) {
  return before.volume == last.volume ? nextName(before.path, last.path) : NextName();
}

}  // namespace

bool FilesAhead::noteOpened(const Path& path) {
  const std::lock_guard lock(mutex_);
  auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& known) {
    return known.last == path || nextOf(known.last, path).step > 0;
  });
  if (row == rows_.end()) {
    if (rows_.size() == limits::kFileRowsMax) {
      release(rows_.back());
      rows_.pop_back();
    }
    const NextName second = secondName(path.path);
    rows_.push_front({path, {path.volume, second.name}, second.step > 0, false});
    return false;
  }
  rows_.splice(rows_.begin(), rows_, row);
  if (row->last == path) return false;
  const bool wasFetched = row->isFetched && row->next == path;
  release(*row);
  const NextName next = nextOf(row->last, path);
  row->isLikely = next.step == 1 || row->next == path;
  row->last = path;
  row->next = {path.volume, next.name};
  return wasFetched;
}

void FilesAhead::noteEnd(const Path& path) {
  Path next;
  {
    const std::lock_guard lock(mutex_);
    const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& known) {
      return known.last == path || nextOf(path, known.last).step > 0;
    });
    if (row == rows_.end() || !row->isLikely || row->isFetched) return;
    row->isFetched = true;
    store_.countReaders(1);
    next = row->next;
  }
  store_.workers().run([this, next] { fetch(next); });
}

void FilesAhead::fetch(const Path& path) {
  try {
    const auto version = api_.open(path);
    const std::uint64_t bytes = std::min<std::uint64_t>(version->size, store_.readAheadBytes());
    std::size_t end = 0;
    while (end < version->chunks.size() && version->chunks[end].end() <= bytes) end += 1;
    store_.fetchAhead(version, 0, end);
  } catch (const std::exception&) {
    // There is none, or it cannot be read: whoever opens it will see. Nobody reads it meanwhile.
    const std::lock_guard lock(mutex_);
    for (Row& row : rows_) {
      if (!row.isFetched || !(row.next == path)) continue;
      release(row);
      row.isLikely = false;
    }
  }
}

void FilesAhead::release(Row& row) {
  if (row.isFetched) store_.countReaders(-1);
  row.isFetched = false;
}

}  // namespace gdpfs
