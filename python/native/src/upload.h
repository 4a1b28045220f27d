// Chunks on their way to the server, and the commit that makes a file of them.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api.h"
#include "chunk_store.h"
#include "file_log.h"
#include "frame_body.h"
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
  ChunkStore& store;
  Workers& senders;
  BodyBudget& budget;
};

/// One upload. For one thread at a time. If it is dropped without a commit, nobody ever sees what was sent.
class Upload {
 public:
  /// Of a new content, or of one that goes on with what `base` says.
  Upload(const UploadParts& parts, Path path, const AppendBase& base = {});
  /// Waits for what is on its way.
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  const Chunking& chunking() const { return chunking_; }
  bool isAppend() const { return !base_.content.empty(); }
  /// `bytes` at `offset` become a chunk; waits while too much is on its way. Chunks are added in ascending order.
  void add(std::uint64_t offset, std::string_view bytes);
  /// All that was added is durable: these are the chunks. Throws what failed.
  std::vector<Chunk> finish();
  /// Makes the file of chunks that are stored. `ifMatch` may be empty. Throws `changed`.
  void commit(const FileLog& log, std::uint64_t size, const std::string& ifMatch);

 private:
  void dispatch();
  void sendBody(FrameBody& body, std::size_t firstChunk);
  void send(const std::string& upload, FrameBody& body);
  OpenUpload open() const;
  std::string id();

  const UploadParts parts_;
  const Path path_;
  const AppendBase base_;
  Chunking chunking_;
  bool isUnsummed_ = false;
  /// What is gathered for the next request.
  std::shared_ptr<FrameBody> body_;
  std::size_t bodyFirst_ = 0;

  std::mutex mutex_;
  std::condition_variable isIdle_;
  std::string id_;
  std::vector<Chunk> chunks_;
  std::size_t bodiesInFlight_ = 0;
  std::exception_ptr failure_;
};

}  // namespace gdpfs
