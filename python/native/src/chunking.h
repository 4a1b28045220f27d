// Where a writer cuts a file into chunks: "Cutting files into chunks" in docs/formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gdpfs {

struct Chunking {
  /// Of fixed chunks; 0: by content.
  std::uint32_t chunkSize = 0;
  /// By content: the volume's key, 32 bytes.
  std::string key;

  /// What the meta record of a file log says.
  std::uint32_t recordedChunkSize() const;
};

/// Finds the end of a chunk.
class Cutter {
 public:
  virtual ~Cutter() = default;
  /// `bytes` begin where a chunk begins, and `seen` of them were given before without an end. Bytes of the chunk, or 0
  /// if more are needed to tell.
  virtual std::size_t cut(std::string_view bytes, std::size_t seen) = 0;
};

std::unique_ptr<Cutter> makeCutter(const Chunking& chunking);

}  // namespace gdpfs
