// A keyed hash that wide instructions of the processor compute.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace gdpfs {

/// POLYVAL (RFC 8452) of the bytes, with zeros up to whole blocks, and a block that says how many they are. The value of a
/// polynomial over a field of 2^128 elements at a secret place: two different texts of up to 4 MiB have the same one for at
/// most 2^18 places. It is a hash to compare with, and nothing to show: two values would betray the place.
class PolynomialHash {
 public:
  using Block = std::array<unsigned char, 16>;

  /// Has this processor the instructions?
  static bool isFast();

  explicit PolynomialHash(const Block& place);

  /// Needs a processor that has them.
  Block of(std::string_view bytes) const;

 private:
  static constexpr std::size_t kBlockBytes = 16;
  /// Blocks whose products are added before they are reduced.
  static constexpr std::size_t kGroupBlocks = 64;

  /// Of the place, the highest first: by them a group is multiplied.
  alignas(64) std::array<Block, kGroupBlocks> powers_;
};

}  // namespace gdpfs
