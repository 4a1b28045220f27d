// A piece of a file's content, and what the pieces together are.
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.h"

namespace gdpfs {

struct Chunk {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t checksum = 0;
  Digest digest{};

  std::uint64_t end() const { return offset + length; }
};

/// The ETag of a file of `size` bytes with these chunks, ascending: see "Content root" in docs/formats.md.
Digest contentRoot(const std::vector<Chunk>& chunks, std::uint64_t size);

}  // namespace gdpfs
