#include "digest.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "error.h"

namespace gdpfs {
namespace {

void check(bool isDone, const char* what) {
  if (!isDone) throw Error("internal", std::string("cannot compute ") + what + ": OpenSSL refuses");
}

/// Looked up once: a look-up takes as long as hashing a kilobyte.
const EVP_MD* sha256Algorithm() {
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

/// One for each thread: making one takes as long as hashing some hundred bytes.
struct Context {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(context); }
};

}  // namespace

Digest sha256(std::string_view bytes) {
  thread_local Context holder;
  Digest digest;
  check(EVP_DigestInit_ex2(holder.context, sha256Algorithm(), nullptr) == 1 &&
            EVP_DigestUpdate(holder.context, bytes.data(), bytes.size()) == 1 &&
            EVP_DigestFinal_ex(holder.context, digest.data(), nullptr) == 1,
        "a digest");
  return digest;
}

std::string hkdf(std::string_view key, std::string_view info, std::size_t length) {
  std::string output(length, '\0');
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr);
  const auto* keyBytes = reinterpret_cast<const unsigned char*>(key.data());
  const auto* infoBytes = reinterpret_cast<const unsigned char*>(info.data());
  const bool isDone = context != nullptr && EVP_PKEY_derive_init(context) == 1 &&
                      EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1 &&
                      EVP_PKEY_CTX_set1_hkdf_key(context, keyBytes, static_cast<int>(key.size())) == 1 &&
                      EVP_PKEY_CTX_add1_hkdf_info(context, infoBytes, static_cast<int>(info.size())) == 1 &&
                      EVP_PKEY_derive(context, reinterpret_cast<unsigned char*>(output.data()), &length) == 1;
  EVP_PKEY_CTX_free(context);
  check(isDone, "a derived key");
  return output;
}

bool isSignedBy(const Digest& publicKey, std::string_view text, std::string_view signature) {
  const auto bytes = [](std::string_view view) { return reinterpret_cast<const unsigned char*>(view.data()); };
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, publicKey.data(), publicKey.size());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool isSigned =
      key != nullptr && EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key) == 1 &&
      EVP_DigestVerify(context, bytes(signature), signature.size(), bytes(text), text.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return isSigned;
}

std::string randomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  check(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1, "random bytes");
  return bytes;
}

std::string randomName() { return toHex(randomBytes(16)); }

}  // namespace gdpfs
