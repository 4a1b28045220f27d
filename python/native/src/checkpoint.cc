#include "checkpoint.h"

#include <algorithm>
#include <map>
#include <variant>

#include "digest.h"
#include "limits.h"
#include "path.h"
#include "merkle.h"

namespace gdpfs {
namespace {

constexpr std::string_view kOrigin = "gdpfs.v1/";
constexpr std::string_view kPolicyDomain = "gdpfs/v1 volume policy\n";
constexpr std::string_view kOwnerDomain = "gdpfs/v1 volume owner\n";
constexpr std::string_view kSignatureMark = "\xe2\x80\x94 ";
constexpr char kEd25519 = 1;
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kNonceBytes = 16;
// Fields of the first record.
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kDirectory = 1;
constexpr std::uint64_t kSha256 = 1;

Error malformed(const char* what) {
  return Error("corrupt", std::string("cannot read checkpoint: malformed ") + what);
}

// Signed notes.

struct Signature {
  std::string_view name;
  std::string keyId;
  std::string bytes;
};

struct Note {
  /// What is signed.
  std::string_view text;
  std::vector<Signature> signatures;
};

/// The next line, without its end, which must be there.
std::string_view takeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) throw malformed("text");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

Signature readSignature(std::string_view line) {
  if (line.substr(0, kSignatureMark.size()) != kSignatureMark) throw malformed("signature");
  line.remove_prefix(kSignatureMark.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0) throw malformed("signature");
  const auto data = decodeBase64(line.substr(space + 1));
  if (!data.has_value() || data->size() <= kKeyIdBytes) throw malformed("signature");
  return {line.substr(0, space), data->substr(0, kKeyIdBytes), data->substr(kKeyIdBytes)};
}

Note splitNote(std::string_view note) {
  const auto isControl = [](char letter) { return static_cast<unsigned char>(letter) < ' ' && letter != '\n'; };
  const std::size_t end = note.rfind("\n\n");
  if (note.size() > limits::kCheckpointBytesMax || std::any_of(note.begin(), note.end(), isControl) ||
      end == std::string_view::npos) {
    throw malformed("text");
  }
  Note found{note.substr(0, end + 1), {}};
  std::string_view rest = note.substr(end + 2);
  do found.signatures.push_back(readSignature(takeLine(rest)));
  while (!rest.empty());
  return found;
}

std::uint64_t readNumber(std::string_view text, const char* what) {
  const bool isDigits = !text.empty() && text.size() <= 16 && text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!isDigits || (text.size() > 1 && text.front() == '0')) throw malformed(what);
  const std::uint64_t value = std::stoull(std::string(text));
  if (value > limits::kSafeIntegerMax) throw malformed(what);
  return value;
}

Digest readRoot(std::string_view text) {
  const auto bytes = decodeBase64(text);
  Digest root;
  if (!bytes.has_value() || bytes->size() != root.size()) throw malformed("root");
  std::memcpy(root.data(), bytes->data(), root.size());
  return root;
}

OwnerMark readOwner(std::string_view text) {
  const std::size_t space = std::min(text.find(' '), text.size());
  const OwnerMark owner{readNumber(text.substr(0, space), "owner"), readRoot(text.substr(std::min(space + 1, text.size())))};
  if (owner.rotations == 0) throw malformed("owner");
  return owner;
}

Checkpoint readCheckpoint(std::string_view text) {
  Checkpoint checkpoint;
  checkpoint.origin = takeLine(text);
  if (checkpoint.origin.compare(0, kOrigin.size(), kOrigin) != 0) throw malformed("text");
  checkpoint.count = readNumber(takeLine(text), "record count");
  checkpoint.root = readRoot(takeLine(text));
  std::map<std::string_view, std::string_view> extensions;
  while (!text.empty()) {
    const std::string_view line = takeLine(text);
    if (line.empty()) throw malformed("text");
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, space);
    const std::string_view value = line.substr(std::min(space + 1, line.size()));
    const bool isNew = extensions.emplace(name, value).second;
    if (!isNew && (name == "time" || name == "epoch" || name == "state" || name == "owner")) throw malformed("text");
  }
  checkpoint.timeMs = readNumber(extensions["time"], "time");
  checkpoint.epoch = readNumber(extensions["epoch"], "epoch");
  const auto state = extensions.find("state");
  if (state != extensions.end()) checkpoint.state = readRoot(state->second);
  const auto owner = extensions.find("owner");
  if (owner != extensions.end()) checkpoint.owner = readOwner(owner->second);
  return checkpoint;
}

// Records: messages of Protocol Buffers.

using Field = std::variant<std::uint64_t, std::string_view>;
/// Fields with their numbers, in order.
using Message = std::vector<std::pair<std::uint64_t, Field>>;

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}

  bool isAtEnd() const { return bytes_.empty(); }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw untrusted("a record is malformed");
  }

  std::string_view take(std::uint64_t length) {
    if (length > bytes_.size()) throw untrusted("a record is malformed");
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }

 private:
  std::string_view bytes_;
};

Message readMessage(std::string_view bytes) {
  Message fields;
  for (FieldReader reader(bytes); !reader.isAtEnd();) {
    const std::uint64_t tag = reader.varint();
    fields.emplace_back(tag >> 3, Field());
    Field& field = fields.back().second;
    switch (tag & 7) {
      case 0:
        field = reader.varint();
        break;
      case 1:
        field = reader.take(8);
        break;
      case 2:
        field = reader.take(reader.varint());
        break;
      case 5:
        field = reader.take(4);
        break;
      default:
        throw untrusted("a record is malformed");
    }
  }
  return fields;
}

/// The last field with this number counts; null if there is none.
const Field* fieldOf(const Message& message, std::uint64_t number) {
  const auto found = std::find_if(message.rbegin(), message.rend(), [&](const auto& field) { return field.first == number; });
  return found == message.rend() ? nullptr : &found->second;
}

std::string_view asBytes(const Field& field) {
  const auto* bytes = std::get_if<std::string_view>(&field);
  if (bytes == nullptr) throw untrusted("a record is malformed");
  return *bytes;
}

/// Empty if there is none.
std::string_view bytesOf(const Message& message, std::uint64_t number) {
  const Field* field = fieldOf(message, number);
  return field == nullptr ? std::string_view() : asBytes(*field);
}

/// 0 if there is none.
std::uint64_t numberOf(const Message& message, std::uint64_t number) {
  const Field* field = fieldOf(message, number);
  if (field == nullptr) return 0;
  const auto* value = std::get_if<std::uint64_t>(field);
  if (value == nullptr) throw untrusted("a record is malformed");
  return *value;
}

PublicKey keyOf(const Message& message, std::uint64_t number) {
  const std::string_view bytes = bytesOf(message, number);
  PublicKey key;
  if (bytes.size() != key.size()) throw untrusted("a key has a wrong length");
  std::memcpy(key.data(), bytes.data(), key.size());
  return key;
}

PublicKey firstOwnerKey(std::string_view record) {
  const Message meta = readMessage(bytesOf(readMessage(record), 1));
  const bool isOurs = numberOf(meta, 1) == kVersion && numberOf(meta, 2) == kDirectory && numberOf(meta, 4) == kSha256;
  if (!isOurs || bytesOf(meta, 3).size() != kNonceBytes) throw untrusted("the volume's first record is none");
  return keyOf(meta, 6);
}

/// All owner keys: each is named by the one before, and none twice.
std::vector<PublicKey> ownerKeys(const std::string& name, const PublicKey& first, const Message& policy) {
  std::vector<PublicKey> keys = {first};
  for (const auto& [number, field] : policy) {
    if (number != 4) continue;
    const Message rotation = readMessage(asBytes(field));
    const PublicKey key = keyOf(rotation, 1);
    if (keys.size() > limits::kOwnerRotationsMax || std::find(keys.begin(), keys.end(), key) != keys.end()) {
      throw untrusted("its owner was replaced too often, or by one that was there before");
    }
    char count[8];
    putBigEndian(count, keys.size(), sizeof count);
    std::string text(kOwnerDomain);
    text.append(name).append(count, sizeof count).append(asText(key));
    if (!isSignedBy(keys.back(), text, bytesOf(rotation, 2))) {
      throw untrusted("its owner number " + std::to_string(keys.size()) + " is not signed by the one before");
    }
    keys.push_back(key);
  }
  return keys;
}

/// By their names, the seqs of the states that a policy names.
std::map<std::string, std::uint64_t> snapshotsOf(const Message& policy) {
  std::map<std::string, std::uint64_t> snapshots;
  for (const auto& [number, field] : policy) {
    if (number != 5) continue;
    const Message snapshot = readMessage(asBytes(field));
    const std::string name(bytesOf(snapshot, 1));
    const bool isNew = snapshots.emplace(name, numberOf(snapshot, 2)).second;
    if (!isNew || !isSnapshotName(name) || snapshots.size() > limits::kSnapshotsMax) {
      throw untrusted("its policy names snapshots as none may");
    }
  }
  return snapshots;
}

struct Writer {
  PublicKey key;
  std::uint64_t epoch;
  /// All of them.
  std::vector<PublicKey> ownerKeys;
  std::map<std::string, std::uint64_t> snapshots;
};

Writer writerOf(const std::string& name, const Proof& proof) {
  const PublicKey first = firstOwnerKey(proof.meta);
  if (proof.policy.empty()) return {first, 0, {first}, {}};
  const Message record = readMessage(bytesOf(readMessage(proof.policy), 4));
  const std::string_view bytes = bytesOf(record, 1);
  const Message policy = readMessage(bytes);
  std::vector<PublicKey> owners = ownerKeys(name, first, policy);
  if (!isSignedBy(owners.back(), std::string(kPolicyDomain).append(name).append(bytes), bytesOf(record, 2))) {
    throw untrusted("what names its writer is not signed by the owner");
  }
  return {keyOf(policy, 2), numberOf(policy, 1), std::move(owners), snapshotsOf(policy)};
}

}  // namespace

bool Checkpoint::operator==(const Checkpoint& other) const {
  return origin == other.origin && count == other.count && root == other.root && timeMs == other.timeMs &&
         epoch == other.epoch && state == other.state && owner == other.owner;
}

Error untrusted(const std::string& why) { return Error("untrusted", "cannot trust checkpoint: " + why); }

Checkpoint parseCheckpoint(std::string_view note) { return readCheckpoint(splitNote(note).text); }

ProvenCheckpoint verifyProof(const std::string& volume, const Proof& proof) {
  const std::string name = decodeBase64Url(volume);
  if (asText(sha256(proof.meta)) != name) throw untrusted("it is of another volume");
  Writer writer = writerOf(name, proof);
  const std::string origin = std::string(kOrigin) + volume;
  const Note note = splitNote(proof.note);
  std::string named = origin + '\n' + kEd25519;
  named += asText(writer.key);
  const std::string keyId(asText(sha256(named)).substr(0, kKeyIdBytes));
  bool isSigned = false;
  for (const Signature& signature : note.signatures) {
    if (signature.name != origin || signature.keyId != keyId) continue;
    if (!isSignedBy(writer.key, note.text, signature.bytes)) throw untrusted("its signature is wrong");
    isSigned = true;
  }
  if (!isSigned) throw untrusted("its writer has not signed it");
  Checkpoint checkpoint = readCheckpoint(note.text);
  if (checkpoint.origin != origin) throw untrusted("it is of another volume");
  if (checkpoint.epoch != writer.epoch) {
    throw untrusted("its epoch is " + std::to_string(checkpoint.epoch) + ", need " + std::to_string(writer.epoch));
  }
  const std::uint64_t rotations = writer.ownerKeys.size() - 1;
  const auto owner = rotations == 0 ? std::nullopt : std::optional(OwnerMark{rotations, writer.ownerKeys.back()});
  if (!(checkpoint.owner == owner)) throw untrusted("it says another owner than the one that has named its writer");
  for (const auto& [name, seq] : writer.snapshots) {
    // A record that comes before the policy's own comes before the last one.
    if (seq + 1 >= checkpoint.count) throw untrusted("its policy names a state to come \"" + name + '"');
  }
  writer.ownerKeys.erase(writer.ownerKeys.begin());
  return {std::move(checkpoint), std::move(writer.ownerKeys), std::move(writer.snapshots)};
}

void verifyContinuation(const Checkpoint& older, const ProvenCheckpoint& proven, const std::vector<Digest>& consistency) {
  const auto& newer = proven.checkpoint;
  const auto& ownerKeys = proven.ownerKeys;
  const auto text = [](std::uint64_t number) { return std::to_string(number); };
  if (newer.count < older.count) {
    throw untrusted("it has " + text(newer.count) + " records, and " + text(older.count) + " were seen before");
  }
  if (!isConsistent({older.count, older.root}, {newer.count, newer.root}, consistency)) {
    throw untrusted("its history is not the one that was seen before");
  }
  if (newer.epoch < older.epoch) {
    throw untrusted("it is signed by the writer of epoch " + text(newer.epoch) + ", and " + text(older.epoch) + " was seen");
  }
  const OwnerMark owner = older.owner.value_or(OwnerMark());
  if (ownerKeys.size() < owner.rotations) {
    throw untrusted("its owner was replaced " + text(ownerKeys.size()) + " times, and " + text(owner.rotations) +
                    " were seen");
  }
  if (owner.rotations > 0 && ownerKeys[owner.rotations - 1] != owner.key) {
    throw untrusted("its owner after rotation " + text(owner.rotations) + " is not the one that was seen before");
  }
  if (newer.timeMs < older.timeMs) throw untrusted("its time is before the one seen before");
  if (older.state.has_value() && !newer.state.has_value()) {
    throw untrusted("it says nothing of the state of the tree any more");
  }
}

}  // namespace gdpfs
