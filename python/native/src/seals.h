// Chunks on the local disk whose SHA-256 this process has computed are told again by a cheaper code.
#pragma once

#include <mutex>
#include <string_view>
#include <unordered_map>

#include "bytes.h"
#include "polynomial_hash.h"

namespace gdpfs {

/// The seal of a chunk is its hash under a key that only this process has: `PolynomialHash` where the processor has the
/// instructions, elsewhere a GMAC (NIST SP 800-38D), which is of the same kind and takes three times as long. Neither the key
/// nor a seal ever leaves the memory: whoever changes bytes cannot know what fits them, and the chance that they fit is less
/// than 1 in 2^109. It takes a twentieth of the time of a SHA-256.
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
  using Seal = PolynomialHash::Block;

  Seal sealOf(const Digest& digest, std::string_view bytes) const;
  Seal gmacOf(const Digest& digest, std::string_view bytes) const;

  const Seal key_;
  const PolynomialHash hash_;
  std::mutex mutex_;
  std::unordered_map<Digest, Seal, DigestHash> seals_;
};

}  // namespace gdpfs
