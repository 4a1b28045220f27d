#include "process_end.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace gdpfs {
namespace {

std::atomic<bool> isEnding{false};

struct Stops {
  std::mutex mutex;
  std::vector<std::pair<pid_t, std::function<void()>>> all;
};

Stops& stops() {
  // Never destroyed: it is needed when everything else is.
  static Stops* const instance = new Stops();
  return *instance;
}

void end() {
  isEnding = true;
  for (const auto& [process, stop] : stops().all) {
    if (process == ::getpid()) stop();
  }
}

}  // namespace

bool isProcessEnding() { return isEnding; }

void atProcessEnd(std::function<void()> stop) {
  static const int isRegistered = std::atexit(end);
  const std::lock_guard lock(stops().mutex);
  if (isRegistered == 0) stops().all.emplace_back(::getpid(), std::move(stop));
}

}  // namespace gdpfs
