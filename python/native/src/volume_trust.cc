#include "volume_trust.h"

#include <nlohmann/json.hpp>

#include "limits.h"

namespace gdpfs {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr const char* kCheckpointFolder = "/checkpoints";

std::string textOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_string()) {
    throw untrusted("the server shows no proof of it");
  }
  return found->get<std::string>();
}

std::string decode(const std::string& text) {
  auto bytes = decodeBase64(text);
  if (!bytes.has_value()) throw untrusted("the server shows no proof of it");
  return std::move(*bytes);
}

Proof readProof(const Json& object) {
  Proof proof{textOf(object, "checkpoint"), decode(textOf(object, "meta")), decode(textOf(object, "policy")), {}};
  for (const Json& hash : object.value("consistency", Json::array())) {
    const std::string bytes = decode(hash.is_string() ? hash.get<std::string>() : "?");
    Digest digest;
    if (bytes.size() != digest.size()) throw untrusted("the server shows no proof of it");
    std::memcpy(digest.data(), bytes.data(), digest.size());
    proof.consistency.push_back(digest);
  }
  return proof;
}

}  // namespace

VolumeTrust::VolumeTrust(Http& http) : http_(http), store_(http.home().directory() + kCheckpointFolder) {}

std::string VolumeTrust::nameOf(const std::string& reference) {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(reference);
    if (found == known_.end()) {
      name = find(reference);
      known_[reference] = {name, Clock::now() + std::chrono::milliseconds(limits::kTrustCheckMs)};
      return name;
    }
    name = found->second.name;
    const auto now = Clock::now();
    if (now < found->second.nextCheck) return name;
    // Others need not wait: they would have asked a moment earlier.
    found->second.nextCheck = now + std::chrono::milliseconds(limits::kTrustCheckMs);
  }
  try {
    const auto seen = store_.read(name);
    hold(reference, seen, ask(name, seen));
  } catch (...) {
    // Whoever comes next asks again.
    const std::lock_guard lock(mutex_);
    known_[reference].nextCheck = Clock::now();
    throw;
  }
  return name;
}

std::string VolumeTrust::knownNameOf(const std::string& reference) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(reference);
    if (found != known_.end()) return found->second.name;
  }
  return nameOf(reference);
}

std::uint64_t VolumeTrust::seqOf(const std::string& reference, const std::string& snapshot) {
  const std::string name = knownNameOf(reference);
  {
    const std::lock_guard lock(mutex_);
    const auto known = snapshots_.find({name, snapshot});
    if (known != snapshots_.end()) return known->second;
  }
  const auto seen = store_.read(name);
  const Shown shown = ask(name, seen);
  hold(reference, seen, shown);
  // What was seen before was not looked at for its policy.
  const auto snapshots = verifyProof(name, shown.proof).snapshots;
  const auto found = snapshots.find(snapshot);
  if (found == snapshots.end()) {
    throw Error("not_found", "cannot look at snapshot \"" + snapshot + "\": the volume has none of that name",
                "\"gdpfs snapshot ls gdp://" + reference + "\" lists them");
  }
  const std::lock_guard lock(mutex_);
  return snapshots_.emplace(std::pair(name, snapshot), found->second).first->second;
}

std::string VolumeTrust::find(const std::string& reference) {
  const bool isName = reference.size() == limits::kVolumeNameLength;
  const auto profile = http_.profile();
  const auto pinned = profile->volumes.find(reference);
  const std::string expected = isName ? reference : pinned == profile->volumes.end() ? "" : pinned->second;
  auto seen = expected.empty() ? std::vector<Checkpoint>() : store_.read(expected);
  Shown shown = ask(reference, seen);
  if (isName && shown.name != reference) {
    throw Error("untrusted", "cannot use volume \"" + reference + "\": the server shows another, \"" + shown.name + '"');
  }
  if (!isName) http_.home().rememberVolume(*profile, reference, shown.name);
  if (shown.name != expected) {
    seen = store_.read(shown.name);
    if (!seen.empty()) shown = ask(shown.name, seen);
  }
  hold(reference, seen, shown);
  return shown.name;
}

VolumeTrust::Shown VolumeTrust::ask(const std::string& reference, const std::vector<Checkpoint>& seen,
                                    const Checkpoint* until) {
  Request request;
  request.route = "/api/v1/volumes/" + reference;
  request.query = {{"since", std::to_string(seen.empty() ? 0 : seen.back().count)}};
  if (until != nullptr) request.query.emplace_back("until", std::to_string(until->count));
  const Json volume = Json::parse(http_.send(request).body, nullptr, false);
  return {textOf(volume, "name"), readProof(volume.value("proof", Json()))};
}

/// Throws `untrusted` unless what is shown goes on from all that was seen; then remembers it.
void VolumeTrust::hold(const std::string& reference, const std::vector<Checkpoint>& seen, const Shown& shown) {
  try {
    holdAll(seen, shown);
  } catch (const Error& error) {
    if (!error.is("untrusted") && !error.is("corrupt")) throw;
    throw Error("untrusted", "cannot use volume \"" + reference + "\": " + error.what(),
                "if the server was set back on purpose, as by a backup: gdpfs volume trust --reset gdp://" + reference);
  }
}

void VolumeTrust::holdAll(const std::vector<Checkpoint>& seen, const Shown& shown) {
  // Whoever stored it has verified it.
  if (seen.size() == 1 && seen.front() == parseCheckpoint(shown.proof.note)) return;
  const ProvenCheckpoint proven = verifyProof(shown.name, shown.proof);
  const Checkpoint& checkpoint = proven.checkpoint;
  if (!seen.empty()) verifyContinuation(seen.back(), proven, shown.proof.consistency);
  // Two processes have seen one each: both must have been shown one history.
  for (std::size_t index = 0; index + 1 < seen.size(); index += 1) {
    const Shown between = ask(shown.name, {seen[index]}, &checkpoint);
    verifyContinuation(seen[index], proven, between.proof.consistency);
  }
  const bool isNew = seen.empty() || checkpoint.count > seen.back().count;
  if (isNew && !store_.add(shown.name, shown.proof.note)) return;
  for (const Checkpoint& older : seen) {
    if (older.count < checkpoint.count) store_.drop(shown.name, older);
  }
}

}  // namespace gdpfs
