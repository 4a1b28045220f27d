// The newest checkpoints that were seen and verified, by this process or another, the command line or the Python package:
// "Checkpoints that were seen" in docs/client-config.md.
#pragma once

#include <string>
#include <vector>

#include "checkpoint.h"

namespace gdpfs {

/// Usually a volume has one; more if processes have seen some at the same time. Without locks.
class CheckpointStore {
 public:
  explicit CheckpointStore(std::string directory) : directory_(std::move(directory)) {}

  /// In the order of their counts. Throws `local_io` for a file that is damaged.
  std::vector<Checkpoint> read(const std::string& volume) const;
  /// Could it be stored? What is mounted read-only keeps what it came with. Throws `untrusted` if another one with the
  /// same count is known, `local_io`.
  bool add(const std::string& volume, const std::string& note) const;
  void drop(const std::string& volume, const Checkpoint& checkpoint) const;

 private:
  const std::string directory_;
};

}  // namespace gdpfs
