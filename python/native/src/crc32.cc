#include "crc32.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gdpfs {
namespace {

std::uint32_t continueCrc32(std::uint32_t checksum, std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(checksum, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

#if defined(__x86_64__)

constexpr std::size_t kBlockBytes = 64;

/// Multiplies what was read by x^(128 k) in the field of the polynomial and adds what follows it.
__attribute__((target("pclmul,sse4.1"))) __m128i fold(__m128i state, __m128i factors, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(state, factors, 0x00);
  const __m128i high = _mm_clmulepi64_si128(state, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse4.1"))) __m128i load(const char* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

/// Folds whole blocks to 16 bytes with the same remainder, and lets zlib finish those: zlib takes a byte or less in a
/// cycle, the carry-less multiplication eight and more.
__attribute__((target("pclmul,sse4.1"))) std::uint32_t foldedCrc32(std::string_view bytes) {
  // x^(512+32) and x^(512-32), x^(128+32) and x^(128-32), each modulo the polynomial, bits reversed.
  const __m128i byFour = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i byOne = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const char* position = bytes.data();
  const char* const end = position + bytes.size() / kBlockBytes * kBlockBytes;
  __m128i lanes[4];
  for (int lane = 0; lane < 4; lane += 1) lanes[lane] = load(position + 16 * lane);
  // The initial value of the checksum is all ones.
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(-1));
  for (position += kBlockBytes; position < end; position += kBlockBytes) {
    for (int lane = 0; lane < 4; lane += 1) lanes[lane] = fold(lanes[lane], byFour, load(position + 16 * lane));
  }
  __m128i state = lanes[0];
  for (int lane = 1; lane < 4; lane += 1) state = fold(state, byOne, lanes[lane]);
  char rest[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), state);
  // zlib's functions invert the checksum before and after: as if nothing had come before these bytes.
  const std::uint32_t checksum = continueCrc32(0xffffffffu, {rest, sizeof rest});
  return continueCrc32(checksum, bytes.substr(static_cast<std::size_t>(end - bytes.data())));
}

#endif

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
#if defined(__x86_64__)
  static const bool canMultiply = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  if (canMultiply && bytes.size() >= 2 * kBlockBytes) return foldedCrc32(bytes);
#endif
  return continueCrc32(0, bytes);
}

}  // namespace gdpfs
