// Chunks on their way to the server, as the body of a request ("Chunk frame" in docs/formats.md).
#pragma once

#include <memory>
#include <vector>

#include "block.h"
#include "chunk.h"
#include "http.h"

namespace gdpfs {

/// Frames that lie where their bytes were gathered: nothing is joined. Filled and sealed by one thread, then read.
class FrameBody : public BodySource {
 public:
  /// The next chunk, ascending; copies `bytes`.
  void add(std::uint64_t offset, std::string_view bytes);
  /// Computes digests, and checksums unless it is `isUnsummed`, and writes the headers.
  void seal(bool isUnsummed);
  /// Says what the checksums are, of each chunk.
  void sum(const std::vector<std::uint32_t>& checksums);

  bool isEmpty() const { return frames_.empty(); }
  std::size_t size() const override { return size_; }
  void read(std::size_t position, char* buffer, std::size_t length) const override;

  std::size_t count() const { return frames_.size(); }
  const Chunk& chunk(std::size_t index) const { return frames_[index].chunk; }
  SharedBlock block(std::size_t index) const { return frames_[index].block; }

 private:
  static constexpr std::size_t kHeaderBytes = 16;

  struct Frame {
    /// Of its header, in the body.
    std::size_t position;
    Chunk chunk;
    std::shared_ptr<Block> block;
    char header[kHeaderBytes] = {};
  };

  std::vector<Frame> frames_;
  std::size_t size_ = 0;
};

}  // namespace gdpfs
