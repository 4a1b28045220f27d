#include "http.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "digest.h"
#include "error.h"
#include "limits.h"
#include "process_end.h"

namespace gdpfs {
namespace {

using Clock = std::chrono::steady_clock;

// What libcurl hands on at once, the largest that it allows; and what it takes at once, which stays in the cache of the
// processor until it is encrypted.
constexpr long kReceiveBufferBytes = 512 * 1024;
constexpr long kSendBufferBytes = 64 * 1024;

std::string percentEncode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool isPlain = std::isalnum(byte) != 0 || std::string_view("-._~/:,").find(letter) != std::string_view::npos;
    if (isPlain && byte < 0x80) {
      encoded += letter;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

std::string percentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t index = 0; index < text.size(); index += 1) {
    if (text[index] != '%' || index + 2 >= text.size()) {
      decoded += text[index];
      continue;
    }
    decoded += static_cast<char>(std::stoi(std::string(text.substr(index + 1, 2)), nullptr, 16));
    index += 2;
  }
  return decoded;
}

/// What one exchange sends.
struct Sender {
  const BodySource* source = nullptr;
  std::size_t position = 0;
};

size_t onRead(char* buffer, size_t size, size_t count, void* context) noexcept {
  auto& sender = *static_cast<Sender*>(context);
  const std::size_t length = std::min(size * count, sender.source->size() - sender.position);
  sender.source->read(sender.position, buffer, length);
  sender.position += length;
  return length;
}

/// A connection that was closed meanwhile is replaced, and the body sent once more.
int onSeek(void* context, curl_off_t offset, int origin) noexcept {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Sender*>(context)->position = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

/// Where one exchange puts what comes.
struct Receiver {
  Answer answer;
  BodySink* sink = nullptr;
  std::exception_ptr failure;
};

bool takeHeader(std::string_view line, std::string_view name, std::string& value) {
  if (line.size() <= name.size() || line[name.size()] != ':') return false;
  const bool isSame = std::equal(name.begin(), name.end(), line.begin(), [](char left, char right) {
    return left == std::tolower(static_cast<unsigned char>(right));
  });
  if (!isSame) return false;
  std::string_view rest = line.substr(name.size() + 1);
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  while (!rest.empty() && (rest.back() == '\r' || rest.back() == '\n' || rest.back() == ' ')) rest.remove_suffix(1);
  value = rest;
  return true;
}

std::uint64_t parseNumber(const std::string& text) {
  try {
    return std::stoull(text);
  } catch (const std::exception&) {
    return 0;
  }
}

size_t onHeader(char* bytes, size_t size, size_t count, void* context) noexcept {
  auto& receiver = *static_cast<Receiver*>(context);
  const std::string_view line(bytes, size * count);
  try {
    std::string value;
    if (line.substr(0, 5) == "HTTP/") {
      receiver.answer = Answer();
      const std::size_t space = line.find(' ');
      if (space != std::string_view::npos) receiver.answer.status = std::stol(std::string(line.substr(space + 1, 3)));
      if (receiver.sink != nullptr && receiver.answer.status == 200) receiver.sink->begin();
    } else if (takeHeader(line, "etag", value)) {
      if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
      receiver.answer.etag = value;
    } else if (takeHeader(line, "gdpfs-size", value)) {
      receiver.answer.size = parseNumber(value);
    } else if (takeHeader(line, "gdpfs-seq", value)) {
      receiver.answer.seq = parseNumber(value);
    } else if (takeHeader(line, "gdpfs-inline", value)) {
      receiver.answer.inlined = parseNumber(value);
    } else if (takeHeader(line, "gdpfs-cursor", value)) {
      receiver.answer.cursor = percentDecode(value);
    } else if (takeHeader(line, "retry-after", value)) {
      receiver.answer.retryAfterMs = static_cast<std::int64_t>(std::min<std::uint64_t>(
          parseNumber(value) * 1000, static_cast<std::uint64_t>(limits::kRetryAfterMsMax)));
    }
  } catch (...) {
    receiver.failure = std::current_exception();
    return 0;
  }
  return size * count;
}

size_t onBody(char* bytes, size_t size, size_t count, void* context) noexcept {
  auto& receiver = *static_cast<Receiver*>(context);
  const std::size_t length = size * count;
  try {
    if (receiver.sink != nullptr && receiver.answer.status == 200) {
      receiver.sink->take(bytes, length);
    } else {
      std::string& body = receiver.answer.body;
      if (body.size() + length > limits::kAnswerBytesMax) throw Error("corrupt", "cannot read the answer: it is too long");
      body.append(bytes, length);
    }
  } catch (...) {
    receiver.failure = std::current_exception();
    return 0;
  }
  return length;
}

/// Anything but 0 cuts the exchange.
int onProgress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return isProcessEnding() ? 1 : 0; }

Error networkError(CURLcode code, const char* detail, const std::string& url) {
  const std::string place = "\"" + url + "\"";
  const std::string why = *detail == '\0' ? curl_easy_strerror(code) : detail;
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Error("untrusted", "cannot trust " + place + ": its certificate is not the expected one (" + why + ")",
                   "check the address of the profile; if the server was set up anew, log in again");
    case CURLE_SSL_CERTPROBLEM:
      return Error("certificate_invalid", "cannot use the certificate for " + place + ": " + why,
                   "run \"gdpfs login\" again");
    case CURLE_OPERATION_TIMEDOUT:
      return Error("unavailable", "cannot reach " + place + ": it does not answer");
    case CURLE_COULDNT_RESOLVE_HOST:
      return Error("unavailable", "cannot reach " + place + ": the host name is unknown");
    case CURLE_COULDNT_CONNECT:
      return Error("unavailable", "cannot reach " + place + ": nothing listens there",
                   "start the server, or check the address of the profile");
    default:
      return Error("unavailable", "cannot reach " + place + ": " + why);
  }
}

Error refusal(const Answer& answer) {
  const auto problem = nlohmann::json::parse(answer.body, nullptr, false);
  const auto text = [&](const char* name) {
    const auto found = problem.is_object() ? problem.find(name) : problem.end();
    return problem.is_object() && found != problem.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const std::string code = text("code");
  const std::string detail = text("detail");
  if (code.empty() || detail.empty()) {
    // From something between us and the server.
    return Error("unavailable",
                 "cannot use the server's answer: status " + std::to_string(answer.status) + " without a problem document");
  }
  std::string hint = text("hint");
  if (hint.empty() && code == "certificate_invalid") {
    hint = "any gdpfs command renews a certificate that still works; if it has expired or was revoked, log in again";
  }
  return Error::fromAnswer(answer.status, code, detail, hint);
}

std::int64_t retryDelayMs(int retries) {
  thread_local std::minstd_rand random(std::random_device{}());
  const std::int64_t backOff =
      std::min<std::int64_t>(limits::kRetryDelayMsMin << std::min(retries, 20), limits::kRetryDelayMsMax);
  return backOff / 2 + static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(backOff / 2 + 1));
}

void setBlob(CURL* handle, CURLoption option, const std::string& content) {
  curl_blob blob;
  blob.data = const_cast<char*>(content.data());
  blob.len = content.size();
  blob.flags = CURL_BLOB_COPY;
  curl_easy_setopt(handle, option, &blob);
}

}  // namespace

struct Http::Connection {
  CURL* handle = curl_easy_init();
  /// Whose certificates the handle has.
  std::shared_ptr<const Profile> profile;
  char detail[CURL_ERROR_SIZE] = {};

  Connection() {
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(handle, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(handle, CURLOPT_SSLKEYTYPE, "PEM");
    curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
    // Like the command line: the server is where the profile says.
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, limits::kConnectTimeoutMs);
    // Cut when nothing moves, never because it takes long.
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, limits::kStallSeconds);
    curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, limits::kConnectionIdleSeconds);
    curl_easy_setopt(handle, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
    curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferBytes);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, onProgress);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, onHeader);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, onBody);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, onRead);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, onSeek);
  }
  ~Connection() { curl_easy_cleanup(handle); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void use(const std::shared_ptr<const Profile>& wanted) {
    if (profile == wanted) return;
    setBlob(handle, CURLOPT_CAINFO_BLOB, wanted->ca);
    setBlob(handle, CURLOPT_SSLCERT_BLOB, wanted->certificate);
    setBlob(handle, CURLOPT_SSLKEY_BLOB, wanted->key);
    profile = wanted;
  }
};

Http::Http(Home home) : home_(std::move(home)) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialized != CURLE_OK) throw Error("internal", "cannot start libcurl");
}

Http::~Http() = default;

std::shared_ptr<const Profile> Http::profile() {
  const std::lock_guard lock(mutex_);
  // Looked at for each request: two calls of stat, beside a round trip.
  if (profile_ == nullptr || !home_.isCurrent(*profile_)) profile_ = std::make_shared<const Profile>(home_.load());
  return profile_;
}

std::unique_ptr<Http::Connection> Http::take() {
  std::unique_lock lock(mutex_);
  isFree_.wait(lock, [&] { return inUse_ < limits::kConnectionsMax; });
  inUse_ += 1;
  if (idle_.empty()) return std::make_unique<Connection>();
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void Http::giveBack(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  inUse_ -= 1;
  idle_.push_back(std::move(connection));
  isFree_.notify_one();
}

Answer Http::send(const Request& request) {
  const std::string key = std::string_view(request.method) == "GET" ? "" : randomName();
  Clock::time_point firstFailure;
  for (int retries = 0;; retries += 1) {
    try {
      return attempt(request, key);
    } catch (const Error& error) {
      if (!error.retry() || isProcessEnding()) throw;
      const auto now = Clock::now();
      if (retries == 0) firstFailure = now;
      const auto triedMs = std::chrono::duration_cast<std::chrono::milliseconds>(now - firstFailure).count();
      const std::int64_t delayMs = retryDelayMs(retries);
      if (triedMs + delayMs > patienceMs()) throw error.givenUp(retries + 1, triedMs);
      std::this_thread::sleep_for(std::chrono::milliseconds(delayMs));
    }
  }
}

std::int64_t Http::patienceMs() const {
  return hasAnswered_ ? limits::kRetryPatienceMs : limits::kFirstContactPatienceMs;
}

Answer Http::attempt(const Request& request, const std::string& key) {
  auto connection = take();
  Answer answer;
  try {
    answer = exchange(*connection, request, key);
  } catch (...) {
    giveBack(std::move(connection));
    throw;
  }
  giveBack(std::move(connection));
  hasAnswered_ = true;
  if (answer.status >= 200 && answer.status < 300) return answer;
  if (answer.status == 503 && answer.retryAfterMs > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(answer.retryAfterMs));
  }
  throw refusal(answer);
}

void Http::noteTimes(const Connection& connection) {
  const auto us = [&](CURLINFO what) {
    curl_off_t value = 0;
    curl_easy_getinfo(connection.handle, what, &value);
    return static_cast<std::int64_t>(value);
  };
  long made = 0;
  curl_easy_getinfo(connection.handle, CURLINFO_NUM_CONNECTS, &made);
  if (made != 0) distance_.noteConnection(us(CURLINFO_CONNECT_TIME_T) - us(CURLINFO_NAMELOOKUP_TIME_T));
  const std::int64_t answeredUs = us(CURLINFO_STARTTRANSFER_TIME_T);
  if (answeredUs > 0) distance_.noteAnswer(answeredUs - us(CURLINFO_PRETRANSFER_TIME_T));
}

Answer Http::exchange(Connection& connection, const Request& request, const std::string& key) {
  const auto wanted = profile();
  connection.use(wanted);
  std::string url = wanted->url + request.route;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    url += separator + std::string(name) + '=' + percentEncode(value);
    separator = '&';
  }
  // `Expect: 100-continue` would cost a round trip.
  curl_slist* headers = curl_slist_append(nullptr, "Expect:");
  const auto addHeader = [&](const char* name, const std::string& value) {
    if (!value.empty()) headers = curl_slist_append(headers, (std::string(name) + ": " + value).c_str());
  };
  addHeader("Accept", request.accept);
  addHeader("Idempotency-Key", key);
  if (request.inlineMax > 0) addHeader("Gdpfs-Inline", std::to_string(request.inlineMax));
  if (!request.ifMatch.empty()) addHeader("If-Match", '"' + request.ifMatch + '"');
  CURL* handle = connection.handle;
  Sender sender;
  sender.source = request.source;
  if (request.contentType.empty()) {
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
  } else {
    addHeader("Content-Type", request.contentType);
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    const std::size_t size = request.source == nullptr ? request.body.size() : request.source->size();
    const char* const body = request.body.empty() ? "" : request.body.data();
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.source == nullptr ? body : nullptr);
    curl_easy_setopt(handle, CURLOPT_READDATA, &sender);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, &sender);
  }
  Receiver receiver;
  receiver.sink = request.sink;
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method);
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &receiver);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &receiver);
  connection.detail[0] = '\0';
  const CURLcode code = curl_easy_perform(handle);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, nullptr);
  curl_slist_free_all(headers);
  if (receiver.failure != nullptr) std::rethrow_exception(receiver.failure);
  if (code != CURLE_OK) throw networkError(code, connection.detail, wanted->url);
  noteTimes(connection);
  return std::move(receiver.answer);
}

}  // namespace gdpfs
