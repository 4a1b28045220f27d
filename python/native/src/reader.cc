#include "reader.h"

#include <algorithm>
#include <cstring>

#include "limits.h"

namespace gdpfs {

Reader::Reader(ChunkStore& store, SharedVersion version) : store_(store), version_(std::move(version)) {}

Reader::~Reader() {
  if (isCounted_) store_.countReaders(-1);
}

std::size_t Reader::chunkAt(std::uint64_t offset) const {
  const auto& chunks = version_->chunks;
  if (chunks.empty()) return 0;
  // Chunks of one size are the rule.
  const std::size_t guess = std::min<std::size_t>(offset / chunks.front().length, chunks.size() - 1);
  if (chunks[guess].offset <= offset && offset < chunks[guess].end()) return guess;
  const auto found = std::upper_bound(chunks.begin(), chunks.end(), offset,
                                      [](std::uint64_t value, const Chunk& chunk) { return value < chunk.end(); });
  return static_cast<std::size_t>(found - chunks.begin());
}

std::size_t Reader::read(std::uint64_t offset, std::size_t length, char* buffer) {
  if (offset >= size()) return 0;
  const std::uint64_t end = std::min<std::uint64_t>(size(), offset + std::min<std::uint64_t>(length, size()));
  noteRead(offset, end);
  fetchAhead(offset, end);
  const auto& chunks = version_->chunks;
  std::size_t index = chunkAt(offset);
  for (std::uint64_t position = offset; position < end;) {
    char* const target = buffer + (position - offset);
    if (index == chunks.size() || position < chunks[index].offset) {
      // A hole.
      const std::uint64_t holeEnd = index == chunks.size() ? end : std::min(end, chunks[index].offset);
      std::memset(target, 0, holeEnd - position);
      position = holeEnd;
      continue;
    }
    const Chunk& chunk = chunks[index];
    const SharedBlock block = blockOf(index);
    const std::uint64_t partEnd = std::min(end, chunk.end());
    std::memcpy(target, block->bytes.get() + (position - chunk.offset), partEnd - position);
    position = partEnd;
    index += 1;
    // A long read goes on fetching while it copies.
    if (position < end) fetchAhead(position, end);
  }
  return end - offset;
}

SharedBlock Reader::blockOf(std::size_t chunk) {
  {
    const std::lock_guard lock(mutex_);
    if (lastBlock_ != nullptr && lastChunk_ == chunk) return lastBlock_;
  }
  SharedBlock block = store_.get(version_, chunk);
  const std::lock_guard lock(mutex_);
  lastChunk_ = chunk;
  lastBlock_ = block;
  return block;
}

void Reader::noteRead(std::uint64_t offset, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  const bool goesOn = offset == position_;
  position_ = end;
  if (!goesOn) {
    window_ = 0;
    ahead_ = chunkAt(offset);
    return;
  }
  if (!isCounted_ && size() > limits::kReadAheadBytesMin) {
    isCounted_ = true;
    store_.countReaders(1);
  }
  window_ = std::min(store_.readAheadBytes(), std::max(limits::kReadAheadBytesMin, 2 * window_));
}

void Reader::fetchAhead(std::uint64_t position, std::uint64_t end) {
  const auto& chunks = version_->chunks;
  std::size_t first;
  std::size_t last;
  {
    const std::lock_guard lock(mutex_);
    // Of a long read, no more than may be ahead of anybody.
    const std::uint64_t needed = std::min(end, position + store_.readAheadBytes());
    const std::uint64_t target = std::min(size(), std::max<std::uint64_t>(needed, position + window_));
    first = std::max(ahead_, chunkAt(position));
    last = std::min(chunkAt(target - 1) + 1, chunks.size());
    if (last <= first) return;
    const bool isNeeded = chunks[first].offset < needed;
    // What only waits goes in large requests.
    const std::uint64_t enough = std::min<std::uint64_t>(limits::kBodyBytesTarget, window_ / 2);
    if (!isNeeded && last < chunks.size() && chunks[last - 1].end() - chunks[first].offset < enough) return;
    ahead_ = last;
    // The reader fetches a single chunk itself.
    if (isNeeded && last - first == 1) return;
  }
  store_.fetchAhead(version_, first, last);
}

}  // namespace gdpfs
