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

NextName secondName(std::string_view first) {
  constexpr std::string_view kOf = "-of-";
  const std::size_t nameStart = first.rfind('/') + 1;
  const std::size_t of = first.find(kOf, nameStart);
  const std::string_view total = of == std::string_view::npos ? "" : leadingNumber(first.substr(of + kOf.size()));
  std::size_t end = total.empty() ? first.size() : of;
  while (total.empty() && end > nameStart && !isDigit(first[end - 1])) end -= 1;
  std::size_t start = end;
  while (start > nameStart && isDigit(first[start - 1])) start -= 1;
  const bool isZero = start < end && first.substr(start, end - start).find_first_not_of('0') == std::string_view::npos;
  const bool isOnly = !total.empty() && valueOf(total) < 2;
  if (!isZero || isOnly) return {};
  return {std::string(first.substr(0, end - 1)) + '1' + std::string(first.substr(end)), 1};
}

}  // namespace gdpfs
