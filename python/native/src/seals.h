// Chunks on the local disk whose SHA-256 this process has computed are told again by a cheaper code.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bytes.h"

namespace gdpfs {

/// The seal of a chunk is its GMAC (NIST SP 800-38D) under a key that only this process has, with the chunk's digest as
/// the nonce. Neither the key nor a seal ever leaves the memory: whoever changes bytes cannot know what fits them, and
/// the chance that they fit is that of guessing 128 bits. It takes an eighth of the time of a SHA-256.
class Seals {
 public:
  Seals();

  /// Are these the bytes with the digest? By their seal if there is one, else by SHA-256, and they are sealed.
  bool check(const Digest& digest, std::string_view bytes);
  /// Is there a seal for it?
  bool has(const Digest& digest);
  /// Seals bytes that are known to have the digest.
  void add(const Digest& digest, std::string_view bytes);

 private:
  using Seal = std::array<unsigned char, 16>;

  Seal sealOf(const Digest& digest, std::string_view bytes) const;

  const std::string key_;
  std::mutex mutex_;
  std::unordered_map<Digest, Seal, DigestHash> seals_;
};

}  // namespace gdpfs
