#include "disk_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <vector>

#include "digest.h"
#include "limits.h"

namespace gdpfs {
namespace {

namespace fs = std::filesystem;

// A cache whose files are of another kind gets another folder.
constexpr const char* kSubfolder = "/chunks-v1";
// Letters of a digest that name the folder of its file: 16 folders. With two, a new cache had more folders to make than most
// data sets fill, and a folder costs as much as some files.
constexpr std::size_t kFolderLetters = 1;
// How old an access time may be until a read renews it: at most one write of metadata for an hour of reading.
constexpr std::time_t kAccessSeconds = 3600;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

bool readAll(int descriptor, char* bytes, std::size_t length) {
  for (std::size_t done = 0; done < length;) {
    const ssize_t count = ::read(descriptor, bytes + done, length - done);
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

bool writeAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), std::min(bytes.size(), limits::kDiskWriteBytes));
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// The time of last use is the mtime: many file systems are mounted without access times.
void noteUse(int descriptor) {
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0 || std::time(nullptr) - status.st_mtim.tv_sec < kAccessSeconds) return;
  ::futimens(descriptor, nullptr);
}

struct Cached {
  std::string path;
  std::uint64_t bytes;
  std::time_t used;
};

}  // namespace

DiskCache::DiskCache(std::string directory, std::uint64_t bytesMax)
    : directory_(directory.empty() ? "" : directory + kSubfolder), bytesMax_(bytesMax), unchecked_(bytesMax) {}

std::string DiskCache::fileOf(const Digest& digest) const {
  const std::string name = toHex(digest);
  return directory_ + '/' + name.substr(0, kFolderLetters) + '/' + name;
}

bool DiskCache::has(const Digest& digest) const { return ::access(fileOf(digest).c_str(), R_OK) == 0; }

SharedBlock DiskCache::read(const Digest& digest, std::size_t length) {
  const std::string path = fileOf(digest);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.value() < 0) return nullptr;
  auto block = std::make_shared<Block>(length);
  if (!readAll(file.value(), block->bytes(), length) || !seals_.check(digest, block->view())) {
    ::unlink(path.c_str());
    return nullptr;
  }
  noteUse(file.value());
  return block;
}

bool DiskCache::readAtOnce(const Digest& digest, char* bytes, std::size_t length) {
  if (!seals_.has(digest)) return false;
  const std::string path = fileOf(digest);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.value() < 0) return false;
  const iovec target = {bytes, length};
  // Less if some of it is not in memory; a file system that cannot tell refuses.
  if (::preadv2(file.value(), &target, 1, 0, RWF_NOWAIT) != static_cast<ssize_t>(length)) return false;
  if (!seals_.check(digest, {bytes, length})) {
    ::unlink(path.c_str());
    return false;
  }
  noteUse(file.value());
  return true;
}

void DiskCache::add(const Digest& digest, SharedBlock block) {
  const std::size_t bytes = block->memory();
  if (waiting_.fetch_add(bytes) + bytes > limits::kDiskQueueBytesMax) {
    waiting_ -= bytes;
    return;
  }
  writer_.run([this, digest, block = std::move(block), bytes] {
    write(digest, block->view());
    waiting_ -= bytes;
  });
}

void DiskCache::write(const Digest& digest, std::string_view bytes) {
  const std::string path = fileOf(digest);
  const std::string temporary = path + ".tmp-" + randomName();
  std::error_code ignored;
  int opened = ::open(temporary.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (opened < 0 && errno == ENOENT) {
    fs::create_directories(fs::path(path).parent_path(), ignored);
    opened = ::open(temporary.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  }
  const Descriptor file(opened);
  if (file.value() < 0) return;
  // Not synced: what a power loss tears is found when it is read.
  if (!writeAll(file.value(), bytes) || ::rename(temporary.c_str(), path.c_str()) != 0) {
    ::unlink(temporary.c_str());
    return;
  }
  seals_.add(digest, bytes);
  unchecked_ += bytes.size();
  if (unchecked_ > bytesMax_ / limits::kDiskCheckShare) evict();
}

void DiskCache::evict() {
  unchecked_ = 0;
  std::vector<Cached> files;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    struct stat status = {};
    const std::string path = entry->path().string();
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const std::time_t used = status.st_mtim.tv_sec;
    const bool isTemporary = path.find(".tmp-") != std::string::npos;
    if (isTemporary && std::time(nullptr) - used > limits::kDiskTemporarySecondsMax) ::unlink(path.c_str());
    if (isTemporary) continue;
    files.push_back({path, static_cast<std::uint64_t>(status.st_size), used});
    total += files.back().bytes;
  }
  if (total <= bytesMax_) return;
  std::sort(files.begin(), files.end(), [](const Cached& left, const Cached& right) { return left.used < right.used; });
  const std::uint64_t keep = bytesMax_ / 16 * limits::kDiskKeepSixteenths;
  for (const Cached& file : files) {
    if (total <= keep) break;
    if (::unlink(file.path.c_str()) == 0) total -= file.bytes;
  }
}

}  // namespace gdpfs
