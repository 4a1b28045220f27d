#include "chunking.h"

#include <algorithm>
#include <array>

#include "bytes.h"
#include "digest.h"
#include "limits.h"

namespace gdpfs {
namespace {

class FixedCutter : public Cutter {
 public:
  explicit FixedCutter(std::uint32_t chunkSize) : chunkSize_(chunkSize) {}

  std::size_t cut(std::string_view bytes, std::size_t) override { return bytes.size() >= chunkSize_ ? chunkSize_ : 0; }

 private:
  std::size_t chunkSize_;
};

// A boundary is where the hash is below this: rare before the normal length, common behind it.
constexpr std::uint32_t kRareBelow = 1u << 12;
constexpr std::uint32_t kCommonBelow = 1u << 16;

class ContentCutter : public Cutter {
 public:
  explicit ContentCutter(std::string_view key) {
    const std::string table = hkdf(key, "gdpfs/v1 gear table\n", 4 * gear_.size());
    for (std::size_t index = 0; index < gear_.size(); index += 1) {
      gear_[index] = static_cast<std::uint32_t>(getBigEndian(table.data() + 4 * index, 4));
    }
  }

  std::size_t cut(std::string_view bytes, std::size_t seen) override {
    if (seen == 0) hash_ = 0;
    std::size_t position = std::max(seen, limits::kCutBytesMin);
    const std::size_t normalEnd = std::min(bytes.size(), limits::kCutBytesNormal);
    const std::size_t maxEnd = std::min(bytes.size(), limits::kCutBytesMax);
    if (scan(bytes, position, normalEnd, kRareBelow) || scan(bytes, position, maxEnd, kCommonBelow)) return position;
    return bytes.size() >= limits::kCutBytesMax ? limits::kCutBytesMax : 0;
  }

 private:
  /// True if a chunk ends at `position`.
  bool scan(std::string_view bytes, std::size_t& position, std::size_t end, std::uint32_t below) {
    std::uint32_t hash = hash_;
    for (; position < end;) {
      hash = (hash << 1) + gear_[static_cast<unsigned char>(bytes[position])];
      position += 1;
      if (hash < below) return true;
    }
    hash_ = hash;
    return false;
  }

  std::array<std::uint32_t, 256> gear_{};
  std::uint32_t hash_ = 0;
};

}  // namespace

std::uint32_t Chunking::recordedChunkSize() const { return chunkSize == 0 ? 256 * 1024 : chunkSize; }

std::unique_ptr<Cutter> makeCutter(const Chunking& chunking) {
  if (chunking.chunkSize != 0) return std::make_unique<FixedCutter>(chunking.chunkSize);
  return std::make_unique<ContentCutter>(chunking.key);
}

}  // namespace gdpfs
