#include "reader.h"

#include <algorithm>
#include <cstring>

#include "error.h"
#include "limits.h"
#include "long_read.h"

namespace gdpfs {
namespace {

/// The first chunk that ends behind `offset`.
std::size_t chunkAt(const FileVersion& version, std::uint64_t offset) {
  const auto& chunks = version.chunks;
  if (chunks.empty()) return 0;
  // Chunks of one size are the rule.
  const std::size_t guess = std::min<std::size_t>(offset / chunks.front().length, chunks.size() - 1);
  if (chunks[guess].offset <= offset && offset < chunks[guess].end()) return guess;
  const auto found = std::upper_bound(chunks.begin(), chunks.end(), offset,
                                      [](std::uint64_t value, const Chunk& chunk) { return value < chunk.end(); });
  return static_cast<std::size_t>(found - chunks.begin());
}

/// Up to where two versions have the same chunks.
std::uint64_t sameBytes(const FileVersion& older, const FileVersion& newer) {
  std::size_t count = 0;
  const auto isSame = [&] {
    const Chunk& left = older.chunks[count];
    const Chunk& right = newer.chunks[count];
    return left.offset == right.offset && left.length == right.length && left.digest == right.digest;
  };
  while (count < older.chunks.size() && count < newer.chunks.size() && isSame()) count += 1;
  if (count < older.chunks.size()) return older.chunks[count].offset;
  return older.chunks.empty() ? 0 : older.chunks.back().end();
}

/// A long read fetches ahead like a sequential reader while it lasts.
class CountedRead {
 public:
  CountedRead(ChunkStore& store, bool isLong) : store_(store), count_(isLong ? 1 : 0) { store_.countReaders(count_); }
  ~CountedRead() { store_.countReaders(-count_); }
  CountedRead(const CountedRead&) = delete;
  CountedRead& operator=(const CountedRead&) = delete;

 private:
  ChunkStore& store_;
  const int count_;
};

}  // namespace

Reader::Reader(Api& api, ChunkStore& store, SharedVersion version, FilesAhead* ahead)
    : api_(api), store_(store), ahead_(ahead), version_(std::move(version)) {
  isFetched_ = ahead != nullptr && ahead->noteOpened(version_->path);
}

Reader::~Reader() {
  if (isCounted_) store_.countReaders(-1);
}

SharedVersion Reader::version() {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::size_t Reader::read(std::uint64_t offset, std::size_t length, char* buffer) {
  SharedVersion version = this->version();
  if (offset >= version->size && length > 0) {
    lookForMore();
    version = this->version();
  }
  if (offset >= version->size) return 0;
  const std::uint64_t end = offset + std::min<std::uint64_t>(length, version->size - offset);
  Stream stream = beginRead(*version, offset, end);
  const CountedRead counted(store_, end - offset > limits::kReadAheadBytesMin);
  std::uint64_t position = readAtOnce(*version, offset, end, buffer);
  const bool isLong = store_.isLong(end - position);
  if (position < end && !isLong) fetchAhead(version, position, end, stream);
  const auto& chunks = version->chunks;
  std::size_t index = chunkAt(*version, position);
  while (position < end) {
    char* const target = buffer + (position - offset);
    if (index == chunks.size() || position < chunks[index].offset) {
      // A hole.
      const std::uint64_t holeEnd = index == chunks.size() ? end : std::min(end, chunks[index].offset);
      std::memset(target, 0, holeEnd - position);
      position = holeEnd;
      continue;
    }
    const std::size_t whole = isLong && position == chunks[index].offset ? chunkAt(*version, end) : index;
    if (whole > index) {
      readLong(store_, version, index, whole, target);
      position = chunks[whole - 1].end();
      index = whole;
      continue;
    }
    const Chunk& chunk = chunks[index];
    const SharedBlock block = blockOf(version, index);
    const std::uint64_t partEnd = std::min(end, chunk.end());
    std::memcpy(target, block->bytes() + (position - chunk.offset), partEnd - position);
    position = partEnd;
    index += 1;
    // A long read goes on fetching while it copies.
    if (position < end && !isLong) fetchAhead(version, position, end, stream);
  }
  endRead(*version, stream);
  return end - offset;
}

std::uint64_t Reader::readAtOnce(const FileVersion& version, std::uint64_t offset, std::uint64_t end, char* buffer) {
  std::uint64_t position = offset;
  for (std::size_t index = chunkAt(version, offset); position < end; index += 1) {
    if (index == version.chunks.size() || position < version.chunks[index].offset) break;
    const Chunk& chunk = version.chunks[index];
    char* const target = buffer + (position - offset);
    if (position == chunk.offset && chunk.end() <= end) {
      if (!store_.readAtOnce(chunk, target)) break;
      position = chunk.end();
      continue;
    }
    const SharedBlock block = blockAtOnce(version, index);
    if (block == nullptr) break;
    const std::uint64_t partEnd = std::min(end, chunk.end());
    std::memcpy(target, block->bytes() + (position - chunk.offset), partEnd - position);
    position = partEnd;
  }
  return position;
}

SharedBlock Reader::blockAtOnce(const FileVersion& version, std::size_t chunk) {
  {
    const std::lock_guard lock(mutex_);
    if (lastVersion_ == &version && lastChunk_ == chunk && isLastAtOnce_) return lastBlock_;
  }
  SharedBlock block = store_.getAtOnce(version.chunks[chunk]);
  if (block != nullptr) keepLast(version, chunk, block, true);
  return block;
}

void Reader::keepLast(const FileVersion& version, std::size_t chunk, const SharedBlock& block, bool isAtOnce) {
  const std::lock_guard lock(mutex_);
  // Only of the version that is kept, so that no other can have its address.
  lastVersion_ = &version == version_.get() ? &version : nullptr;
  lastChunk_ = chunk;
  lastBlock_ = block;
  isLastAtOnce_ = isAtOnce;
}

void Reader::lookForMore() {
  SharedVersion older;
  {
    const std::lock_guard lock(mutex_);
    if (!hasSeenEnd_) {
      hasSeenEnd_ = true;
      return;
    }
    older = version_;
  }
  SharedVersion newer;
  try {
    newer = api_.open(older->path);
  } catch (const Error& error) {
    // Removed, or something else by now: the end stays the end.
    if (error.tensorflowCode() == TF_NOT_FOUND || error.tensorflowCode() == TF_FAILED_PRECONDITION) return;
    throw;
  }
  const std::uint64_t same = sameBytes(*older, *newer);
  if (newer->size <= older->size || older->size - same > limits::kRewrittenBytesMax) return;
  // What follows may have been written again: it must be what it was.
  std::string before(older->size - same, '\0');
  std::string after(before.size(), '\0');
  Reader(api_, store_, older).read(same, before.size(), before.data());
  Reader(api_, store_, newer).read(same, after.size(), after.data());
  if (before != after) return;
  const std::lock_guard lock(mutex_);
  version_ = newer;
  for (Stream& stream : streams_) stream.ahead = 0;
  lastVersion_ = nullptr;
}

SharedBlock Reader::blockOf(const SharedVersion& version, std::size_t chunk) {
  {
    const std::lock_guard lock(mutex_);
    if (lastVersion_ == version.get() && lastChunk_ == chunk) return lastBlock_;
  }
  SharedBlock block = store_.get(version, chunk);
  keepLast(*version, chunk, block, false);
  return block;
}

Reader::Stream Reader::beginRead(const FileVersion& version, std::uint64_t offset, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  reads_ += 1;
  const auto isAt = [&](const Stream& stream) { return stream.position == offset; };
  auto stream = std::find_if(streams_.begin(), streams_.end(), isAt);
  if (stream == streams_.end()) {
    stream = std::min_element(streams_.begin(), streams_.end(),
                              [](const Stream& left, const Stream& right) { return left.used < right.used; });
    *stream = {end, 0, chunkAt(version, offset), reads_};
    return *stream;
  }
  if (!isCounted_ && version.size > limits::kReadAheadBytesMin) {
    isCounted_ = true;
    store_.countReaders(1);
  }
  const std::size_t wanted = std::max(limits::kReadAheadBytesMin, limits::kReadAheadGrowth * stream->window);
  *stream = {end, std::min(store_.readAheadBytes(), wanted), stream->ahead, reads_};
  return *stream;
}

void Reader::endRead(const FileVersion& version, const Stream& stream) {
  const std::lock_guard lock(mutex_);
  if (version_.get() != &version) return;
  for (Stream& known : streams_) {
    if (known.position == stream.position) known.ahead = std::max(known.ahead, stream.ahead);
  }
}

void Reader::fetchAhead(const SharedVersion& version, std::uint64_t position, std::uint64_t end, Stream& stream) {
  const auto& chunks = version->chunks;
  // Of a long read, no more than may be ahead of anybody.
  const std::uint64_t needed = std::min(end, position + store_.readAheadBytes());
  const std::uint64_t target = std::min(version->size, std::max<std::uint64_t>(needed, position + stream.window));
  const std::size_t first = std::max(stream.ahead, chunkAt(*version, position));
  const std::size_t last = std::min(chunkAt(*version, target - 1) + 1, chunks.size());
  if (last <= first) return;
  const bool isWaitedFor = chunks[first].offset <= position;
  const bool isLast = target == version->size || target == end;
  // What only waits goes in large requests.
  const std::uint64_t enough = std::min<std::uint64_t>(limits::kBodyBytesTarget, (target - position) / 2);
  if (!isWaitedFor && !isLast && chunks[last - 1].end() - chunks[first].offset < enough) return;
  stream.ahead = last;
  // The reader fetches a single chunk itself.
  const bool isSingle = isWaitedFor && last - first == 1;
  const bool isNew = isSingle ? !store_.isKnown(chunks[first].digest) : store_.fetchAhead(version, first, last);
  if (isNew) isFetched_ = true;
  const bool isEnd = stream.window > 0 && last == chunks.size();
  if (isEnd && isFetched_ && ahead_ != nullptr) ahead_->noteEnd(version->path);
}

}  // namespace gdpfs
