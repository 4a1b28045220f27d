#include "polynomial_hash.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gdpfs {
namespace {

using Block = PolynomialHash::Block;

/// The product of the field, bit by bit: a b x^-128 modulo x^128 + x^127 + x^126 + x^121 + 1.
Block multiply(const Block& left, const Block& right) {
  std::uint64_t factor[2];
  std::uint64_t product[2] = {0, 0};
  std::memcpy(factor, right.data(), sizeof factor);
  for (int bit = 0; bit < 128; bit += 1) {
    const bool isSet = (left[static_cast<std::size_t>(bit / 8)] >> bit % 8 & 1) != 0;
    if (isSet) {
      product[0] ^= factor[0];
      product[1] ^= factor[1];
    }
    // Divided by x: what would fall out below is x^-1 = x^127 + x^126 + x^125 + x^120.
    const std::uint64_t out = product[0] & 1;
    product[0] = product[0] >> 1 | product[1] << 63;
    product[1] = product[1] >> 1 ^ (out == 0 ? 0 : 0xe100000000000000);
  }
  Block result;
  std::memcpy(result.data(), product, sizeof product);
  return result;
}

#if defined(__x86_64__)

#define GDPFS_WIDE __attribute__((target("avx512f,avx512vl,vpclmulqdq,pclmul")))

/// A product before it is reduced: 256 bits, the middle 128 apart.
struct Product {
  __m128i low;
  __m128i middle;
  __m128i high;
};

GDPFS_WIDE inline __m128i reduce(const Product& product) {
  const __m128i polynomial = _mm_set_epi64x(static_cast<long long>(0xc200000000000000), 1);
  __m128i low = _mm_xor_si128(product.low, _mm_slli_si128(product.middle, 8));
  const __m128i high = _mm_xor_si128(product.high, _mm_srli_si128(product.middle, 8));
  for (int half = 0; half < 2; half += 1) {
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, polynomial, 0x10));
  }
  return _mm_xor_si128(high, low);
}

GDPFS_WIDE inline __m128i multiplyBlocks(__m128i left, __m128i right) {
  return reduce({_mm_clmulepi64_si128(left, right, 0x00),
                 _mm_xor_si128(_mm_clmulepi64_si128(left, right, 0x01), _mm_clmulepi64_si128(left, right, 0x10)),
                 _mm_clmulepi64_si128(left, right, 0x11)});
}

GDPFS_WIDE inline __m128i addLanes(__m512i lanes) {
  __m128i lane[4];
  _mm512_storeu_si512(lane, lanes);
  return _mm_xor_si128(_mm_xor_si128(lane[0], lane[1]), _mm_xor_si128(lane[2], lane[3]));
}

/// Sums of products, four side by side.
struct Products {
  __m512i low;
  __m512i middle;
  __m512i high;
};

GDPFS_WIDE inline void addProducts(Products& sum, __m512i blocks, __m512i powers) {
  constexpr int kXor = 0x96;
  sum.low = _mm512_xor_si512(sum.low, _mm512_clmulepi64_epi128(blocks, powers, 0x00));
  sum.middle = _mm512_ternarylogic_epi64(sum.middle, _mm512_clmulepi64_epi128(blocks, powers, 0x01),
                                         _mm512_clmulepi64_epi128(blocks, powers, 0x10), kXor);
  sum.high = _mm512_xor_si512(sum.high, _mm512_clmulepi64_epi128(blocks, powers, 0x11));
}

/// Of `groups` groups; `state` comes before them.
GDPFS_WIDE __m128i hashGroups(const char* bytes, std::size_t groups, const Block* powers, std::size_t groupBytes,
                              __m128i state) {
  for (; groups > 0; groups -= 1, bytes += groupBytes) {
    Products sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    // Last what comes first: it waits for the group before.
    for (std::size_t position = groupBytes - 64; position > 0; position -= 64) {
      addProducts(sum, _mm512_loadu_si512(bytes + position),
                  _mm512_load_si512(reinterpret_cast<const char*>(powers) + position));
    }
    const __m512i first = _mm512_xor_si512(_mm512_loadu_si512(bytes), _mm512_zextsi128_si512(state));
    addProducts(sum, first, _mm512_load_si512(powers));
    state = reduce({addLanes(sum.low), addLanes(sum.middle), addLanes(sum.high)});
  }
  return state;
}

GDPFS_WIDE Block hashWide(std::string_view bytes, const Block* powers, std::size_t count) {
  const std::size_t groupBytes = count * sizeof(Block);
  const std::size_t groups = bytes.size() / groupBytes;
  __m128i state = hashGroups(bytes.data(), groups, powers, groupBytes, _mm_setzero_si128());
  const __m128i place = _mm_load_si128(reinterpret_cast<const __m128i*>(powers + count - 1));
  const auto add = [&](const Block& block) GDPFS_WIDE {
    const __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.data()));
    state = multiplyBlocks(_mm_xor_si128(state, value), place);
  };
  for (std::string_view rest = bytes.substr(groups * groupBytes); !rest.empty();) {
    Block block{};
    const std::string_view part = rest.substr(0, block.size());
    std::memcpy(block.data(), part.data(), part.size());
    add(block);
    rest.remove_prefix(part.size());
  }
  Block length{};
  const std::uint64_t size = bytes.size();
  std::memcpy(length.data(), &size, sizeof size);
  add(length);
  Block result;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(result.data()), state);
  return result;
}

#endif

}  // namespace

bool PolynomialHash::isFast() {
#if defined(__x86_64__)
  static const bool isFast = __builtin_cpu_supports("vpclmulqdq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  return isFast;
#else
  return false;
#endif
}

PolynomialHash::PolynomialHash(const Block& place) {
  powers_.back() = place;
  for (std::size_t index = kGroupBlocks - 1; index > 0; index -= 1) {
    powers_[index - 1] = multiply(powers_[index], place);
  }
}

Block PolynomialHash::of(std::string_view bytes) const {
#if defined(__x86_64__)
  if (isFast()) return hashWide(bytes, powers_.data(), kGroupBlocks);
#endif
  throw Error("internal", "cannot compute a seal of " + std::to_string(bytes.size()) + " bytes: no instructions for it");
}

}  // namespace gdpfs
