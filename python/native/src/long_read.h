// Reads that are too long for the memory cache, such as a large tensor of a checkpoint.
#pragma once

#include <cstddef>

#include "chunk_store.h"

namespace gdpfs {

/// Whole chunks from `first` up to `end` and the holes between them, verified, straight into `buffer`. Several requests go
/// at once, as many as threads have time. What is in memory comes from there.
void readLong(ChunkStore& store, const SharedVersion& version, std::size_t first, std::size_t end, char* buffer);

}  // namespace gdpfs
