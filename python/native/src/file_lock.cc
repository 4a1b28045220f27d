#include "file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "limits.h"

namespace gdpfs {
namespace {

// How often a waiting process looks again.
constexpr std::int64_t kPollMs = 20;

LockClock realClock() {
  using std::chrono::milliseconds;
  return {
      [] {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return static_cast<std::int64_t>(std::chrono::duration_cast<milliseconds>(now).count());
      },
      [](std::int64_t durationMs) { std::this_thread::sleep_for(milliseconds(durationMs)); },
  };
}

// Each holder makes a file of its own. Empty if there is none by now.
std::string identityOf(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return "";
  return std::to_string(status.st_ino) + ' ' + std::to_string(status.st_ctim.tv_sec) + '.' +
         std::to_string(status.st_ctim.tv_nsec);
}

bool makeFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  ::close(descriptor);
  return true;
}

}  // namespace

FileLock::FileLock(std::string path) : FileLock(std::move(path), realClock()) {}

FileLock::FileLock(std::string path, const LockClock& clock) : path_(std::move(path)) {
  std::string holder;
  std::int64_t since = clock.now();
  while (!makeFile(path_)) {
    if (errno != EEXIST) return;
    const std::string current = identityOf(path_);
    if (current != holder) {
      holder = current;
      since = clock.now();
    }
    if (clock.now() - since > limits::kConfigLockMs) return;
    clock.pause(kPollMs);
  }
  isHeld_ = true;
}

FileLock::~FileLock() {
  if (isHeld_) ::unlink(path_.c_str());
}

}  // namespace gdpfs
