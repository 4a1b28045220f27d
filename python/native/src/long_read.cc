#include "long_read.h"

#include <algorithm>
#include <cstring>

#include "limits.h"

namespace gdpfs {
namespace {

/// Whoever has time takes the next request, until there are none or one has failed.
class LongRead {
 public:
  LongRead(ChunkStore& store, SharedVersion version, std::size_t first, std::size_t end, char* buffer)
      : store_(store), version_(std::move(version)), start_(version_->chunks[first].offset), end_(end), buffer_(buffer),
        next_(first) {}

  /// The reader's own part; when it returns nobody else touches the buffer any more.
  void run() {
    work();
    std::unique_lock lock(mutex_);
    isOver_ = true;
    isIdle_.wait(lock, [&] { return helpers_ == 0; });
    if (failure_ != nullptr) std::rethrow_exception(failure_);
  }

  /// That of a thread which may come too late.
  void help() {
    {
      const std::lock_guard lock(mutex_);
      if (isOver_) return;
      helpers_ += 1;
    }
    work();
    const std::lock_guard lock(mutex_);
    helpers_ -= 1;
    isIdle_.notify_all();
  }

 private:
  class IntoBuffer : public ChunkTarget {
   public:
    IntoBuffer(LongRead& read, const std::vector<std::size_t>& chunks) : read_(read), chunks_(chunks) {}
    char* place(std::size_t position, std::size_t) override { return read_.placeOf(chunks_[position]); }
    void take(std::size_t) override {}

   private:
    LongRead& read_;
    const std::vector<std::size_t>& chunks_;
  };

  void work() {
    for (std::vector<std::size_t> chunks; takeNext(chunks);) {
      try {
        fetch(chunks);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
      }
    }
  }

  /// The chunks of the next request; false if there are no more.
  bool takeNext(std::vector<std::size_t>& chunks) {
    const std::lock_guard lock(mutex_);
    chunks.clear();
    if (failure_ != nullptr) return false;
    for (std::size_t bytes = 0; next_ < end_ && chunks.size() < limits::kRangesMax; next_ += 1) {
      bytes += version_->chunks[next_].length;
      if (bytes > limits::kBodyBytesTarget && !chunks.empty()) break;
      chunks.push_back(next_);
    }
    return !chunks.empty();
  }

  void fetch(const std::vector<std::size_t>& chunks) {
    std::vector<std::size_t> missing;
    for (const std::size_t index : chunks) {
      const Chunk& chunk = version_->chunks[index];
      clearHoleBehind(index);
      if (!store_.isKnown(chunk.digest)) {
        missing.push_back(index);
        continue;
      }
      const SharedBlock block = store_.get(version_, index);
      std::memcpy(placeOf(index), block->bytes(), chunk.length);
    }
    IntoBuffer target(*this, missing);
    if (!missing.empty()) store_.fetchFromServer(*version_, missing, target);
  }

  void clearHoleBehind(std::size_t index) {
    if (index + 1 == end_) return;
    const std::uint64_t hole = version_->chunks[index].end();
    std::memset(buffer_ + (hole - start_), 0, version_->chunks[index + 1].offset - hole);
  }

  char* placeOf(std::size_t index) const { return buffer_ + (version_->chunks[index].offset - start_); }

  ChunkStore& store_;
  const SharedVersion version_;
  /// Of the first chunk, in the file: that is where the buffer begins.
  const std::uint64_t start_;
  const std::size_t end_;
  char* const buffer_;

  std::mutex mutex_;
  std::condition_variable isIdle_;
  std::size_t next_;
  std::size_t helpers_ = 0;
  bool isOver_ = false;
  std::exception_ptr failure_;
};

}  // namespace

void readLong(ChunkStore& store, const SharedVersion& version, std::size_t first, std::size_t end, char* buffer) {
  const auto read = std::make_shared<LongRead>(store, version, first, end, buffer);
  const std::uint64_t bytes = version->chunks[end - 1].end() - version->chunks[first].offset;
  const auto helpers = std::min<std::uint64_t>(bytes / limits::kBodyBytesTarget, limits::kWorkersMax);
  for (std::size_t count = 0; count < helpers; count += 1) {
    store.workers().run([read] { read->help(); });
  }
  read->run();
}

}  // namespace gdpfs
