#include "checkpoint_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "digest.h"
#include "limits.h"
#include "local_file.h"

namespace gdpfs {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".note";

/// `<count>.note`; other names mean nothing.
bool isNote(std::string_view name) {
  if (name.size() <= kSuffix.size() || name.substr(name.size() - kSuffix.size()) != kSuffix) return false;
  const std::string_view count = name.substr(0, name.size() - kSuffix.size());
  const bool isCanonical = count == "0" || count.front() != '0';
  return isCanonical && count.size() <= 16 && count.find_first_not_of("0123456789") == std::string_view::npos;
}

/// None if somebody has dropped it meanwhile.
std::optional<Checkpoint> readNote(const std::string& path) {
  std::string note;
  if (!readFile(path, note)) return std::nullopt;
  try {
    return parseCheckpoint(note);
  } catch (const Error&) {
    throw Error("local_io", "cannot use \"" + path + "\": it is damaged",
                "if nobody else can have changed it, \"gdpfs volume trust --reset\" starts anew");
  }
}

/// 0, or why not.
int makePrivateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return 0;
  return errno;
}

/// 0, or why not: `EEXIST` if it is there already.
int createWhole(const std::string& path, const std::string& content) {
  const std::string temporary = path + '.' + randomName() + ".tmp";
  const int descriptor = ::open(temporary.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno;
  errno = 0;
  const bool isWritten = ::write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
                         ::fsync(descriptor) == 0;
  int failure = isWritten ? 0 : errno == 0 ? ENOSPC : errno;
  ::close(descriptor);
  if (failure == 0 && ::link(temporary.c_str(), path.c_str()) != 0) failure = errno;
  ::unlink(temporary.c_str());
  return failure;
}

}  // namespace

std::vector<Checkpoint> CheckpointStore::read(const std::string& volume) const {
  std::vector<Checkpoint> found;
  std::error_code error;
  const std::string folder = directory_ + '/' + volume;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!isNote(entry->path().filename().string())) continue;
    const auto checkpoint = readNote(entry->path().string());
    if (checkpoint.has_value()) found.push_back(*checkpoint);
  }
  if (error && error != std::errc::no_such_file_or_directory) throw unreadable(folder, error.message());
  std::sort(found.begin(), found.end(),
            [](const Checkpoint& left, const Checkpoint& right) { return left.count < right.count; });
  if (found.size() > limits::kRememberedCheckpointsMax) {
    found.erase(found.begin(), found.end() - limits::kRememberedCheckpointsMax);
  }
  return found;
}

bool CheckpointStore::add(const std::string& volume, const std::string& note) const {
  const Checkpoint checkpoint = parseCheckpoint(note);
  const std::string folder = directory_ + '/' + volume;
  const std::string path = folder + '/' + std::to_string(checkpoint.count) + std::string(kSuffix);
  int failure = makePrivateDirectory(directory_);
  if (failure == 0) failure = makePrivateDirectory(folder);
  if (failure == 0) failure = createWhole(path, note);
  if (failure == 0) return true;
  if (failure == EACCES || failure == EPERM || failure == EROFS) return false;
  if (failure != EEXIST) throw unreadable(path, std::strerror(failure));
  const auto known = readNote(path);
  if (known.has_value() && known->root != checkpoint.root) {
    throw untrusted("another one over " + std::to_string(checkpoint.count) + " records was seen before");
  }
  return true;
}

void CheckpointStore::drop(const std::string& volume, const Checkpoint& checkpoint) const {
  ::unlink((directory_ + '/' + volume + '/' + std::to_string(checkpoint.count) + std::string(kSuffix)).c_str());
}

}  // namespace gdpfs
