// The requests that the plugin makes: api/openapi.yaml.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chunk.h"
#include "chunking.h"
#include "file_log.h"
#include "http.h"
#include "path.h"
#include "volume_trust.h"

namespace gdpfs {

enum class Kind { kFile = 1, kDirectory = 2, kLink = 3 };

struct Entry {
  Kind kind = Kind::kDirectory;
  std::uint64_t size = 0;
  std::int64_t mtimeUs = 0;
};

struct NamedEntry {
  std::string name;
  Entry entry;
};

/// One version of a file, verified: its chunks add up to its ETag.
struct FileVersion {
  Path path;
  std::string etag;
  std::uint64_t size = 0;
  /// The record that made it.
  std::uint64_t seq = 0;
  std::vector<Chunk> chunks;
  /// The path has another version by now, or none: ask for the state that had this one.
  mutable std::atomic<bool> isPast{false};
};

struct OpenedFile {
  std::shared_ptr<const FileVersion> version;
  /// Of its only chunk; empty: they did not come.
  std::string content;
};

struct OpenUpload {
  std::string id;
  Chunking chunking;
  /// The server computes checksums: nobody else need do it.
  bool isUnsummed = false;
};

/// What an append goes on with, and how large the file is afterwards.
struct AppendBase {
  /// Its ETag; empty: nothing.
  std::string content;
  std::uint64_t size = 0;
};

struct UploadCommit {
  std::string upload;
  std::uint64_t size = 0;
  const FileLog& log;
};

class Api {
 public:
  explicit Api(Http& http) : http_(http), trust_(http) {}

  /// Throws `not_found`, `not_a_directory` if a file is used as a directory.
  Entry stat(const Path& path);
  /// The entries of a directory; of `gdp://`, the volumes.
  std::vector<NamedEntry> list(const Path& directory);

  std::shared_ptr<const FileVersion> open(const Path& path) { return openInline(path, 0).version; }
  /// The same, and the bytes of a file that is one chunk of at most `bytesMax`, if the server sends them: nobody has compared
  /// them with their digest.
  OpenedFile openInline(const Path& path, std::size_t bytesMax);
  /// Frames of those chunks, neighbors named together.
  void readChunks(const FileVersion& version, const std::vector<std::size_t>& chunks, bool verify, BodySink& sink);

  void createDirectory(const Path& path, bool parents);
  /// `only` is `file`, `directory` or empty.
  void remove(const Path& path, const char* only, bool recursive);
  void rename(const Path& from, const Path& to);
  void copy(const Path& from, const Path& to);

  /// The whole file in one request; its ETag. `ifMatch` may be empty.
  std::string writeFile(const Path& path, std::string_view content, const std::string& ifMatch);
  /// For a file whose size only its commit says.
  OpenUpload openUpload(const Path& path);
  /// For a file that goes on. Throws `changed` if there is another content by now.
  OpenUpload openAppend(const Path& path, const AppendBase& base);
  void sendChunks(const std::string& upload, const BodySource& frames);
  /// The same without checksums, if the upload may do so; returns those that the server has computed, of `count` chunks.
  std::vector<std::uint32_t> sendUnsummedChunks(const std::string& upload, const BodySource& frames, std::size_t count);
  void commit(const Path& path, const UploadCommit& commit, const std::string& ifMatch);

 private:
  /// `/<volume>/<path>`, the volume by its own name, once it has shown that it is the one it was.
  std::string apiPath(const Path& path);
  /// The same of what is to be changed. Throws `read_only` for a state of the past.
  std::string pathNow(const Path& path);
  /// Of what is looked at: its path, and `at` if it is pinned.
  std::vector<std::pair<const char*, std::string>> placeOf(const Path& path);
  OpenUpload openTransfer(const Path& path, const AppendBase& base);
  Answer postChunks(const std::string& upload, const BodySource& frames, bool isUnsummed);
  /// Renames or copies.
  void putElsewhere(const char* operation, const Path& from, const Path& to);
  void listPages(const Path& directory, const std::function<void(std::string_view page)>& take);

  Http& http_;
  VolumeTrust trust_;
};

}  // namespace gdpfs
