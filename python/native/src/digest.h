// SHA-256 and random bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bytes.h"

namespace gdpfs {

Digest sha256(std::string_view bytes);
/// HKDF-SHA-256 without salt (RFC 5869).
std::string hkdf(std::string_view key, std::string_view info, std::size_t length);
std::string randomBytes(std::size_t count);
/// A name that no other process takes.
std::string randomName();

}  // namespace gdpfs
