// What TensorFlow asks of a file system, in terms of volumes, and of the files that this process is writing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client.h"
#include "path.h"
#include "reader.h"
#include "writer.h"

namespace gdpfs {

class Operations {
 public:
  explicit Operations(Client& client) : client_(client) {}

  std::unique_ptr<Reader> openReader(const Path& path);
  std::shared_ptr<Writer> openWriter(const Path& path);
  std::shared_ptr<Writer> openAppender(const Path& path);

  Entry stat(const Path& path);
  std::vector<std::string> children(const Path& directory);
  /// URIs of what matches the pattern, in the order of names.
  std::vector<std::string> matching(std::string_view pattern);

  void createDirectory(const Path& path);
  void createDirectories(const Path& path);
  void removeFile(const Path& path);
  void removeDirectory(const Path& path);
  void removeTree(const Path& path);
  void rename(const Path& from, const Path& to);
  void copy(const Path& from, const Path& to);

 private:
  struct Found {
    bool isThere;
    Entry entry;
  };

  /// What is at a path; a path whose directory is missing is an error.
  Found findPlace(const Path& path);
  void requireFilePlace(const Path& path, const Found& found);
  void copyBytes(const Path& from, const Path& to);
  void publishAt(const Path& path);
  /// What was written at a path, or below it, is nobody's any more.
  void discardAt(const Path& path);
  std::shared_ptr<Writer> addWriter(const Path& path, WriteMode mode, SharedVersion base);

  Client& client_;
};

}  // namespace gdpfs
