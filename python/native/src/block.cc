#include "block.h"

#include <array>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "limits.h"

namespace gdpfs {
namespace {

std::size_t powerOf(std::size_t length) {
  std::size_t power = 12;
  while ((std::size_t{1} << power) < length) power += 1;
  return power;
}

/// Memory of blocks that are gone, by powers of two.
class SpareMemory {
 public:
  char* take(std::size_t length) {
    const std::size_t power = powerOf(length);
    {
      const std::lock_guard lock(mutex_);
      auto& spares = spares_[power];
      if (!spares.empty()) {
        char* const memory = spares.back();
        spares.pop_back();
        bytes_ -= std::size_t{1} << power;
        return memory;
      }
    }
    auto* const memory = static_cast<char*>(std::malloc(std::size_t{1} << power));
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }

  void give(char* memory, std::size_t length) {
    const std::size_t power = powerOf(length);
    const std::lock_guard lock(mutex_);
    if (bytes_ + (std::size_t{1} << power) > limits::kSpareBytesMax) return std::free(memory);
    spares_[power].push_back(memory);
    bytes_ += std::size_t{1} << power;
  }

 private:
  std::mutex mutex_;
  std::array<std::vector<char*>, 32> spares_;
  std::size_t bytes_ = 0;
};

SpareMemory& spareMemory() {
  // Never destroyed: files may be closed while the process ends.
  static SpareMemory* const instance = new SpareMemory();
  return *instance;
}

}  // namespace

Block::Block(std::size_t length) : length_(length), bytes_(spareMemory().take(length)) {}

std::size_t Block::memory() const { return std::size_t{1} << powerOf(length_); }

Block::~Block() { spareMemory().give(bytes_, length_); }

void forgetSpareMemory() { new (&spareMemory()) SpareMemory(); }

}  // namespace gdpfs
