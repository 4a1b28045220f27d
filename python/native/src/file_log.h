// The records of a file log: "Records" and "File logs" in docs/formats.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chunk.h"

namespace gdpfs {

struct FileLog {
  /// In records framing.
  std::string records;
  /// Over all records; of an append, which does not know those before: none.
  std::optional<Digest> root;
  /// The ETag.
  Digest content{};
};

/// The log of a file with these chunks, ascending, whose writer cut it into chunks of `chunkSize`. Its name is new.
FileLog makeFileLog(const std::vector<Chunk>& chunks, std::uint64_t size, std::uint32_t chunkSize);
/// What a log needs to become that of a file with these chunks, if it has those before the one with index `first`.
/// Whatever it has at or behind that one is gone then.
FileLog extendFileLog(const std::vector<Chunk>& chunks, std::size_t first, std::uint64_t size);

}  // namespace gdpfs
