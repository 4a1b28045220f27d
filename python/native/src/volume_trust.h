// The names of volumes, which a server must show to go on from what was seen of them before, by this process or another.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checkpoint_store.h"
#include "http.h"

namespace gdpfs {

/// A volume is looked at when it is used first, and again when it is used and was not looked at for `kTrustCheckMs`.
/// May be used by any number of threads.
class VolumeTrust {
 public:
  explicit VolumeTrust(Http& http);

  /// The own name of a volume, given by alias or name. Throws `untrusted` if the alias stood for another one before, or if
  /// the volume's history is not the one that was seen.
  std::string nameOf(const std::string& reference);
  /// The same for what is bound to a digest that was looked at before: an old state cannot answer it wrongly.
  std::string knownNameOf(const std::string& reference);
  /// The seq that the volume's owner has signed for the name of a snapshot; in this process it stays that one. Throws
  /// `not_found` if there is none, and as `nameOf` does.
  std::uint64_t seqOf(const std::string& reference, const std::string& snapshot);

 private:
  struct Known {
    std::string name;
    std::chrono::steady_clock::time_point nextCheck;
  };
  struct Shown {
    std::string name;
    Proof proof;
  };

  std::string find(const std::string& reference);
  Shown ask(const std::string& reference, const std::vector<Checkpoint>& seen, const Checkpoint* until = nullptr);
  void hold(const std::string& reference, const std::vector<Checkpoint>& seen, const Shown& shown);
  void holdAll(const std::vector<Checkpoint>& seen, const Shown& shown);

  Http& http_;
  const CheckpointStore store_;
  std::mutex mutex_;
  /// By alias or name; names stay.
  std::unordered_map<std::string, Known> known_;
  /// By the volume's own name and that of the snapshot; entries stay.
  std::map<std::pair<std::string, std::string>, std::uint64_t> snapshots_;
};

}  // namespace gdpfs
