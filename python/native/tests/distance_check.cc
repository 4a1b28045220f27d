#include "distance_check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "../src/client.h"
#include "../src/distance.h"
#include "../src/limits.h"
#include "../src/operations.h"
#include "check.h"

namespace gdpfs::tests {

void checkDistance() {
  constexpr std::int64_t kFarUs = 1'000'000'000;
  Distance distance;
  distance.noteAnswer(limits::kNearAnswerUs - 1);
  check(!distance.isNear(), "a server is not near by its answers alone");
  distance.noteConnection(limits::kNearConnectUs);
  check(!distance.isNear(), "a connection that takes long does not make it near");
  distance.noteConnection(limits::kNearConnectUs - 1);
  check(distance.isNear(), "both make it near");
  distance.noteConnection(kFarUs);
  distance.noteAnswer(kFarUs);
  check(distance.isNear(), "what was delayed says nothing");
  Distance proxied;
  proxied.noteConnection(0);
  check(!proxied.isNear(), "a connection says nothing of what is behind it");
  proxied.noteAnswer(limits::kNearAnswerUs);
  check(!proxied.isNear(), "an answer that takes long does not make it near");
}

/// A machine that is busy may delay most answers of a server that is near, but not all of them.
void watchDistance(const Path& root, bool isNear) {
  const int rounds = isNear ? 10'000 : 10;
  Client& client = Client::current();
  for (int round = 0; round < rounds && !client.distance().isNear(); round += 1) Operations(client).stat(root);
  check(client.distance().isNear() == isNear, "a server is as near as its answers");
  const std::size_t processors = std::thread::hardware_concurrency();
  const std::size_t threads = isNear ? std::min(limits::kWorkersMax, processors + 1) : limits::kWorkersMax;
  check(client.fetchersMax() == threads, "a server that is near is asked by fewer threads");
}

}  // namespace gdpfs::tests
