#include "frame_body.h"

#include <algorithm>
#include <cstring>

#include "crc32.h"
#include "digest.h"

namespace gdpfs {

void FrameBody::add(std::uint64_t offset, std::string_view bytes) {
  Frame frame;
  frame.position = size_;
  frame.chunk.offset = offset;
  frame.chunk.length = static_cast<std::uint32_t>(bytes.size());
  frame.block = std::make_shared<Block>(bytes.size());
  std::memcpy(frame.block->bytes(), bytes.data(), bytes.size());
  frames_.push_back(std::move(frame));
  size_ += kHeaderBytes + bytes.size();
}

void FrameBody::seal(bool isUnsummed) {
  for (Frame& frame : frames_) {
    Chunk& chunk = frame.chunk;
    chunk.checksum = isUnsummed ? 0 : crc32(frame.block->view());
    chunk.digest = sha256(frame.block->view());
    putBigEndian(frame.header, chunk.offset, 8);
    putBigEndian(frame.header + 8, chunk.checksum, 4);
    putBigEndian(frame.header + 12, chunk.length, 4);
  }
}

void FrameBody::sum(const std::vector<std::uint32_t>& checksums) {
  for (std::size_t index = 0; index < frames_.size(); index += 1) frames_[index].chunk.checksum = checksums[index];
}

void FrameBody::read(std::size_t position, char* buffer, std::size_t length) const {
  auto frame = std::upper_bound(frames_.begin(), frames_.end(), position,
                                [](std::size_t value, const Frame& other) { return value < other.position; });
  for (--frame; length > 0; ++frame) {
    const std::size_t start = position - frame->position;
    std::size_t count = 0;
    if (start < kHeaderBytes) {
      count = std::min(length, kHeaderBytes - start);
      std::memcpy(buffer, frame->header + start, count);
      buffer += count;
    }
    const std::size_t dataStart = start + count - kHeaderBytes;
    const std::size_t dataCount =
        start + count < kHeaderBytes ? 0 : std::min(length - count, frame->block->length() - dataStart);
    std::memcpy(buffer, frame->block->bytes() + (dataCount > 0 ? dataStart : 0), dataCount);
    buffer += dataCount;
    position += count + dataCount;
    length -= count + dataCount;
  }
}

}  // namespace gdpfs
