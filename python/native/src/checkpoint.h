// What a volume's writer signs: "Checkpoint" in docs/formats.md. How its name leads to a checkpoint, and how one
// checkpoint continues another.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "error.h"

namespace gdpfs {

/// Keys of Ed25519 are as long as digests.
using PublicKey = Digest;

/// How often a volume's owner key was replaced, and the one in force.
struct OwnerMark {
  std::uint64_t rotations = 0;
  PublicKey key{};

  bool operator==(const OwnerMark& other) const { return rotations == other.rotations && key == other.key; }
};

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
  /// None while the owner's first key is in force.
  std::optional<OwnerMark> owner;

  bool operator==(const Checkpoint& other) const;
};

/// A checkpoint of which it was shown who has signed it.
struct ProvenCheckpoint {
  Checkpoint checkpoint;
  /// The owner keys that follow the first one.
  std::vector<PublicKey> ownerKeys;
  /// By their names, the seqs of the states that the owner has named.
  std::map<std::string, std::uint64_t> snapshots;
};

/// What ties a checkpoint to the volume's name.
struct Proof {
  /// Signed note.
  std::string note;
  /// Record 0.
  std::string meta;
  /// The record by which the owner names the writer, and says how the first owner led to it; empty if the writer is the
  /// owner.
  std::string policy;
  std::vector<Digest> consistency;
};

Error untrusted(const std::string& why);

/// Without a look at its signatures. Throws `corrupt` if it is malformed.
Checkpoint parseCheckpoint(std::string_view note);

/// The checkpoint, if the name leads to its signature: the name to the owner's first key, this one to the owner's key in
/// force, that one to the writer's, and this one to the checkpoint. Throws `untrusted` or `corrupt` otherwise.
ProvenCheckpoint verifyProof(const std::string& volume, const Proof& proof);

/// Throws `untrusted` unless what is proven goes on where `older`, verified, was, under the same owner or one that this one
/// has named.
void verifyContinuation(const Checkpoint& older, const ProvenCheckpoint& proven, const std::vector<Digest>& consistency);

}  // namespace gdpfs
