// SHA-256, signatures and random bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bytes.h"

namespace gdpfs {

Digest sha256(std::string_view bytes);
/// HKDF-SHA-256 without salt (RFC 5869).
std::string hkdf(std::string_view key, std::string_view info, std::size_t length);

/// Has the owner of the Ed25519 key signed the text (RFC 8032)?
bool isSignedBy(const Digest& publicKey, std::string_view text, std::string_view signature);

std::string randomBytes(std::size_t count);
/// A name that no other process takes.
std::string randomName();

}  // namespace gdpfs
