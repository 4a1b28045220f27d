#include "glob.h"

#include <cstdint>

namespace gdpfs {
namespace {

/// Takes a code point; of what is not UTF-8, a byte.
std::uint32_t takeLetter(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (length > text.size()) length = 1;
  std::uint32_t letter = 0;
  for (std::size_t index = 0; index < length; index += 1) letter = letter << 8 | static_cast<unsigned char>(text[index]);
  text.remove_prefix(length);
  return letter;
}

/// `pattern` begins behind `[`. Takes the set; false if it has no end, and then `[` is a letter.
bool takeSet(std::string_view& pattern, std::uint32_t letter, bool& isIn) {
  std::string_view rest = pattern;
  const bool isNegated = !rest.empty() && (rest.front() == '^' || rest.front() == '!');
  if (isNegated) rest.remove_prefix(1);
  bool isFound = false;
  for (bool isFirst = true; !rest.empty(); isFirst = false) {
    if (rest.front() == ']' && !isFirst) {
      rest.remove_prefix(1);
      pattern = rest;
      isIn = isFound != isNegated;
      return true;
    }
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    const std::uint32_t from = takeLetter(rest);
    std::uint32_t to = from;
    if (rest.size() > 1 && rest.front() == '-' && rest[1] != ']') {
      rest.remove_prefix(1);
      if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
      to = takeLetter(rest);
    }
    isFound = isFound || (from <= letter && letter <= to);
  }
  return false;
}

/// Takes what stands for one letter off the pattern.
bool matchesLetter(std::string_view& pattern, std::uint32_t letter) {
  const char head = pattern.front();
  if (head == '?') {
    pattern.remove_prefix(1);
    return true;
  }
  if (head == '[') {
    std::string_view rest = pattern.substr(1);
    bool isIn = false;
    if (takeSet(rest, letter, isIn)) {
      pattern = rest;
      return isIn;
    }
  }
  if (head == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
  return takeLetter(pattern) == letter;
}

}  // namespace

bool isPattern(std::string_view name) { return name.find_first_of("*?[") != std::string_view::npos; }

bool matches(std::string_view pattern, std::string_view name) {
  // Where to go on if what follows the last `*` does not match.
  std::string_view retryPattern;
  std::string_view retryName;
  bool hasStar = false;
  while (!name.empty()) {
    if (!pattern.empty() && pattern.front() == '*') {
      pattern.remove_prefix(1);
      retryPattern = pattern;
      retryName = name;
      hasStar = true;
      continue;
    }
    std::string_view rest = name;
    const std::uint32_t letter = takeLetter(rest);
    if (!pattern.empty() && matchesLetter(pattern, letter)) {
      name = rest;
      continue;
    }
    if (!hasStar) return false;
    takeLetter(retryName);
    name = retryName;
    pattern = retryPattern;
  }
  while (!pattern.empty() && pattern.front() == '*') pattern.remove_prefix(1);
  return pattern.empty();
}

std::string unquote(std::string_view pattern) {
  std::string name;
  for (std::size_t index = 0; index < pattern.size(); index += 1) {
    if (pattern[index] == '\\' && index + 1 < pattern.size()) index += 1;
    name += pattern[index];
  }
  return name;
}

}  // namespace gdpfs
