// A file that keeps other processes out for as long as it exists.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace gdpfs {

/// Milliseconds of a clock that only goes forward.
struct LockClock {
  std::function<std::int64_t()> now;
  std::function<void(std::int64_t)> pause;
};

/// For actions of milliseconds. Whoever has the lock for longer than `kConfigLockMs`, of however many one after the other, is
/// not waited for. A lock that a crash left behind is never taken over: nothing tells it from one in use.
class FileLock {
 public:
  explicit FileLock(std::string path);
  FileLock(std::string path, const LockClock& clock);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  /// False if somebody else has it, or if the folder cannot be written.
  bool isHeld() const { return isHeld_; }

 private:
  std::string path_;
  bool isHeld_ = false;
};

}  // namespace gdpfs
