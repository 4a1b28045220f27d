// Big-endian integers, and digests.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace gdpfs {

/// SHA-256.
using Digest = std::array<unsigned char, 32>;

struct DigestHash {
  /// Digests are random already.
  std::size_t operator()(const Digest& digest) const noexcept {
    std::size_t value;
    std::memcpy(&value, digest.data(), sizeof value);
    return value;
  }
};

inline std::uint64_t getBigEndian(const char* bytes, int count) {
  std::uint64_t value = 0;
  for (int index = 0; index < count; index += 1) value = value << 8 | static_cast<unsigned char>(bytes[index]);
  return value;
}

inline void putBigEndian(char* bytes, std::uint64_t value, int count) {
  for (int index = count - 1; index >= 0; index -= 1, value >>= 8) bytes[index] = static_cast<char>(value & 0xff);
}

inline std::string toHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

inline std::string_view asText(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

inline std::string toHex(const Digest& digest) { return toHex(asText(digest)); }

/// Base64url without padding (RFC 4648, section 5); what is none of its letters ends it.
inline std::string decodeBase64Url(std::string_view text) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char letter : text) {
    const std::size_t value = kLetters.find(letter);
    if (value == std::string_view::npos) break;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

/// Base64 with padding (RFC 4648, section 4), exactly as it is written; empty for what is none.
inline std::optional<std::string> decodeBase64(std::string_view text) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.size() - std::min(text.find_last_not_of('=') + 1, text.size());
  if (padding > 2) return std::nullopt;
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char letter : text.substr(0, text.size() - padding)) {
    const std::size_t value = kLetters.find(letter);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  // What is left over belongs to no byte.
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

/// As the API spells digests.
inline std::string formatDigest(const Digest& digest) { return "sha256:" + toHex(digest); }

}  // namespace gdpfs
