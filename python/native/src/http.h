// Requests to the server: mutual TLS, kept-alive connections, repeated as the error table allows.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config.h"
#include "distance.h"
#include "limits.h"

namespace gdpfs {

/// Takes a body as it arrives.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// The body begins, once for each attempt.
  virtual void begin() = 0;
  /// Throws to end the exchange.
  virtual void take(const char* bytes, std::size_t length) = 0;
};

/// Gives a body as it is sent. An exchange that is repeated reads it again.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::size_t size() const = 0;
  /// `length` bytes from `position`, which are there.
  virtual void read(std::size_t position, char* buffer, std::size_t length) const = 0;
};

struct Request {
  const char* method = "GET";
  /// Such as `/api/v1/files`.
  std::string route;
  std::vector<std::pair<const char*, std::string>> query;
  /// Of the body; empty: there is none.
  std::string contentType;
  std::string_view body;
  /// What is sent instead of `body`.
  const BodySource* source = nullptr;
  std::string accept;
  /// `sha256:…`
  std::string ifMatch;
  /// So many bytes of a file may come with its manifest.
  std::size_t inlineMax = 0;
  /// Where a body goes that does not fit into memory; refusals go into the answer all the same.
  BodySink* sink = nullptr;
};

struct Answer {
  long status = 0;
  std::string body;
  /// Without the quotes.
  std::string etag;
  std::string cursor;
  std::uint64_t size = 0;
  std::uint64_t seq = 0;
  /// Of the body, the bytes at its end that are a file's.
  std::size_t inlined = 0;
  std::int64_t retryAfterMs = 0;
};

/// One server, as one principal. May be used by any number of threads.
class Http {
 public:
  explicit Http(Home home);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// The answer of a server that agrees. What changes something gets an Idempotency-Key, so that it takes effect once
  /// however often it is sent. Throws what the server refused with, `unavailable`, `untrusted`, or what `sink` threw.
  Answer send(const Request& request);

  const Home& home() const { return home_; }
  const Distance& distance() const { return distance_; }
  std::shared_ptr<const Profile> profile();

 private:
  struct Connection;

  std::unique_ptr<Connection> take();
  void giveBack(std::unique_ptr<Connection> connection);
  Answer attempt(const Request& request, const std::string& key);
  void noteTimes(const Connection& connection);
  Answer exchange(Connection& connection, const Request& request, const std::string& key);
  std::int64_t patienceMs() const;

  const Home home_;
  std::mutex mutex_;
  std::condition_variable isFree_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t inUse_ = 0;
  std::shared_ptr<const Profile> profile_;
  /// The server has answered this process before, so its address is right.
  std::atomic<bool> hasAnswered_{false};
  Distance distance_;
};

}  // namespace gdpfs
