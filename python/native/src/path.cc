#include "path.h"

#include <algorithm>
#include <vector>

#include "error.h"
#include "limits.h"

namespace gdpfs {
namespace {

constexpr std::string_view kScheme = "gdp://";

/// Names of a path with `.`, `..` and empty ones resolved; nothing is above the root.
std::string cleanNames(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      names.push_back(name);
    } else if (!names.empty()) {
      names.pop_back();
    }
  }
  std::string clean;
  for (const std::string_view name : names) {
    if (!clean.empty()) clean += '/';
    clean += name;
  }
  return clean;
}

struct Parts {
  std::string_view volume;
  std::string_view rest;
};

Parts split(std::string_view uri) {
  std::string_view text = uri.substr(kScheme.size());
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {text, {}};
  return {text.substr(0, slash), text.substr(slash)};
}

bool isSeq(std::string_view text) {
  return !text.empty() && text.size() <= limits::kSeqDigitsMax &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string Path::uri() const {
  std::string text(kScheme);
  text += volume;
  if (!path.empty()) text += '/' + path;
  return text;
}

Path Path::parent() const {
  const std::size_t slash = path.rfind('/');
  return {volume, slash == std::string::npos ? "" : path.substr(0, slash)};
}

Path Path::child(std::string_view name) const {
  if (volume.empty()) return {std::string(name), ""};
  return {volume, path.empty() ? std::string(name) : path + '/' + std::string(name)};
}

bool Path::isBelow(const Path& directory) const {
  if (volume != directory.volume) return false;
  if (directory.path.empty()) return !path.empty();
  return path.size() > directory.path.size() && path[directory.path.size()] == '/' &&
         path.compare(0, directory.path.size(), directory.path) == 0;
}

std::string Path::reference() const { return volume.substr(0, volume.find('@')); }

std::string Path::pin() const {
  const std::size_t at = volume.find('@');
  return at == std::string::npos ? std::string() : volume.substr(at + 1);
}

std::string cleanUri(std::string_view uri) {
  if (uri.substr(0, kScheme.size()) != kScheme) return std::string(uri);
  const Parts parts = split(uri);
  return Path{std::string(parts.volume), cleanNames(parts.rest)}.uri();
}

Path parsePath(std::string_view uri) {
  const std::string name(uri);
  if (uri.substr(0, kScheme.size()) != kScheme) {
    throw Error("usage", "cannot use \"" + name + "\": need gdp://VOLUME/PATH");
  }
  if (!isUtf8(uri)) throw Error("usage", "cannot use \"" + name + "\": its name is not UTF-8");
  const Parts parts = split(uri);
  Path path{std::string(parts.volume), cleanNames(parts.rest)};
  const bool isAllVolumes = path.volume.empty() && path.path.empty();
  const std::string reference = path.reference();
  if (!isAllVolumes && !isVolumeName(reference)) {
    throw Error("usage",
                "cannot use \"" + name + "\": \"" + reference +
                    "\" is no name of a volume, need an alias (1 to 32 of a-z, 0-9 and -) or 43 characters");
  }
  if (path.volume != reference && !isSnapshotName(path.pin()) && !isSeq(path.pin())) {
    throw Error("usage", "cannot use \"" + name + "\": behind \"@\" is neither the name of a snapshot nor a seq");
  }
  return path;
}

void requireNow(const Path& path) {
  if (path.pin().empty()) return;
  throw Error("read_only", "cannot change \"" + path.uri() + "\": it is a state of the past, need \"" +
                               Path{path.reference(), path.path}.uri() + '"');
}

bool isEntryName(std::string_view text) {
  constexpr std::string_view kNotInNames("/\0", 2);
  return !text.empty() && text != "." && text != ".." && text.find_first_of(kNotInNames) == std::string_view::npos &&
         isUtf8(text);
}

bool isVolumeName(std::string_view text) {
  const bool isName = text.size() == limits::kVolumeNameLength;
  if (text.empty() || (!isName && text.size() > limits::kAliasLengthMax)) return false;
  for (const char letter : text) {
    const bool isLowerCase = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-';
    const bool isUpperCase = (letter >= 'A' && letter <= 'Z') || letter == '_';
    if (!isLowerCase && !(isName && isUpperCase)) return false;
  }
  return true;
}

bool isSnapshotName(std::string_view text) {
  const auto isLetter = [](char letter) { return letter >= 'a' && letter <= 'z'; };
  if (text.empty() || text.size() > limits::kSnapshotNameLengthMax || !isLetter(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char letter) {
    return isLetter(letter) || (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
  });
}

bool isUtf8(std::string_view text) {
  for (std::size_t index = 0; index < text.size();) {
    const auto lead = static_cast<unsigned char>(text[index]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xf0 && lead < 0xf5             ? 4
                                                                         : 0;
    if (length == 0 || index + length > text.size()) return false;
    for (std::size_t next = 1; next < length; next += 1) {
      if ((static_cast<unsigned char>(text[index + next]) & 0xc0) != 0x80) return false;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[index + 1]) : 0;
    const bool isOverlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool isSurrogate = lead == 0xed && second >= 0xa0;
    if (isOverlong || isSurrogate || (lead == 0xf4 && second >= 0x90)) return false;
    index += length;
  }
  return true;
}

}  // namespace gdpfs
