#include "open_writers.h"

#include <algorithm>

#include "error.h"

namespace gdpfs {

void OpenWriters::add(const std::shared_ptr<Writer>& writer) {
  const std::lock_guard lock(mutex_);
  writers_.push_back(writer);
}

void OpenWriters::remove(const Writer* writer) {
  const std::lock_guard lock(mutex_);
  const auto isIt = [&](const std::shared_ptr<Writer>& other) { return other.get() == writer; };
  writers_.erase(std::remove_if(writers_.begin(), writers_.end(), isIt), writers_.end());
}

/// A copy: a writer may be busy for long, and others need not wait for it here.
std::vector<std::shared_ptr<Writer>> OpenWriters::all() {
  const std::lock_guard lock(mutex_);
  return writers_;
}

std::vector<std::shared_ptr<Writer>> OpenWriters::at(const Path& path) {
  std::vector<std::shared_ptr<Writer>> found;
  for (auto& writer : all()) {
    if (writer->path() == path) found.push_back(writer);
  }
  return found;
}

std::vector<std::shared_ptr<Writer>> OpenWriters::below(const Path& directory) {
  std::vector<std::shared_ptr<Writer>> found;
  for (auto& writer : all()) {
    if (writer->path().isBelow(directory)) found.push_back(writer);
  }
  return found;
}

std::shared_ptr<Writer> OpenWriters::findHidden(const Path& path) {
  for (auto& writer : all()) {
    const Path other = writer->path();
    const bool isAt = path == other;
    if (!(isAt || path.isBelow(other)) || !writer->isHidden()) continue;
    if (isAt) return writer;
    throw Error("not_a_directory", "cannot find \"" + path.path + "\": \"" + other.path + "\" is not a directory");
  }
  return nullptr;
}

std::vector<std::string> OpenWriters::hiddenNames(const Path& directory) {
  std::vector<std::string> names;
  for (auto& writer : all()) {
    const Path path = writer->path();
    if (path.parent() == directory && !path.isRoot() && writer->isHidden()) {
      names.push_back(path.path.substr(path.path.rfind('/') + 1));
    }
  }
  return names;
}

}  // namespace gdpfs
