#include "writer.h"

#include <algorithm>

#include "error.h"
#include "limits.h"

namespace gdpfs {
namespace {

// What is gathered before boundaries are looked for.
constexpr std::size_t kSliceBytes = limits::kMib;

}  // namespace

Writer::Writer(const UploadParts& parts, ChunkStore& store, Path path, WriteMode mode, SharedVersion base)
    : parts_(parts), store_(store), mode_(mode), base_(std::move(base)), path_(std::move(path)) {
  if (base_ == nullptr) return;
  committedSize_ = base_->size;
  size_ = committedSize_;
  etag_ = base_->etag;
  isVisible_ = true;
  chunks_ = base_->chunks;
  tailStart_ = size_;
  committedChunks_ = chunks_.size();
  logRecords_ = chunks_.size();
  // The last chunk may be short, and content behind it may move its end: it is written again.
  if (chunks_.empty() || chunks_.back().end() != size_) return;
  pieces_ = {chunks_.back()};
  tailStart_ = chunks_.back().offset;
  chunks_.pop_back();
  committedChunks_ -= 1;
  hasTail_ = false;
  committedPieces_ = 1;
}

void Writer::append(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (isClosed_) throw Error("usage", "cannot write to \"" + path_.path + "\": it is closed");
  if (isDiscarded_) {
    size_ += bytes.size();
    return;
  }
  if (!bytes.empty()) loadTail();
  while (!bytes.empty()) {
    // Up to the end of a chunk, so that the next ones need not be gathered.
    const bool isInChunk = fixedChunkSize_ > tail_.size();
    const std::string_view slice = bytes.substr(0, isInChunk ? fixedChunkSize_ - tail_.size() : kSliceBytes);
    gather(slice);
    bytes.remove_prefix(slice.size());
  }
}

void Writer::gather(std::string_view bytes) {
  size_ += bytes.size();
  // Whole chunks of a large append need not be gathered first.
  if (tail_.empty() && pieces_.empty() && bytes.size() == fixedChunkSize_) {
    upload().add(tailStart_, bytes);
    tailStart_ += bytes.size();
    return;
  }
  tail_ += bytes;
  if (cutter_ == nullptr && tail_.size() <= limits::kSmallFileBytesMax) return;
  upload();
  cut();
}

/// Moves full chunks from the tail into the upload.
void Writer::cut() {
  std::size_t start = 0;
  while (true) {
    const std::string_view rest = std::string_view(tail_).substr(start);
    const std::size_t length = cutter_->cut(rest, cutterSeen_);
    if (length == 0) {
      cutterSeen_ = rest.size();
      break;
    }
    upload_->add(tailStart_, rest.substr(0, length));
    start += length;
    tailStart_ += length;
    cutterSeen_ = 0;
    forgetPieces();
  }
  tail_.erase(0, start);
}

void Writer::loadTail() {
  if (hasTail_) return;
  tail_ = store_.get(base_, base_->chunks.size() - 1)->view();
  hasTail_ = true;
}

Upload& Writer::upload() {
  if (upload_ == nullptr) use(std::make_unique<Upload>(parts_, path_));
  return *upload_;
}

Upload& Writer::use(std::unique_ptr<Upload> opened) {
  upload_ = std::move(opened);
  if (cutter_ != nullptr) return *upload_;
  Chunking chunking = upload_->chunking();
  // The size may come from the pieces of a file that was never closed.
  if (chunking.key.empty()) chunking.chunkSize = std::max<std::uint32_t>(chunking.chunkSize, limits::kCutBytesMin);
  cutter_ = makeCutter(chunking);
  fixedChunkSize_ = chunking.chunkSize;
  recordedChunkSize_ = chunking.recordedChunkSize();
  return *upload_;
}

void Writer::flush() {
  const std::lock_guard lock(mutex_);
  const auto age = std::chrono::steady_clock::now() - lastCommit_;
  if (mode_ == WriteMode::kOverwrite || isClosed_) return;
  if (isVisible_ && age < std::chrono::milliseconds(limits::kFlushIntervalMs)) return;
  commit(false);
}

void Writer::sync() { publish(); }

void Writer::publish() {
  const std::lock_guard lock(mutex_);
  if (mode_ != WriteMode::kOverwrite && !isClosed_) commit(false);
}

void Writer::close() {
  const std::lock_guard lock(mutex_);
  if (isClosed_) {
    if (closeFailure_ != nullptr) std::rethrow_exception(closeFailure_);
    return;
  }
  isClosed_ = true;
  try {
    commit(true);
  } catch (...) {
    closeFailure_ = std::current_exception();
    upload_ = nullptr;
    throw;
  }
}

void Writer::commit(bool isLast) {
  if (isDiscarded_) return;
  if (isCommitted() && !(isLast && pieces_.size() > 1)) return;
  const bool isSmall = upload_ == nullptr && chunks_.empty() && committedSize_ == 0 && tailStart_ == 0;
  if (isSmall) {
    etag_ = parts_.api.writeFile(path_, tail_, etag_);
  } else {
    commitChunks(isLast);
  }
  isVisible_ = true;
  committedSize_ = size_;
  lastCommit_ = std::chrono::steady_clock::now();
}

void Writer::commitChunks(bool isLast) {
  loadTail();
  const bool extends = canExtend();
  if (extends && upload_ == nullptr) use(std::make_unique<Upload>(parts_, path_, AppendBase{etag_, size_}));
  upload();
  cut();
  // In the end the tail is one chunk, as if it had been written at once.
  if ((isLast && pieces_.size() > 1) || pieces_.size() >= limits::kPiecesMax) forgetPieces();
  std::uint64_t pieceStart = pieces_.empty() ? tailStart_ : pieces_.back().end();
  if (isLast && pieceStart < size_ && !pieces_.empty()) {
    forgetPieces();
    pieceStart = tailStart_;
  }
  const bool hasPiece = pieceStart < size_;
  if (hasPiece) upload_->add(pieceStart, std::string_view(tail_).substr(pieceStart - tailStart_));
  std::vector<Chunk> sent = upload_->finish();
  if (hasPiece) {
    pieces_.push_back(sent.back());
    sent.pop_back();
  }
  chunks_.insert(chunks_.end(), sent.begin(), sent.end());
  std::vector<Chunk> all = chunks_;
  all.insert(all.end(), pieces_.begin(), pieces_.end());
  if (all.size() > limits::kFileRecordsMax - 2) {
    throw Error("body_too_large", "cannot write \"" + path_.path + "\": it has too many chunks",
                "write several files instead of one");
  }
  commitLog(all, extends);
}

/// The file goes on with the log that it has, unless that has become much longer than what it says.
bool Writer::canExtend() const {
  const std::size_t live = chunks_.size() + pieces_.size();
  return !etag_.empty() && logRecords_ < limits::kLogRecordsSlack + 2 * live;
}

void Writer::commitLog(const std::vector<Chunk>& all, bool extends) {
  // A full chunk replaces the pieces that were there.
  const std::size_t same = committedChunks_ + (chunks_.size() == committedChunks_ ? committedPieces_ : 0);
  const FileLog log = extends ? extendFileLog(all, same, size_) : makeFileLog(all, size_, recordedChunkSize_);
  // What was sent before is stored, and any upload may name it.
  if (extends && !upload_->isAppend()) use(std::make_unique<Upload>(parts_, path_, AppendBase{etag_, size_}));
  // Whatever becomes of it, its chunks are stored and known.
  const auto upload = std::move(upload_);
  upload->commit(log, size_, etag_);
  logRecords_ = extends ? logRecords_ + all.size() - same : all.size() + 1;
  committedChunks_ = chunks_.size();
  committedPieces_ = pieces_.size();
  etag_ = formatDigest(log.content);
}

void Writer::forgetPieces() {
  pieces_.clear();
  committedPieces_ = 0;
}

Path Writer::path() {
  const std::lock_guard lock(pathMutex_);
  return path_;
}

void Writer::moveTo(const Path& path) {
  const std::lock_guard lock(mutex_);
  {
    const std::lock_guard pathLock(pathMutex_);
    path_ = path;
  }
  if (upload_ == nullptr) return;
  // An upload is for one path; what it has is stored, and the next one may name it.
  const std::vector<Chunk> sent = upload_->finish();
  chunks_.insert(chunks_.end(), sent.begin(), sent.end());
  upload_ = nullptr;
}

void Writer::discard() {
  const std::lock_guard lock(mutex_);
  isDiscarded_ = true;
  upload_ = nullptr;
  tail_.clear();
}

}  // namespace gdpfs
