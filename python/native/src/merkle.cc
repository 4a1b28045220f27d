#include "merkle.h"

#include <string>

#include "digest.h"

namespace gdpfs {
namespace {

Digest nodeHash(const Digest& left, const Digest& right) {
  char input[65] = {1};
  std::memcpy(input + 1, left.data(), left.size());
  std::memcpy(input + 33, right.data(), right.size());
  return sha256({input, sizeof input});
}

}  // namespace

void MerkleTree::append(std::string_view leaf) {
  std::string input(1, '\0');
  input += leaf;
  Digest hash = sha256(input);
  for (std::uint64_t rest = count_; rest % 2 == 1; rest /= 2) {
    hash = nodeHash(hashes_.back(), hash);
    hashes_.pop_back();
  }
  hashes_.push_back(hash);
  count_ += 1;
}

Digest MerkleTree::root() const {
  if (hashes_.empty()) return sha256({});
  Digest hash = hashes_.back();
  for (std::size_t index = hashes_.size() - 1; index > 0; index -= 1) hash = nodeHash(hashes_[index - 1], hash);
  return hash;
}

}  // namespace gdpfs
