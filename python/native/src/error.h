// Failures: the closed error table of the API (src/base/errors.ts), and which code of TensorFlow each one is.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "tensorflow_abi.h"

namespace gdpfs {

/// What went wrong. Messages are lower case: `cannot <verb> <object>: <state>`.
class Error : public std::exception {
 public:
  /// `code` is one of the API's table; what it does not have is taken for `internal`.
  Error(std::string_view code, std::string message, std::string hint = "");

  /// What an answer with this status stands for; `code` may be one that this version does not know.
  static Error fromAnswer(long status, std::string_view code, std::string message, std::string hint);

  bool is(std::string_view code) const { return code_ == code; }
  const std::string& code() const { return code_; }
  TF_Code tensorflowCode() const { return tensorflowCode_; }
  /// May the same request be sent again, after a pause?
  bool retry() const { return retry_; }
  /// Message and hint.
  std::string text() const;
  const char* what() const noexcept override { return message_.c_str(); }

  /// The same failure, with what it is about in front.
  Error about(const std::string& subject) const;
  /// The same failure, for good, after that many attempts.
  Error givenUp(int attempts, std::int64_t triedMs) const;

 private:
  std::string code_;
  TF_Code tensorflowCode_;
  bool retry_;
  std::string message_;
  std::string hint_;
};

}  // namespace gdpfs
