// What this process is writing, so that it sees its own files before others do.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "writer.h"

namespace gdpfs {

class OpenWriters {
 public:
  void add(const std::shared_ptr<Writer>& writer);
  void remove(const Writer* writer);

  /// Those of a path, and of what is below it.
  std::vector<std::shared_ptr<Writer>> at(const Path& path);
  std::vector<std::shared_ptr<Writer>> below(const Path& directory);

  /// The file that only this process knows of at `path`; null if there is none. Throws `not_a_directory` if `path` is
  /// below such a file.
  std::shared_ptr<Writer> findHidden(const Path& path);
  /// Names of such files in a directory.
  std::vector<std::string> hiddenNames(const Path& directory);

 private:
  std::vector<std::shared_ptr<Writer>> all();

  std::mutex mutex_;
  std::vector<std::shared_ptr<Writer>> writers_;
};

}  // namespace gdpfs
