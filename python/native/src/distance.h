// How far away the server is, as far as its clients can tell.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "limits.h"

namespace gdpfs {

/// The least that anything took: a busy machine delays much, and hastens nothing. May be used by any number of threads.
class Distance {
 public:
  /// A connection was made, without TLS, in so many microseconds.
  void noteConnection(std::int64_t us) { lower(connectionUs_, us); }
  /// The first byte of an answer came so long after its request was sent.
  void noteAnswer(std::int64_t us) { lower(answerUs_, us); }

  /// Is waiting for the server nothing to reckon with? A connection says little alone: something that is near may have
  /// taken it for a server that is far.
  bool isNear() const { return connectionUs_ < limits::kNearConnectUs && answerUs_ < limits::kNearAnswerUs; }

 private:
  using Least = std::atomic<std::int64_t>;

  static void lower(Least& least, std::int64_t us) {
    for (std::int64_t known = least; us < known && !least.compare_exchange_weak(known, us);) continue;
  }

  Least connectionUs_{std::numeric_limits<std::int64_t>::max()};
  Least answerUs_{std::numeric_limits<std::int64_t>::max()};
};

}  // namespace gdpfs
