// Chunk frames as they arrive ("Chunk frame" in docs/formats.md), each verified before anybody sees it.
#pragma once

#include <cstddef>
#include <vector>

#include "api.h"

namespace gdpfs {

/// Where chunks go. `position` is that of the chunk in what was asked for.
class ChunkTarget {
 public:
  virtual ~ChunkTarget() = default;
  /// Memory for the bytes of a chunk that begins to arrive, perhaps again.
  virtual char* place(std::size_t position, std::size_t length) = 0;
  /// What lies there now is the chunk: it has the digest of the manifest.
  virtual void take(std::size_t position) = 0;
};

class FrameReceiver : public BodySink {
 public:
  /// `chunks` are those of `version` that were asked for, ascending.
  FrameReceiver(const FileVersion& version, const std::vector<std::size_t>& chunks, ChunkTarget& target)
      : version_(version), chunks_(chunks), target_(target) {}

  void begin() override;
  /// Hands on what has the digest of the manifest; the rest is dropped. Throws `corrupt` for frames that were not asked
  /// for.
  void take(const char* bytes, std::size_t length) override;

 private:
  static constexpr std::size_t kHeaderBytes = 16;

  void startFrame();
  void endFrame();

  const FileVersion& version_;
  const std::vector<std::size_t>& chunks_;
  ChunkTarget& target_;
  char header_[kHeaderBytes] = {};
  /// Bytes of the frame that came, header included.
  std::size_t received_ = 0;
  std::size_t position_ = 0;
  char* bytes_ = nullptr;
  std::size_t length_ = 0;
};

}  // namespace gdpfs
