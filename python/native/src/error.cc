#include "error.h"

#include <algorithm>
#include <iterator>

namespace gdpfs {
namespace {

struct Traits {
  const char* code;
  TF_Code tensorflowCode;
  bool retry;
};

// Alphabetical. `retry` is that of src/base/errors.ts.
constexpr Traits kTable[] = {
    {"bad_chunk", TF_DATA_LOSS, true},
    {"bad_range", TF_OUT_OF_RANGE, false},
    {"bad_request", TF_INVALID_ARGUMENT, false},
    {"bad_token", TF_PERMISSION_DENIED, false},
    {"body_too_large", TF_RESOURCE_EXHAUSTED, false},
    {"busy", TF_UNAVAILABLE, true},
    {"certificate_invalid", TF_UNAUTHENTICATED, false},
    {"certificate_required", TF_UNAUTHENTICATED, false},
    {"changed", TF_ABORTED, false},
    {"chunk_missing", TF_DATA_LOSS, false},
    {"corrupt", TF_DATA_LOSS, false},
    {"exists", TF_ALREADY_EXISTS, false},
    {"forbidden", TF_PERMISSION_DENIED, false},
    {"internal", TF_INTERNAL, false},
    {"is_a_directory", TF_FAILED_PRECONDITION, false},
    {"local_io", TF_FAILED_PRECONDITION, false},
    {"locked", TF_ABORTED, false},
    {"method_not_allowed", TF_INVALID_ARGUMENT, false},
    {"name_too_long", TF_INVALID_ARGUMENT, false},
    {"no_space", TF_RESOURCE_EXHAUSTED, false},
    {"not_a_directory", TF_FAILED_PRECONDITION, false},
    {"not_a_file", TF_FAILED_PRECONDITION, false},
    {"not_empty", TF_FAILED_PRECONDITION, false},
    {"not_found", TF_NOT_FOUND, false},
    {"partial", TF_INTERNAL, false},
    {"quota_exceeded", TF_RESOURCE_EXHAUSTED, false},
    {"read_only", TF_PERMISSION_DENIED, false},
    {"request_reused", TF_INTERNAL, false},
    {"source_changed", TF_ABORTED, false},
    {"trimmed", TF_NOT_FOUND, false},
    {"unavailable", TF_UNAVAILABLE, true},
    {"unsupported_media_type", TF_INVALID_ARGUMENT, false},
    {"untrusted", TF_UNAUTHENTICATED, false},
    {"upload_not_found", TF_ABORTED, false},
    {"usage", TF_INVALID_ARGUMENT, false},
    {"wrong_root", TF_INTERNAL, false},
};

const Traits* find(std::string_view code) {
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable), [&](const Traits& t) { return code == t.code; });
  return found == std::end(kTable) ? nullptr : found;
}

/// The nearest code for one that a newer server may have.
const char* codeOfStatus(long status) {
  switch (status) {
    case 400:
    case 415:
    case 422:
      return "bad_request";
    case 401:
      return "certificate_invalid";
    case 403:
      return "forbidden";
    case 404:
      return "not_found";
    case 409:
      return "not_a_file";
    case 412:
      return "changed";
    case 413:
    case 507:
      return "no_space";
    case 423:
      return "locked";
    case 429:
    case 502:
    case 503:
    case 504:
      return "unavailable";
    default:
      return "internal";
  }
}

}  // namespace

Error::Error(std::string_view code, std::string message, std::string hint)
    : code_(code), message_(std::move(message)), hint_(std::move(hint)) {
  const Traits* traits = find(code);
  tensorflowCode_ = traits == nullptr ? TF_INTERNAL : traits->tensorflowCode;
  retry_ = traits != nullptr && traits->retry;
}

Error Error::fromAnswer(long status, std::string_view code, std::string message, std::string hint) {
  const std::string_view known = find(code) == nullptr ? codeOfStatus(status) : code;
  return Error(known, std::move(message), std::move(hint));
}

std::string Error::text() const { return hint_.empty() ? message_ : message_ + "; " + hint_; }

Error Error::about(const std::string& subject) const {
  Error same(*this);
  same.message_ = subject + ": " + message_;
  return same;
}

Error Error::givenUp(int attempts, std::int64_t triedMs) const {
  Error same(*this);
  same.retry_ = false;
  if (attempts > 1) {
    const std::string seconds = triedMs < 1000 ? "less than 1" : std::to_string(triedMs / 1000);
    same.message_ += " (" + std::to_string(attempts) + " attempts in " + seconds + " s)";
  }
  return same;
}

}  // namespace gdpfs
