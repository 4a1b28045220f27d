// What a volume's writer signs: "Checkpoint" in docs/formats.md. How its name leads to a checkpoint, and how one
// checkpoint continues another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "error.h"

namespace gdpfs {

/// So many records with this root were the volume's log at this time.
struct Checkpoint {
  std::string origin;
  std::uint64_t count = 0;
  Digest root{};
  std::uint64_t timeMs = 0;
  /// Which key of the writer has signed it.
  std::uint64_t epoch = 0;
  /// Root of the state map.
  std::optional<Digest> state;

  bool operator==(const Checkpoint& other) const;
};

/// What ties a checkpoint to the volume's name.
struct Proof {
  /// Signed note.
  std::string note;
  /// Record 0.
  std::string meta;
  /// The record by which the owner names the writer; empty if that is the owner.
  std::string policy;
  std::vector<Digest> consistency;
};

Error untrusted(const std::string& why);

/// Without a look at its signatures. Throws `corrupt` if it is malformed.
Checkpoint parseCheckpoint(std::string_view note);

/// The checkpoint, if the name leads to its signature: the name to the owner's key, this one to the writer's, and that one
/// to the checkpoint. Throws `untrusted` or `corrupt` otherwise.
Checkpoint verifyProof(const std::string& volume, const Proof& proof);

/// Throws `untrusted` unless `newer` goes on where `older` was, both verified.
void verifyContinuation(const Checkpoint& older, const Checkpoint& newer, const std::vector<Digest>& consistency);

}  // namespace gdpfs
