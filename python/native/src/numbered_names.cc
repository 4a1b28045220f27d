#include "numbered_names.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace gdpfs {
namespace {

bool isDigit(char letter) { return letter >= '0' && letter <= '9'; }

/// The digits that `text` begins with, if they are few enough to count.
std::string_view leadingNumber(std::string_view text) {
  constexpr std::size_t kDigitsMax = 15;
  std::size_t length = 0;
  while (length < text.size() && isDigit(text[length])) length += 1;
  return length > kDigitsMax ? std::string_view() : text.substr(0, length);
}

std::uint64_t valueOf(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

NextName nextName(std::string_view before, std::string_view last) {
  const auto different = std::mismatch(before.begin(), before.end(), last.begin(), last.end());
  auto start = static_cast<std::size_t>(different.second - last.begin());
  while (start > 0 && isDigit(last[start - 1])) start -= 1;
  const std::string_view older = leadingNumber(before.substr(start));
  const std::string_view newer = leadingNumber(last.substr(start));
  const std::string_view rest = last.substr(start + newer.size());
  if (older.empty() || newer.empty() || before.substr(start + older.size()) != rest) return {};
  if (valueOf(newer) <= valueOf(older)) return {};
  const std::uint64_t step = valueOf(newer) - valueOf(older);
  const std::string number = std::to_string(valueOf(newer) + step);
  // Numbers with zeros before them have a width.
  const bool isPadded = older.front() == '0' && older.size() == newer.size();
  const std::size_t zeros = isPadded && number.size() < newer.size() ? newer.size() - number.size() : 0;
  return {std::string(last.substr(0, start)) + std::string(zeros, '0') + number + std::string(rest), step};
}

}  // namespace gdpfs
