#include "chunk_store.h"

#include <algorithm>
#include <cstring>

#include "digest.h"
#include "error.h"
#include "limits.h"

namespace gdpfs {

/// Some chunks of one file on their way. Whoever claims it first fetches them: a worker, or a reader that cannot wait.
struct ChunkStore::Fetch {
  SharedVersion version;
  std::vector<std::size_t> chunks;
  /// As they come.
  std::vector<SharedBlock> blocks;
  bool isClaimed = false;
  bool isDone = false;
  std::exception_ptr failure;
  std::condition_variable done;
};

ChunkStore::ChunkStore(Api& api, DiskCache& disk, Workers& workers, std::size_t bytesMax)
    : api_(api), disk_(disk), workers_(workers), bytesMax_(bytesMax) {}

std::size_t ChunkStore::readAheadBytes() const {
  const auto readers = static_cast<std::size_t>(std::max(1, readers_.load()));
  return std::min(limits::kReadAheadBytesMax, bytesMax_ / limits::kReadAheadShare / readers);
}

SharedBlock ChunkStore::get(const SharedVersion& version, std::size_t chunk) {
  const Digest& digest = version->chunks[chunk].digest;
  std::shared_ptr<Fetch> fetch;
  std::size_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(digest);
    if (found == slots_.end()) {
      std::size_t next = 0;
      fetch = plan(version, chunk, chunk + 1, next);
    } else if (found->second.block != nullptr) {
      order_.splice(order_.begin(), order_, found->second.place);
      return found->second.block;
    } else {
      fetch = found->second.fetch;
      index = found->second.indexInFetch;
    }
  }
  runIfUnclaimed(fetch);
  std::unique_lock lock(mutex_);
  fetch->done.wait(lock, [&] { return fetch->isDone || fetch->blocks[index] != nullptr; });
  if (fetch->blocks[index] != nullptr) return fetch->blocks[index];
  std::rethrow_exception(fetch->failure);
}

bool ChunkStore::readAtOnce(const Chunk& chunk, char* bytes) {
  if (!disk_.isOn()) return false;
  std::unique_lock lock(mutex_);
  if (slots_.count(chunk.digest) != 0) return false;
  const bool isFull = bytes_ + chunk.length > bytesMax_;
  lock.unlock();
  if (isFull) return disk_.readAtOnce(chunk.digest, bytes, chunk.length);
  const SharedBlock block = getAtOnce(chunk);
  if (block != nullptr) std::memcpy(bytes, block->bytes(), chunk.length);
  return block != nullptr;
}

SharedBlock ChunkStore::getAtOnce(const Chunk& chunk) {
  if (!disk_.isOn()) return nullptr;
  std::unique_lock lock(mutex_);
  if (slots_.count(chunk.digest) != 0) return nullptr;
  lock.unlock();
  auto block = std::make_shared<Block>(chunk.length);
  if (!disk_.readAtOnce(chunk.digest, block->bytes(), chunk.length)) return nullptr;
  lock.lock();
  // Somebody else may fetch it by now.
  if (slots_.count(chunk.digest) == 0) add(chunk.digest, block);
  return block;
}

bool ChunkStore::isLong(std::uint64_t bytes) const {
  return !disk_.isOn() && bytes > bytesMax_ / limits::kLongReadShare;
}

bool ChunkStore::isKnown(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  return slots_.count(digest) != 0;
}

bool ChunkStore::fetchAhead(const SharedVersion& version, std::size_t first, std::size_t end) {
  bool isNew = false;
  while (first < end) {
    std::shared_ptr<Fetch> fetch;
    {
      const std::lock_guard lock(mutex_);
      fetch = plan(version, first, end, first);
    }
    if (fetch == nullptr) break;
    isNew = true;
    workers_.run([this, fetch] { runIfUnclaimed(fetch); });
  }
  return isNew;
}

/// The next chunks that are not there, as many as fit into one body; null if there are none. `next` is where to go on.
/// The lock is held.
std::shared_ptr<ChunkStore::Fetch> ChunkStore::plan(const SharedVersion& version, std::size_t first, std::size_t end,
                                                    std::size_t& next) {
  auto fetch = std::make_shared<Fetch>();
  fetch->version = version;
  std::size_t bytes = 0;
  for (next = first; next < end; next += 1) {
    const Chunk& chunk = version->chunks[next];
    const bool isFull = bytes + chunk.length > limits::kBodyBytesTarget || fetch->chunks.size() == limits::kRangesMax;
    if (isFull && !fetch->chunks.empty()) break;
    const auto [slot, isNew] = slots_.try_emplace(chunk.digest);
    if (!isNew) continue;
    slot->second.fetch = fetch;
    slot->second.indexInFetch = fetch->chunks.size();
    fetch->chunks.push_back(next);
    bytes += chunk.length;
  }
  if (fetch->chunks.empty()) return nullptr;
  fetch->blocks.resize(fetch->chunks.size());
  return fetch;
}

void ChunkStore::runIfUnclaimed(const std::shared_ptr<Fetch>& fetch) {
  {
    const std::lock_guard lock(mutex_);
    if (fetch->isClaimed) return;
    fetch->isClaimed = true;
  }
  try {
    run(*fetch);
  } catch (...) {
    fetch->failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  // What did not come may be asked for again.
  for (std::size_t index = 0; index < fetch->chunks.size(); index += 1) {
    if (fetch->blocks[index] == nullptr) slots_.erase(fetch->version->chunks[fetch->chunks[index]].digest);
  }
  fetch->isDone = true;
  fetch->done.notify_all();
}

/// A block is there: from now on in memory, for as long as there is room.
void ChunkStore::add(const Digest& digest, const SharedBlock& block) {
  Slot& slot = slots_[digest];
  slot.block = block;
  slot.fetch = nullptr;
  order_.push_front(digest);
  slot.place = order_.begin();
  bytes_ += block->memory();
  while (bytes_ > bytesMax_ && order_.size() > 1) {
    const auto oldest = slots_.find(order_.back());
    bytes_ -= oldest->second.block->memory();
    slots_.erase(oldest);
    order_.pop_back();
  }
}

/// Chunks that come from the server for a fetch.
class ChunkStore::IntoMemory : public ChunkTarget {
 public:
  /// `indexes` in the fetch of what was asked for.
  IntoMemory(ChunkStore& store, Fetch& fetch, const std::vector<std::size_t>& indexes)
      : store_(store), fetch_(fetch), indexes_(indexes) {}

  char* place(std::size_t, std::size_t length) override {
    block_ = std::make_shared<Block>(length);
    return block_->bytes();
  }

  void take(std::size_t position) override {
    const SharedBlock block = std::move(block_);
    const std::size_t index = indexes_[position];
    const Digest& digest = fetch_.version->chunks[fetch_.chunks[index]].digest;
    {
      const std::lock_guard lock(store_.mutex_);
      fetch_.blocks[index] = block;
      store_.add(digest, block);
      fetch_.done.notify_all();
    }
    if (store_.disk_.isOn()) store_.disk_.add(digest, block);
  }

 private:
  ChunkStore& store_;
  Fetch& fetch_;
  const std::vector<std::size_t>& indexes_;
  std::shared_ptr<Block> block_;
};

void ChunkStore::run(Fetch& fetch) {
  std::vector<std::size_t> wanted;
  for (std::size_t index = 0; index < fetch.chunks.size(); index += 1) {
    const Chunk& chunk = fetch.version->chunks[fetch.chunks[index]];
    const SharedBlock block = disk_.isOn() ? disk_.read(chunk.digest, chunk.length) : nullptr;
    if (block == nullptr) {
      wanted.push_back(index);
      continue;
    }
    const std::lock_guard lock(mutex_);
    fetch.blocks[index] = block;
    add(chunk.digest, block);
    fetch.done.notify_all();
  }
  if (wanted.empty()) return;
  std::vector<std::size_t> chunks;
  for (const std::size_t index : wanted) chunks.push_back(fetch.chunks[index]);
  IntoMemory target(*this, fetch, wanted);
  fetchFromServer(*fetch.version, chunks, target);
}

namespace {

/// Passes on what comes of those that are still missing, and notes that it came. An exchange that broke off and is repeated
/// may bring some once more: those go nowhere.
class MissingChunks : public ChunkTarget {
 public:
  MissingChunks(ChunkTarget& target, const std::vector<std::size_t>& positions, std::vector<bool>& isThere)
      : target_(target), positions_(positions), isThere_(isThere) {}

  char* place(std::size_t position, std::size_t length) override {
    if (!isThere_[positions_[position]]) return target_.place(positions_[position], length);
    repeated_.resize(length);
    return repeated_.data();
  }
  void take(std::size_t position) override {
    if (isThere_[positions_[position]]) return;
    target_.take(positions_[position]);
    isThere_[positions_[position]] = true;
  }

 private:
  ChunkTarget& target_;
  const std::vector<std::size_t>& positions_;
  std::vector<bool>& isThere_;
  std::string repeated_;
};

}  // namespace

void ChunkStore::fetchFromServer(const FileVersion& version, const std::vector<std::size_t>& chunks, ChunkTarget& target) {
  std::vector<bool> isThere(chunks.size());
  for (int attempt = 0;; attempt += 1) {
    std::vector<std::size_t> missing;
    std::vector<std::size_t> positions;
    for (std::size_t position = 0; position < chunks.size(); position += 1) {
      if (isThere[position]) continue;
      positions.push_back(position);
      missing.push_back(chunks[position]);
    }
    if (missing.empty()) return;
    const Chunk& first = version.chunks[missing.front()];
    const std::string place =
        "the chunk of " + std::to_string(first.length) + " bytes at offset " + std::to_string(first.offset);
    if (attempt > limits::kBadDataRetriesMax) {
      throw Error("corrupt", "cannot read it: its bytes do not have the digest of the manifest",
                  "run \"gdpfs verify\" on the volume; an upload of the file heals it")
          .about(place);
    }
    MissingChunks wanted(target, positions, isThere);
    FrameReceiver receiver(version, missing, wanted);
    try {
      // What came with a wrong digest is asked for again: then the server looks for itself.
      api_.readChunks(version, missing, attempt > 0, receiver);
    } catch (const Error& error) {
      throw error.tensorflowCode() == TF_DATA_LOSS ? error.about(place) : error;
    }
  }
}

void ChunkStore::keepReceived(const Digest& digest, std::string_view bytes) {
  if (sha256(bytes) != digest) return;
  const auto block = std::make_shared<Block>(bytes.size());
  std::memcpy(block->bytes(), bytes.data(), bytes.size());
  {
    const std::lock_guard lock(mutex_);
    // Somebody else may have it, or fetch it.
    if (slots_.count(digest) != 0) return;
    add(digest, block);
  }
  if (disk_.isOn()) disk_.add(digest, block);
}

void ChunkStore::keepWritten(const Digest& digest, const SharedBlock& block) {
  const std::lock_guard lock(mutex_);
  if (bytes_ + block->memory() > bytesMax_) return;
  const auto [slot, isNew] = slots_.try_emplace(digest);
  if (!isNew) return;
  slot->second.block = block;
  slot->second.place = order_.insert(order_.end(), digest);
  bytes_ += block->memory();
}

void ChunkStore::clear() {
  const std::lock_guard lock(mutex_);
  for (const Digest& digest : order_) slots_.erase(digest);
  order_.clear();
  bytes_ = 0;
}

}  // namespace gdpfs
