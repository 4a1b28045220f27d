// Chunks in memory, for all files of the process: those that were read lately, and those that are on their way.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "api.h"
#include "block.h"
#include "disk_cache.h"
#include "frame_receiver.h"
#include "workers.h"

namespace gdpfs {

using SharedVersion = std::shared_ptr<const FileVersion>;

class ChunkStore {
 public:
  /// Keeps up to `bytesMax`, the least recently used going first. What is on its way, and what a reader holds, comes on
  /// top: at most `kBodyBytesTarget` for each thread.
  ChunkStore(Api& api, DiskCache& disk, Workers& workers, std::size_t bytesMax);

  /// The verified bytes of a chunk, from memory, the local disk or the server. Throws `corrupt`, naming the
  /// offset, if the server has no right ones.
  SharedBlock get(const SharedVersion& version, std::size_t chunk);
  /// The bytes of a chunk, if they need no waiting and are not in memory: they lie in the cache on disk, and the system has
  /// them at hand. Who needs them reads them then: to hand them from thread to thread takes longer. They do not come into
  /// memory if that is full.
  bool readAtOnce(const Chunk& chunk, char* bytes);
  /// The same of a chunk that is needed in parts. Null if they need waiting, or are in memory.
  SharedBlock getAtOnce(const Chunk& chunk);
  /// Sees to it that chunks from `first` up to `end` are there soon; false if they all are, or are on their way.
  bool fetchAhead(const SharedVersion& version, std::size_t first, std::size_t end);

  /// Does a read of so many bytes go past the memory, which it would fill with what is seldom read again?
  bool isLong(std::uint64_t bytes) const;
  /// Is a chunk in memory, or on its way there?
  bool isKnown(const Digest& digest);
  /// Or on the disk?
  bool isHeld(const Digest& digest) { return isKnown(digest) || (disk_.isOn() && disk_.has(digest)); }
  /// Chunks of the version straight to the target, as many as one request may name. Throws `corrupt` like `get`.
  void fetchFromServer(const FileVersion& version, const std::vector<std::size_t>& chunks, ChunkTarget& target);
  /// Threads that fetch.
  Workers& workers() { return workers_; }

  /// Bytes that a reader may fetch ahead, while there are as many sequential ones as now.
  std::size_t readAheadBytes() const;
  /// Sequential readers say when they begin and end.
  void countReaders(int change) { readers_ += change; }

  /// A chunk that has come with something else. It is kept like one that was asked for, if it has the digest.
  void keepReceived(const Digest& digest, std::string_view bytes);
  /// A chunk that was sent to the server: it is kept while there is room, and is the first to go.
  void keepWritten(const Digest& digest, const SharedBlock& block);

  void clear();

 private:
  struct Fetch;
  class IntoMemory;
  /// A chunk that is there, or on its way.
  struct Slot {
    SharedBlock block;
    /// In `order_`, if it is there.
    std::list<Digest>::iterator place;
    std::shared_ptr<Fetch> fetch;
    std::size_t indexInFetch = 0;
  };

  void add(const Digest& digest, const SharedBlock& block);
  std::shared_ptr<Fetch> plan(const SharedVersion& version, std::size_t first, std::size_t end, std::size_t& next);
  void runIfUnclaimed(const std::shared_ptr<Fetch>& fetch);
  void run(Fetch& fetch);

  Api& api_;
  DiskCache& disk_;
  Workers& workers_;
  const std::size_t bytesMax_;
  std::atomic<int> readers_{0};

  std::mutex mutex_;
  std::unordered_map<Digest, Slot, DigestHash> slots_;
  /// Of the blocks that are there: the most recently used first.
  std::list<Digest> order_;
  std::size_t bytes_ = 0;
};

}  // namespace gdpfs
