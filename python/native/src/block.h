// The bytes of a chunk in memory, verified. Immutable once they are shared.
#pragma once

#include <cstddef>
#include <memory>

#include "bytes.h"

namespace gdpfs {

/// Memory comes from blocks that are not needed any more where it can: fresh memory costs as much as hashing it.
class Block {
 public:
  explicit Block(std::size_t length);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  char* bytes() { return bytes_; }
  const char* bytes() const { return bytes_; }
  std::size_t length() const { return length_; }
  /// Bytes of memory that it takes.
  std::size_t memory() const;
  std::string_view view() const { return {bytes_, length_}; }

 private:
  std::size_t length_;
  char* bytes_;
};

using SharedBlock = std::shared_ptr<const Block>;

/// In a forked child: whoever held the lock of the spare memory is not here.
void forgetSpareMemory();

}  // namespace gdpfs
