#include "small_files.h"

#include <functional>
#include <string>

#include "limits.h"

namespace gdpfs {

SharedVersion SmallFiles::open(const Path& path) {
  const std::size_t key = std::hash<std::string>()(path.uri());
  OpenedFile opened = api_.openInline(path, isHeld(key) ? 0 : limits::kInlineBytesMax);
  note(key, *opened.version);
  // What is not the file's is left out: whoever reads it asks for it, and the server looks at it closely.
  if (!opened.content.empty()) store_.keepReceived(opened.version->chunks.front().digest, opened.content);
  return std::move(opened.version);
}

bool SmallFiles::isHeld(std::size_t key) {
  Digest digest;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found == known_.end()) return false;
    digest = found->second;
  }
  return store_.isHeld(digest);
}

void SmallFiles::note(std::size_t key, const FileVersion& version) {
  const std::lock_guard lock(mutex_);
  if (version.chunks.size() != 1 || version.size > limits::kInlineBytesMax) {
    known_.erase(key);
    return;
  }
  if (known_.size() >= limits::kInlineFilesMax && known_.count(key) == 0) known_.erase(known_.begin());
  known_[key] = version.chunks.front().digest;
}

}  // namespace gdpfs
