// Chunks on their way to the server, and the commit that makes a file of them.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api.h"
#include "file_log.h"
#include "workers.h"

namespace gdpfs {

/// Bounds the bodies that all uploads of the process hold while they are hashed and sent.
class BodyBudget {
 public:
  /// Waits for its turn.
  void take();
  void release();

 private:
  std::mutex mutex_;
  std::condition_variable isFree_;
  std::size_t inFlight_ = 0;
};

/// What uploads share.
struct UploadParts {
  Api& api;
  Workers& workers;
  BodyBudget& budget;
};

/// One upload. For one thread at a time. If it is dropped without a commit, nobody ever sees what was sent.
class Upload {
 public:
  Upload(const UploadParts& parts, Path path);
  /// Waits for what is on its way.
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  const Chunking& chunking() const { return chunking_; }
  /// `bytes` at `offset` become a chunk; waits while too much is on its way. Chunks are added in ascending order.
  void add(std::uint64_t offset, std::string_view bytes);
  /// All that was added is durable: these are the chunks. Throws what failed.
  std::vector<Chunk> finish();
  /// Makes the file of chunks that are stored. `ifMatch` may be empty. Throws `changed`.
  void commit(const FileLog& log, std::uint64_t size, const std::string& ifMatch);

 private:
  void dispatch();
  void sendBody(std::string& frames, std::size_t firstChunk);
  void open();
  std::string id();

  const UploadParts parts_;
  const Path path_;
  Chunking chunking_;
  /// Frames whose headers the sender fills in.
  std::string body_;
  std::size_t bodyFirst_ = 0;

  std::mutex mutex_;
  std::condition_variable isIdle_;
  std::string id_;
  std::vector<Chunk> chunks_;
  std::size_t bodiesInFlight_ = 0;
  std::exception_ptr failure_;
};

}  // namespace gdpfs
