// A file that is open for writing.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "chunk_store.h"
#include "chunking.h"
#include "upload.h"

namespace gdpfs {

/// What others see of a file while it is written.
enum class WriteMode {
  /// There was nothing at the path: the file appears at the first flush, sync or close.
  kNew,
  /// There was a file: it stays as it is until close.
  kOverwrite,
  /// There was a file: it grows at each flush, sync or close.
  kAppend,
};

/// Small appends are gathered. A small file is one request; of a large one the full chunks are sent while it is
/// written, and a commit names them. A writer holds at most a chunk and a body, and what `BodyBudget` allows.
///
/// TensorFlow uses it from one thread at a time; the process may look at it, which waits for nothing, or move or drop it
/// meanwhile.
class Writer {
 public:
  /// `base` is what an append continues.
  Writer(const UploadParts& parts, ChunkStore& store, Path path, WriteMode mode, SharedVersion base);

  void append(std::string_view bytes);
  /// Bytes so far.
  std::uint64_t size() const { return size_; }
  /// Shows others what was appended; soon after another commit it does nothing.
  void flush();
  /// Shows others what was appended, durably.
  void sync();
  /// The file is what was appended. Again: nothing, or the failure of the first time.
  void close();

  Path path();
  /// Is this a file that only this process knows of, so far?
  bool isHidden() const { return !isVisible_ && !isDiscarded_ && mode_ == WriteMode::kNew; }
  /// Has it shown others something, so far?
  bool isVisible() const { return isVisible_; }
  /// As `sync`, but a file that is being overwritten stays hidden.
  void publish();
  /// The file has another path by now.
  void moveTo(const Path& path);
  /// The file was removed or replaced: what is written to it is nobody's.
  void discard();

 private:
  void loadTail();
  Upload& upload();
  Upload& use(std::unique_ptr<Upload> opened);
  bool canExtend() const;
  void cut();
  void forgetPieces();
  void gather(std::string_view bytes);
  void commit(bool isLast);
  void commitChunks(bool isLast);
  void commitLog(const std::vector<Chunk>& all, bool extends);
  bool isCommitted() const { return isVisible_ && committedSize_ == size_; }

  const UploadParts parts_;
  ChunkStore& store_;
  const WriteMode mode_;
  SharedVersion base_;

  /// Held while the server is waited for.
  std::mutex mutex_;
  /// Changes with both held, so that who holds one may read it.
  Path path_;
  std::mutex pathMutex_;
  std::atomic<std::uint64_t> size_{0};
  /// Full chunks that are stored, from 0 up to `tailStart_` less what `upload_` has.
  std::vector<Chunk> chunks_;
  /// What comes behind them. It is stored, as far as it is, in pieces that the next full chunk replaces.
  std::uint64_t tailStart_ = 0;
  std::string tail_;
  std::vector<Chunk> pieces_;
  /// What the log at the server has of both, and its records as far as this writer knows.
  std::size_t committedChunks_ = 0;
  std::size_t committedPieces_ = 0;
  std::size_t logRecords_ = 0;
  /// The tail of an appended file is fetched when it is needed.
  bool hasTail_ = true;
  std::unique_ptr<Cutter> cutter_;
  std::size_t cutterSeen_ = 0;
  /// 0: by content, or not known yet.
  std::size_t fixedChunkSize_ = 0;
  std::uint32_t recordedChunkSize_ = 0;
  std::unique_ptr<Upload> upload_;
  /// What the server has of this file.
  std::string etag_;
  std::atomic<bool> isVisible_{false};
  std::uint64_t committedSize_ = 0;
  std::chrono::steady_clock::time_point lastCommit_;
  std::atomic<bool> isDiscarded_{false};
  bool isClosed_ = false;
  std::exception_ptr closeFailure_;
};

}  // namespace gdpfs
