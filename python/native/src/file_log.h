// The records of a new file log: "Records" and "File logs" in docs/formats.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chunk.h"

namespace gdpfs {

struct FileLog {
  /// In records framing.
  std::string records;
  /// Over all records.
  Digest root{};
  /// The ETag.
  Digest content{};
};

/// The log of a file with these chunks, ascending, whose writer cut it into chunks of `chunkSize`. Its name is new.
FileLog makeFileLog(const std::vector<Chunk>& chunks, std::uint64_t size, std::uint32_t chunkSize);

}  // namespace gdpfs
