#include "operations.h"

#include <algorithm>
#include <ctime>

#include "error.h"
#include "glob.h"
#include "limits.h"

namespace gdpfs {
namespace {

std::string quoted(const Path& path) { return '"' + path.uri() + '"'; }

Error isADirectory(const char* verb, const Path& path) {
  return Error("is_a_directory", std::string("cannot ") + verb + ' ' + quoted(path) + ": it is a directory");
}

}  // namespace

std::unique_ptr<Reader> Operations::openReader(const Path& path) {
  client_.writers().findHidden(path);
  publishAt(path);
  auto version = client_.smallFiles().open(path);
  return std::make_unique<Reader>(client_.api(), client_.chunks(), std::move(version), &client_.filesAhead());
}

/// Shows the server what this process has written at a path, so that it reads what it wrote.
void Operations::publishAt(const Path& path) {
  for (const auto& writer : client_.writers().at(path)) writer->publish();
}

void Operations::discardAt(const Path& path) {
  for (const auto& writer : client_.writers().at(path)) writer->discard();
  for (const auto& writer : client_.writers().below(path)) writer->discard();
}

Operations::Found Operations::findPlace(const Path& path) {
  if (client_.writers().findHidden(path) != nullptr) return {true, {Kind::kFile, 0, 0}};
  try {
    return {true, client_.api().stat(path)};
  } catch (const Error& error) {
    if (!error.is("not_found") || path.isRoot()) throw;
  }
  // Throws if the directory is not there.
  const Entry parent = client_.api().stat(path.parent());
  if (parent.kind != Kind::kDirectory) {
    throw Error("not_a_directory", "cannot write " + quoted(path) + ": its parent is not a directory");
  }
  return {false, {}};
}

void Operations::requireFilePlace(const Path& path, const Found& found) {
  if (!found.isThere || found.entry.kind == Kind::kFile) return;
  if (found.entry.kind == Kind::kDirectory) throw isADirectory("write", path);
  throw Error("not_a_file", "cannot write " + quoted(path) + ": it is a symbolic link");
}

std::shared_ptr<Writer> Operations::addWriter(const Path& path, WriteMode mode, SharedVersion base) {
  requireNow(path);
  auto writer = std::make_shared<Writer>(client_.uploadParts(), client_.chunks(), path, mode, std::move(base));
  client_.writers().add(writer);
  return writer;
}

std::shared_ptr<Writer> Operations::openWriter(const Path& path) {
  const Found found = findPlace(path);
  requireFilePlace(path, found);
  const bool isHidden = client_.writers().findHidden(path) != nullptr;
  // Whoever opens a file for writing begins it anew.
  for (const auto& writer : client_.writers().at(path)) writer->discard();
  return addWriter(path, found.isThere && !isHidden ? WriteMode::kOverwrite : WriteMode::kNew, nullptr);
}

std::shared_ptr<Writer> Operations::openAppender(const Path& path) {
  const Found found = findPlace(path);
  requireFilePlace(path, found);
  if (!found.isThere) return addWriter(path, WriteMode::kNew, nullptr);
  publishAt(path);
  return addWriter(path, WriteMode::kAppend, client_.api().open(path));
}

Entry Operations::stat(const Path& path) {
  const auto hidden = client_.writers().findHidden(path);
  if (hidden == nullptr) return client_.api().stat(path);
  return {Kind::kFile, hidden->size(), static_cast<std::int64_t>(std::time(nullptr)) * 1'000'000};
}

std::vector<std::string> Operations::children(const Path& directory) {
  if (client_.writers().findHidden(directory) != nullptr) {
    throw Error("not_a_directory", "cannot list " + quoted(directory) + ": it is not a directory");
  }
  std::vector<std::string> names;
  for (auto& child : client_.api().list(directory)) names.push_back(std::move(child.name));
  for (auto& name : client_.writers().hiddenNames(directory)) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Operations::matching(std::string_view pattern) {
  // The volume is no pattern.
  const Path all = parsePath(pattern);
  std::vector<Path> found = {{all.volume, ""}};
  for (std::string_view rest = all.path; !rest.empty() && !found.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    std::vector<Path> next;
    for (const Path& directory : found) {
      if (!isPattern(name)) {
        next.push_back(directory.child(unquote(name)));
        continue;
      }
      try {
        for (const std::string& child : children(directory)) {
          if (matches(name, child)) next.push_back(directory.child(child));
        }
      } catch (const Error& error) {
        // No directory, no match.
        if (!error.is("not_found") && !error.is("not_a_directory")) throw;
      }
    }
    found = std::move(next);
  }
  const std::string_view last = std::string_view(all.path).substr(all.path.rfind('/') + 1);
  std::vector<std::string> uris;
  for (const Path& path : found) {
    // What a listing has shown need not be asked for.
    const bool isKnown = isPattern(last);
    try {
      if (!isKnown) stat(path);
      uris.push_back(path.uri());
    } catch (const Error& error) {
      if (!error.is("not_found") && !error.is("not_a_directory")) throw;
    }
  }
  return uris;
}

void Operations::createDirectory(const Path& path) {
  if (client_.writers().findHidden(path) != nullptr) {
    throw Error("exists", "cannot create directory " + quoted(path) + ": a file is there");
  }
  client_.api().createDirectory(path, false);
}

void Operations::createDirectories(const Path& path) {
  if (client_.writers().findHidden(path) != nullptr) {
    throw Error("not_a_directory", "cannot create directory " + quoted(path) + ": a file is there");
  }
  client_.api().createDirectory(path, true);
}

void Operations::removeFile(const Path& path) {
  const auto hidden = client_.writers().findHidden(path);
  if (hidden == nullptr) client_.api().remove(path, "file", false);
  discardAt(path);
  // A flush may have been on its way.
  if (hidden != nullptr && hidden->isVisible()) client_.api().remove(path, "file", false);
}

void Operations::removeDirectory(const Path& path) {
  const auto hidden = client_.writers().findHidden(path);
  if (hidden != nullptr) {
    throw Error("not_a_directory", "cannot remove " + quoted(path) + ": it is not a directory");
  }
  for (const auto& writer : client_.writers().below(path)) {
    if (!writer->isHidden()) continue;
    throw Error("not_empty", "cannot remove " + quoted(path) + ": it has a file that is being written");
  }
  client_.api().remove(path, "directory", false);
}

void Operations::removeTree(const Path& path) {
  const auto hidden = client_.writers().findHidden(path);
  if (hidden == nullptr) client_.api().remove(path, "", true);
  discardAt(path);
  if (hidden != nullptr && hidden->isVisible()) client_.api().remove(path, "", true);
}

void Operations::rename(const Path& from, const Path& to) {
  requireNow(from);
  requireNow(to);
  if (from.volume != to.volume) {
    throw Error("usage", "cannot rename " + quoted(from) + " to " + quoted(to) + ": it is another volume",
                "copy it, then remove it");
  }
  auto moved = client_.writers().below(from);
  for (const auto& writer : client_.writers().at(from)) moved.push_back(writer);
  for (const auto& writer : moved) writer->publish();
  client_.writers().findHidden(from);
  client_.writers().findHidden(to);
  client_.api().rename(from, to);
  if (from == to) return;
  discardAt(to);
  for (const auto& writer : moved) {
    const std::string rest = writer->path().path.substr(from.path.size());
    writer->moveTo({to.volume, to.path + rest});
  }
}

void Operations::copy(const Path& from, const Path& to) {
  publishAt(from);
  client_.writers().findHidden(from);
  client_.writers().findHidden(to);
  if (from.volume == to.volume) {
    client_.api().copy(from, to);
  } else {
    copyBytes(from, to);
  }
  discardAt(to);
}

void Operations::copyBytes(const Path& from, const Path& to) {
  const auto reader = openReader(from);
  requireFilePlace(to, findPlace(to));
  Writer writer(client_.uploadParts(), client_.chunks(), to, WriteMode::kOverwrite, nullptr);
  std::string piece(limits::kMib, '\0');
  for (std::uint64_t offset = 0; offset < reader->size();) {
    const std::size_t count = reader->read(offset, piece.size(), piece.data());
    writer.append(std::string_view(piece).substr(0, count));
    offset += count;
  }
  writer.close();
}

}  // namespace gdpfs
