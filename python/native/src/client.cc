#include "client.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <thread>

#include "block.h"
#include "error.h"
#include "limits.h"
#include "process_end.h"

namespace gdpfs {
namespace {

std::atomic<int> forks{0};

/// Clients by the environment that they were made for.
struct Registry {
  std::mutex mutex;
  std::map<std::string, Client*> clients;
};

Registry& registry() {
  // Never destroyed: files may be closed while the process ends.
  static Registry* const instance = new Registry();
  return *instance;
}

/// Runs in the child: whoever held a lock in the parent is not here, and neither are its threads and connections.
void forgetEverything() {
  forks += 1;
  forgetSpareMemory();
  new (&registry()) Registry();
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::uint64_t parseSize(const std::string& name, const std::string& text) {
  const Error bad("usage", "cannot use " + name + "=\"" + text + "\": need a number of bytes, such as 512M or 10G");
  std::size_t used = 0;
  std::uint64_t value = 0;
  try {
    value = std::stoull(text, &used);
  } catch (const std::exception&) {
    throw bad;
  }
  const std::string unit = text.substr(used);
  if (text.front() == '-' || unit.size() > 1 || value > limits::kSafeIntegerMax) throw bad;
  constexpr std::string_view kUnits = "KMGT";
  const std::size_t power = unit.empty() ? 0 : kUnits.find(unit.front()) + 1;
  if (!unit.empty() && power == 0) throw bad;
  for (std::size_t index = 0; index < power; index += 1) {
    value *= 1024;
    if (value > limits::kSafeIntegerMax) throw bad;
  }
  return value;
}

CacheSettings CacheSettings::fromEnvironment() {
  CacheSettings settings{limits::kMemoryBytesDefault, environment("GDPFS_CACHE_DIR"), limits::kDiskBytesDefault};
  const std::string memory = environment("GDPFS_MEMORY_SIZE");
  const std::string disk = environment("GDPFS_CACHE_SIZE");
  if (!memory.empty()) settings.memoryBytes = parseSize("GDPFS_MEMORY_SIZE", memory);
  if (!disk.empty()) settings.diskBytes = parseSize("GDPFS_CACHE_SIZE", disk);
  settings.memoryBytes = std::max(settings.memoryBytes, limits::kMemoryBytesMin);
  return settings;
}

std::size_t Client::fetchersMax() const {
  if (!http_.distance().isNear()) return limits::kWorkersMax;
  // Enough to keep the processors busy where the server answers at once.
  const std::size_t processors = std::thread::hardware_concurrency();
  return std::min(limits::kWorkersMax, processors + limits::kNearWorkersMore);
}

int Client::generation() { return forks; }

Client& Client::current() {
  static const int isWatching = pthread_atfork(nullptr, nullptr, forgetEverything);
  if (isWatching != 0) throw Error("internal", "cannot watch for forks");
  std::string key;
  for (const char* name : {"GDPFS_HOME", "GDPFS_PROFILE", "XDG_CONFIG_HOME", "HOME", "GDPFS_CACHE_DIR", "GDPFS_CACHE_SIZE",
                           "GDPFS_MEMORY_SIZE"}) {
    key += environment(name) + '\n';
  }
  Registry& known = registry();
  const std::lock_guard lock(known.mutex);
  Client*& client = known.clients[key];
  if (client == nullptr) client = new Client(Home::fromEnvironment(), CacheSettings::fromEnvironment());
  return *client;
}

Client::Client(Home home, const CacheSettings& settings)
    : http_(std::move(home)),
      api_(http_),
      fetchers_([this] { return fetchersMax(); }),
      senders_([] { return limits::kSendersMax; }),
      disk_(settings.diskDirectory, settings.diskBytes),
      chunks_(api_, disk_, fetchers_, settings.memoryBytes),
      filesAhead_(api_, chunks_),
      smallFiles_(api_, chunks_) {
  // After libcurl and OpenSSL were started: what they do at the end comes later.
  atProcessEnd([this] {
    fetchers_.stop();
    senders_.stop();
    disk_.stop();
  });
}

}  // namespace gdpfs
