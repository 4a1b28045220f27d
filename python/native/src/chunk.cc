#include "chunk.h"

#include "merkle.h"

namespace gdpfs {
namespace {

constexpr std::size_t kLeafBytes = 44;

void appendLeaf(MerkleTree& tree, const Chunk& chunk) {
  char leaf[kLeafBytes];
  putBigEndian(leaf, chunk.offset, 8);
  putBigEndian(leaf + 8, chunk.length, 4);
  std::memcpy(leaf + 12, chunk.digest.data(), chunk.digest.size());
  tree.append({leaf, sizeof leaf});
}

}  // namespace

Digest contentRoot(const std::vector<Chunk>& chunks, std::uint64_t size) {
  MerkleTree tree;
  for (const Chunk& chunk : chunks) appendLeaf(tree, chunk);
  const std::uint64_t dataEnd = chunks.empty() ? 0 : chunks.back().end();
  // The file ends in a hole.
  if (dataEnd != size) {
    Chunk end;
    end.offset = size;
    appendLeaf(tree, end);
  }
  return tree.root();
}

}  // namespace gdpfs
