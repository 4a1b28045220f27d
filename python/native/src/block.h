// The bytes of a chunk in memory, verified. Immutable once they are shared.
#pragma once

#include <cstddef>
#include <memory>

#include "bytes.h"

namespace gdpfs {

struct Block {
  explicit Block(std::size_t length) : bytes(new char[length]), length(length) {}

  std::string_view view() const { return {bytes.get(), length}; }

  std::unique_ptr<char[]> bytes;
  std::size_t length;
};

using SharedBlock = std::shared_ptr<const Block>;

}  // namespace gdpfs
