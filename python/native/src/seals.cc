#include "seals.h"

#include <openssl/evp.h>

#include <algorithm>

#include "digest.h"
#include "error.h"
#include "limits.h"

namespace gdpfs {
namespace {

const EVP_CIPHER* gcm() {
  static const EVP_CIPHER* algorithm = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  return algorithm;
}

/// One for each thread.
struct Context {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  ~Context() { EVP_CIPHER_CTX_free(context); }
};

PolynomialHash::Block randomBlock() {
  PolynomialHash::Block block;
  const std::string bytes = randomBytes(block.size());
  std::copy(bytes.begin(), bytes.end(), block.begin());
  return block;
}

const unsigned char* asBytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

Seals::Seals() : key_(randomBlock()), hash_(key_) {}

bool Seals::check(const Digest& digest, std::string_view bytes) {
  {
    std::unique_lock lock(mutex_);
    const auto found = seals_.find(digest);
    if (found != seals_.end()) {
      const Seal known = found->second;
      lock.unlock();
      return sealOf(digest, bytes) == known;
    }
  }
  if (sha256(bytes) != digest) return false;
  add(digest, bytes);
  return true;
}

bool Seals::has(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  return seals_.count(digest) != 0;
}

void Seals::add(const Digest& digest, std::string_view bytes) {
  const Seal seal = sealOf(digest, bytes);
  const std::lock_guard lock(mutex_);
  if (seals_.size() >= limits::kSealsMax) seals_.erase(seals_.begin());
  seals_[digest] = seal;
}

Seals::Seal Seals::sealOf(const Digest& digest, std::string_view bytes) const {
  return PolynomialHash::isFast() ? hash_.of(bytes) : gmacOf(digest, bytes);
}

Seals::Seal Seals::gmacOf(const Digest& digest, std::string_view bytes) const {
  thread_local Context holder;
  EVP_CIPHER_CTX* const context = holder.context;
  Seal seal;
  int length = 0;
  unsigned char rest[16];
  // The nonce is the beginning of the digest. Even for two that begin alike nothing is lost, since nobody sees a seal.
  const bool isDone = EVP_EncryptInit_ex2(context, gcm(), key_.data(), digest.data(), nullptr) == 1 &&
                      EVP_EncryptUpdate(context, nullptr, &length, asBytes(bytes), static_cast<int>(bytes.size())) == 1 &&
                      EVP_EncryptFinal_ex(context, rest, &length) == 1 &&
                      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, static_cast<int>(seal.size()), seal.data()) == 1;
  if (!isDone) throw Error("internal", "cannot compute a seal: OpenSSL refuses");
  return seal;
}

}  // namespace gdpfs
