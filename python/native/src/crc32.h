// CRC-32 (ISO-HDLC): the checksum of a chunk.
#pragma once

#include <cstdint>
#include <string_view>

namespace gdpfs {

std::uint32_t crc32(std::string_view bytes);

}  // namespace gdpfs
