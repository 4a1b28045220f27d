#include "frame_receiver.h"

#include <algorithm>

#include "digest.h"
#include "error.h"

namespace gdpfs {

void FrameReceiver::begin() {
  received_ = 0;
  position_ = 0;
}

void FrameReceiver::take(const char* bytes, std::size_t length) {
  while (length > 0) {
    std::size_t count;
    if (received_ < kHeaderBytes) {
      count = std::min(length, kHeaderBytes - received_);
      std::memcpy(header_ + received_, bytes, count);
      received_ += count;
      if (received_ == kHeaderBytes) startFrame();
    } else {
      const std::size_t filled = received_ - kHeaderBytes;
      count = std::min(length, length_ - filled);
      std::memcpy(bytes_ + filled, bytes, count);
      received_ += count;
      if (filled + count == length_) endFrame();
    }
    bytes += count;
    length -= count;
  }
}

void FrameReceiver::startFrame() {
  const std::uint64_t offset = getBigEndian(header_, 8);
  const std::uint64_t length = getBigEndian(header_ + 12, 4);
  const bool isKnown = position_ < chunks_.size() && version_.chunks[chunks_[position_]].offset == offset &&
                       version_.chunks[chunks_[position_]].length == length;
  if (!isKnown) throw Error("corrupt", "cannot read the server's answer: it has a chunk that was not asked for");
  length_ = static_cast<std::size_t>(length);
  bytes_ = target_.place(position_, length_);
}

void FrameReceiver::endFrame() {
  const std::size_t position = position_;
  received_ = 0;
  position_ += 1;
  // The digest covers what the CRC-32 does.
  if (sha256({bytes_, length_}) == version_.chunks[chunks_[position]].digest) target_.take(position);
}

}  // namespace gdpfs
