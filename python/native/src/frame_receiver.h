// Chunk frames as they arrive ("Chunk frame" in docs/formats.md), each verified before anybody sees it.
#pragma once

#include <functional>
#include <vector>

#include "api.h"
#include "block.h"

namespace gdpfs {

class FrameReceiver : public BodySink {
 public:
  /// `position` is that of the chunk in `chunks`.
  using OnBlock = std::function<void(std::size_t position, const SharedBlock& block)>;

  /// `chunks` are those of `version` that were asked for, ascending.
  FrameReceiver(const FileVersion& version, const std::vector<std::size_t>& chunks, OnBlock onBlock)
      : version_(version), chunks_(chunks), onBlock_(std::move(onBlock)) {}

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
  const OnBlock onBlock_;
  char header_[kHeaderBytes] = {};
  /// Bytes of the frame that came, header included.
  std::size_t received_ = 0;
  std::size_t position_ = 0;
  std::shared_ptr<Block> block_;
};

}  // namespace gdpfs
