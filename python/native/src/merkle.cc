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

bool isConsistent(const TreeHead& first, const TreeHead& second, const std::vector<Digest>& proof) {
  if (first.count > second.count) return false;
  if (first.count == second.count) return proof.empty() && first.root == second.root;
  if (first.count == 0) return proof.empty() && first.root == MerkleTree().root();
  std::vector<Digest> path = proof;
  // The root of a perfect tree is not sent.
  if ((first.count & (first.count - 1)) == 0) path.insert(path.begin(), first.root);
  // Nothing of the second tree is shown if the proof is only the first root.
  if (path.size() < 2) return false;
  std::uint64_t node = first.count - 1;
  std::uint64_t last = second.count - 1;
  for (; node % 2 == 1; node /= 2) last /= 2;
  Digest older = path.front();
  Digest newer = path.front();
  for (std::size_t index = 1; index < path.size(); index += 1) {
    if (last == 0) return false;
    if (node % 2 == 1 || node == last) {
      older = nodeHash(path[index], older);
      newer = nodeHash(path[index], newer);
      for (; node % 2 == 0 && node != 0; node /= 2) last /= 2;
    } else {
      newer = nodeHash(newer, path[index]);
    }
    node /= 2;
    last /= 2;
  }
  return last == 0 && older == first.root && newer == second.root;
}

}  // namespace gdpfs
