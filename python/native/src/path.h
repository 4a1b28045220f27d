// gdp:// names.
#pragma once

#include <string>
#include <string_view>

namespace gdpfs {

/// A place in a volume.
struct Path {
  /// Alias or 43-character name, and behind `@` what pins it; empty for `gdp://`, where the volumes are.
  std::string volume;
  /// Names joined by `/`; empty for the root directory of the volume.
  std::string path;

  bool isRoot() const { return path.empty(); }
  /// Alias or name alone.
  std::string reference() const;
  /// The name of a snapshot, or a seq, if it is a place in that state; else empty.
  std::string pin() const;
  /// `gdp://<volume>/<path>`
  std::string uri() const;
  Path parent() const;
  Path child(std::string_view name) const;
  /// Is this below `directory`, and not `directory` itself?
  bool isBelow(const Path& directory) const;
  bool operator==(const Path& other) const { return volume == other.volume && path == other.path; }
};

/// `uri` in its one form: `.`, `..` and empty names resolved, no slash at the end; the volume stays what it is.
std::string cleanUri(std::string_view uri);

/// Throws `usage`.
Path parsePath(std::string_view uri);

/// Throws `read_only` for a place in a state of the past, which cannot be changed.
void requireNow(const Path& path);

/// Can an entry of a directory have this name? Others lead elsewhere, as `..` does.
bool isEntryName(std::string_view text);

/// Can a volume be called that: an alias, or its own name?
bool isVolumeName(std::string_view text);

/// Can a state of a volume be called that? No seq is.
bool isSnapshotName(std::string_view text);

bool isUtf8(std::string_view text);

}  // namespace gdpfs
