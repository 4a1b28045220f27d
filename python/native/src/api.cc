#include "api.h"

#include <nlohmann/json.hpp>

#include "error.h"
#include "limits.h"

namespace gdpfs {
namespace {

using Json = nlohmann::json;

constexpr const char* kJson = "application/json";
constexpr const char* kListing = "application/vnd.gdpfs.listing";
constexpr const char* kManifest = "application/vnd.gdpfs.manifest";
constexpr const char* kRecords = "application/vnd.gdpfs.records";
constexpr const char* kChunks = "application/vnd.gdpfs.chunks";
constexpr const char* kBytes = "application/octet-stream";

constexpr std::size_t kManifestEntryBytes = 48;

Error malformed(const char* what) {
  return Error("corrupt", std::string("cannot read the server's answer: ") + what + " is malformed");
}

Json parseObject(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  if (!value.is_object()) throw malformed("it");
  return value;
}

std::string textOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) throw malformed(name);
  return found->get<std::string>();
}

/// Reads fields one behind the other.
class RowReader {
 public:
  explicit RowReader(std::string_view bytes) : bytes_(bytes) {}

  bool isAtEnd() const { return bytes_.empty(); }
  std::string_view take(std::size_t length) {
    if (bytes_.size() < length) throw malformed("a listing");
    const std::string_view field = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return field;
  }
  std::uint64_t integer(int count) { return getBigEndian(take(static_cast<std::size_t>(count)).data(), count); }

 private:
  std::string_view bytes_;
};

/// "Listing row" in docs/formats.md; of one level, so that rows share nothing.
NamedEntry readRow(RowReader& reader) {
  NamedEntry row;
  const std::uint64_t kind = reader.integer(1);
  if (kind < 1 || kind > 3 || reader.integer(1) != 0) throw malformed("a listing");
  row.entry.kind = static_cast<Kind>(kind);
  reader.take(2);
  row.entry.mtimeUs = static_cast<std::int64_t>(reader.integer(8));
  row.name = reader.take(reader.integer(2));
  // Programs join it with paths of their own, also of local disks.
  if (!isEntryName(row.name)) throw malformed("a listing");
  if (row.entry.kind == Kind::kFile) {
    row.entry.size = reader.integer(8);
    reader.take(32);
  } else if (row.entry.kind == Kind::kLink) {
    reader.take(reader.integer(2));
  }
  return row;
}

/// Entries of a page of a manifest, behind those that are there.
void readManifest(std::string_view page, std::uint64_t size, std::vector<Chunk>& chunks) {
  if (page.size() % kManifestEntryBytes != 0) throw malformed("a manifest");
  if (chunks.size() + page.size() / kManifestEntryBytes > limits::kFileRecordsMax) throw malformed("a manifest");
  chunks.reserve(chunks.size() + page.size() / kManifestEntryBytes);
  std::uint64_t end = chunks.empty() ? 0 : chunks.back().end();
  for (const char* entry = page.data(); entry < page.data() + page.size(); entry += kManifestEntryBytes) {
    Chunk chunk;
    chunk.offset = getBigEndian(entry, 8);
    chunk.length = static_cast<std::uint32_t>(getBigEndian(entry + 8, 4));
    chunk.checksum = static_cast<std::uint32_t>(getBigEndian(entry + 12, 4));
    std::memcpy(chunk.digest.data(), entry + 16, chunk.digest.size());
    const bool isInside = chunk.offset >= end && chunk.offset <= limits::kSafeIntegerMax && chunk.end() <= size;
    if (!isInside || chunk.length == 0 || chunk.length > limits::kChunkBytesMax) throw malformed("a manifest");
    end = chunk.end();
    chunks.push_back(chunk);
  }
}

std::string joinPath(const std::string& volume, const Path& path) {
  return path.isRoot() ? '/' + volume : '/' + volume + '/' + path.path;
}

}  // namespace

std::string Api::apiPath(const Path& path) { return joinPath(trust_.nameOf(path.reference()), path); }

std::string Api::pathNow(const Path& path) {
  requireNow(path);
  return apiPath(path);
}

std::vector<std::pair<const char*, std::string>> Api::placeOf(const Path& path) {
  std::vector<std::pair<const char*, std::string>> place = {{"path", apiPath(path)}};
  const std::string pin = path.pin();
  if (pin.empty()) return place;
  place.emplace_back("at", isSnapshotName(pin) ? std::to_string(trust_.seqOf(path.reference(), pin)) : pin);
  return place;
}

Entry Api::stat(const Path& path) {
  Entry entry;
  if (path.volume.empty()) return entry;
  Request request;
  request.route = "/api/v1/files";
  request.query = placeOf(path);
  const Json object = parseObject(http_.send(request).body);
  const std::string kind = textOf(object, "kind");
  entry.kind = kind == "file" ? Kind::kFile : kind == "directory" ? Kind::kDirectory : Kind::kLink;
  const auto mtime = object.find("mtimeUs");
  const auto size = object.find("size");
  if (mtime == object.end() || !mtime->is_number_integer()) throw malformed("mtimeUs");
  if (size == object.end() || !size->is_number_unsigned()) throw malformed("size");
  entry.mtimeUs = mtime->get<std::int64_t>();
  entry.size = size->get<std::uint64_t>();
  return entry;
}

std::vector<NamedEntry> Api::list(const Path& directory) {
  std::vector<NamedEntry> found;
  if (directory.volume.empty()) {
    Request request;
    request.route = "/api/v1/volumes";
    const Json object = parseObject(http_.send(request).body);
    for (const Json& volume : object.value("volumes", Json::array())) {
      found.push_back({textOf(volume, "alias"), {}});
      if (!isVolumeName(found.back().name)) throw malformed("a listing");
    }
    return found;
  }
  listPages(directory, [&](std::string_view page) {
    for (RowReader reader(page); !reader.isAtEnd();) found.push_back(readRow(reader));
  });
  return found;
}

void Api::listPages(const Path& directory, const std::function<void(std::string_view)>& take) {
  const auto place = placeOf(directory);
  std::string cursor;
  std::string at = place.size() > 1 ? place.back().second : std::string();
  do {
    Request request;
    request.route = "/api/v1/files";
    request.query = {place.front(), {"list", "children"}, {"limit", std::to_string(limits::kListPageEntries)}};
    if (!cursor.empty()) request.query.emplace_back("cursor", cursor);
    if (!at.empty()) request.query.emplace_back("at", at);
    request.accept = kListing;
    const Answer answer = http_.send(request);
    take(answer.body);
    if (!answer.cursor.empty() && answer.cursor == cursor) throw malformed("a listing");
    cursor = answer.cursor;
    at = std::to_string(answer.seq);
  } while (!cursor.empty());
}

OpenedFile Api::openInline(const Path& path, std::size_t bytesMax) {
  if (path.volume.empty()) throw Error("is_a_directory", "cannot read \"gdp://\": it is not a file");
  auto version = std::make_shared<FileVersion>();
  version->path = path;
  Request request;
  request.route = "/api/v1/file/chunks";
  request.query = placeOf(path);
  version->isPast = request.query.size() > 1;
  request.accept = kManifest;
  request.inlineMax = bytesMax;
  Answer answer = http_.send(request);
  if (answer.inlined > answer.body.size()) throw malformed("a manifest");
  std::string content = answer.body.substr(answer.body.size() - answer.inlined);
  answer.body.resize(answer.body.size() - answer.inlined);
  version->etag = answer.etag;
  version->size = answer.size;
  version->seq = answer.seq;
  if (version->size > limits::kSafeIntegerMax) throw malformed("the size of the file");
  readManifest(answer.body, version->size, version->chunks);
  request.inlineMax = 0;
  request.ifMatch = version->etag;
  request.query = {request.query.front(), {"at", std::to_string(version->seq)}, {"cursor", ""}};
  while (!answer.cursor.empty() && !answer.body.empty()) {
    request.query.back().second = answer.cursor;
    answer = http_.send(request);
    readManifest(answer.body, version->size, version->chunks);
  }
  const std::string root = formatDigest(contentRoot(version->chunks, version->size));
  if (root != version->etag) {
    throw Error("corrupt", "cannot trust the manifest of \"" + path.path + "\": its root is " + root + ", need " +
                               version->etag);
  }
  const bool isWhole = version->chunks.size() == 1 && version->chunks.front().length == content.size();
  return {std::move(version), isWhole ? std::move(content) : ""};
}

void Api::readChunks(const FileVersion& version, const std::vector<std::size_t>& chunks, bool verify, BodySink& sink) {
  std::string ranges;
  for (std::size_t index = 0; index < chunks.size();) {
    const Chunk& first = version.chunks[chunks[index]];
    std::uint64_t end = first.end();
    for (index += 1; index < chunks.size() && version.chunks[chunks[index]].offset == end; index += 1) {
      end = version.chunks[chunks[index]].end();
    }
    if (!ranges.empty()) ranges += ',';
    ranges += std::to_string(first.offset) + ':' + std::to_string(end - first.offset);
  }
  Request request;
  request.route = "/api/v1/storage/file/chunks";
  request.ifMatch = version.etag;
  request.sink = &sink;
  const std::string path = joinPath(trust_.knownNameOf(version.path.reference()), version.path);
  const auto ask = [&](bool past) {
    request.query = {{"path", path}, {"ranges", ranges}};
    if (verify) request.query.emplace_back("verify", "true");
    if (past) request.query.emplace_back("at", std::to_string(version.seq));
    http_.send(request);
  };
  // Other threads that read the file find out at the same time: what counts is how this one asked.
  const bool past = version.isPast;
  try {
    ask(past);
  } catch (const Error& error) {
    const bool isReplaced = error.is("changed") || error.is("not_found") || error.is("not_a_directory") ||
                            error.is("is_a_directory") || error.is("not_a_file");
    if (!isReplaced || past) throw;
    version.isPast = true;
    ask(true);
  }
}

void Api::createDirectory(const Path& path, bool parents) {
  if (path.volume.empty()) {
    if (parents) return;
    throw Error("exists", "cannot create directory \"gdp://\": it exists");
  }
  const Json body = {{"path", pathNow(path)}, {"kind", "directory"}, {"parents", parents}};
  const std::string text = body.dump();
  Request request;
  request.method = "POST";
  request.route = "/api/v1/files";
  request.contentType = kJson;
  request.body = text;
  http_.send(request);
}

void Api::remove(const Path& path, const char* only, bool recursive) {
  Request request;
  request.method = "DELETE";
  request.route = "/api/v1/files";
  request.query = {{"path", pathNow(path)}};
  if (recursive) request.query.emplace_back("recursive", "true");
  if (*only != '\0') request.query.emplace_back("only", only);
  http_.send(request);
}

void Api::rename(const Path& from, const Path& to) { putElsewhere("rename", from, to); }

void Api::copy(const Path& from, const Path& to) { putElsewhere("copy", from, to); }

void Api::putElsewhere(const char* operation, const Path& from, const Path& to) {
  Json body = {{"op", operation}, {"to", pathNow(to)}};
  const bool isCopy = std::string_view(operation) == "copy";
  const auto place = isCopy ? placeOf(from) : std::vector<std::pair<const char*, std::string>>{{"path", pathNow(from)}};
  if (place.size() > 1) body["at"] = place.back().second;
  const std::string text = body.dump();
  Request request;
  request.method = "PATCH";
  request.route = "/api/v1/files";
  request.query = {place.front()};
  request.contentType = kJson;
  request.body = text;
  http_.send(request);
}

std::string Api::writeFile(const Path& path, std::string_view content, const std::string& ifMatch) {
  Request request;
  request.method = "POST";
  request.route = "/api/v1/storage/files";
  request.query = {{"path", pathNow(path)}};
  request.contentType = kBytes;
  request.body = content;
  request.ifMatch = ifMatch;
  return http_.send(request).etag;
}

OpenUpload Api::openUpload(const Path& path) { return openTransfer(path, {}); }

OpenUpload Api::openAppend(const Path& path, const AppendBase& base) { return openTransfer(path, base); }

OpenUpload Api::openTransfer(const Path& path, const AppendBase& base) {
  const std::string to = pathNow(path);
  const Json body = base.content.empty()
                        ? Json{{"path", to}, {"kind", "upload"}}
                        : Json{{"path", to}, {"kind", "append"}, {"content", base.content}, {"size", base.size}};
  const std::string text = body.dump();
  Request request;
  request.method = "POST";
  request.route = "/api/v1/files";
  request.contentType = kJson;
  request.body = text;
  const Json object = parseObject(http_.send(request).body);
  OpenUpload upload;
  upload.id = textOf(object, "upload");
  upload.isUnsummed = object.value("unsummed", false);
  const auto chunking = object.find("chunking");
  if (chunking == object.end() || !chunking->is_object()) throw malformed("chunking");
  if (textOf(*chunking, "mode") == "cdc") {
    upload.chunking.key = decodeBase64Url(textOf(*chunking, "key"));
    return upload;
  }
  const auto chunkSize = chunking->find("chunkSize");
  if (chunkSize == chunking->end() || !chunkSize->is_number_unsigned()) throw malformed("chunkSize");
  upload.chunking.chunkSize = chunkSize->get<std::uint32_t>();
  if (upload.chunking.chunkSize == 0 || upload.chunking.chunkSize > limits::kChunkBytesMax) throw malformed("chunkSize");
  return upload;
}

void Api::sendChunks(const std::string& upload, const BodySource& frames) { postChunks(upload, frames, false); }

std::vector<std::uint32_t> Api::sendUnsummedChunks(const std::string& upload, const BodySource& frames,
                                                   std::size_t count) {
  const Json object = parseObject(postChunks(upload, frames, true).body);
  const auto found = object.find("checksums");
  if (found == object.end() || !found->is_array() || found->size() != count) throw malformed("checksums");
  std::vector<std::uint32_t> checksums;
  for (const Json& checksum : *found) {
    if (!checksum.is_number_unsigned()) throw malformed("checksums");
    checksums.push_back(checksum.get<std::uint32_t>());
  }
  return checksums;
}

Answer Api::postChunks(const std::string& upload, const BodySource& frames, bool isUnsummed) {
  Request request;
  request.method = "POST";
  request.route = "/api/v1/storage/file/chunks";
  request.query = {{"upload", upload}};
  if (isUnsummed) request.query.emplace_back("unsummed", "true");
  request.contentType = kChunks;
  request.source = &frames;
  return http_.send(request);
}

void Api::commit(const Path& path, const UploadCommit& commit, const std::string& ifMatch) {
  Request request;
  request.method = "PATCH";
  request.route = "/api/v1/files";
  request.query = {{"path", pathNow(path)},
                   {"upload", commit.upload},
                   {"size", std::to_string(commit.size)},
                   {"content", formatDigest(commit.log.content)}};
  // Who appends does not know the records before.
  if (commit.log.root.has_value()) request.query.emplace_back("root", formatDigest(*commit.log.root));
  request.contentType = kRecords;
  request.body = commit.log.records;
  request.ifMatch = ifMatch;
  http_.send(request);
}

}  // namespace gdpfs
