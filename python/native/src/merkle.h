// Merkle trees of RFC 6962, section 2.1 (docs/formats.md).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bytes.h"

namespace gdpfs {

/// The right edge of a growing tree.
class MerkleTree {
 public:
  void append(std::string_view leaf);
  Digest root() const;

 private:
  std::uint64_t count_ = 0;
  /// Roots of the perfect subtrees, the largest first.
  std::vector<Digest> hashes_;
};

/// A tree over so many leaves.
struct TreeHead {
  std::uint64_t count;
  Digest root;
};

/// Does the proof show that the first tree is the beginning of the second (RFC 6962, section 2.1.2)?
bool isConsistent(const TreeHead& first, const TreeHead& second, const std::vector<Digest>& proof);

}  // namespace gdpfs
