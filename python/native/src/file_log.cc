#include "file_log.h"

#include <chrono>

#include "digest.h"
#include "merkle.h"

namespace gdpfs {
namespace {

// Numbers of persisted messages and fields: keep stable.
constexpr int kMeta = 1;
constexpr int kFchunk = 2;
constexpr int kFormatVersion = 1;
constexpr int kKindFile = 2;
constexpr int kHashSha256 = 1;
constexpr std::size_t kNonceBytes = 16;

enum Wire { kVarint = 0, kBytes = 2, kFixed32 = 5 };

void putVarint(std::string& message, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) message += static_cast<char>(value | 0x80);
  message += static_cast<char>(value);
}

void putTag(std::string& message, int field, Wire wire) { putVarint(message, static_cast<unsigned>(field) << 3 | wire); }

void putInteger(std::string& message, int field, std::uint64_t value) {
  if (value == 0) return;
  putTag(message, field, kVarint);
  putVarint(message, value);
}

void putBytes(std::string& message, int field, std::string_view value) {
  if (value.empty()) return;
  putTag(message, field, kBytes);
  putVarint(message, value.size());
  message += value;
}

void putFixed32(std::string& message, int field, std::uint32_t value) {
  if (value == 0) return;
  putTag(message, field, kFixed32);
  for (int shift = 0; shift < 32; shift += 8) message += static_cast<char>(value >> shift & 0xff);
}

std::string encodeMeta(std::uint32_t chunkSize) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  using std::chrono::system_clock;
  const auto createdMs = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  std::string meta;
  putInteger(meta, 1, kFormatVersion);
  putInteger(meta, 2, kKindFile);
  putBytes(meta, 3, randomBytes(kNonceBytes));
  putInteger(meta, 4, kHashSha256);
  putInteger(meta, 5, static_cast<std::uint64_t>(createdMs));
  putInteger(meta, 9, chunkSize);
  return meta;
}

std::string encodeFchunk(const Chunk& chunk) {
  std::string fchunk;
  putInteger(fchunk, 1, chunk.offset);
  putInteger(fchunk, 2, chunk.length);
  putFixed32(fchunk, 3, chunk.checksum);
  if (chunk.length > 0) putBytes(fchunk, 4, asText(chunk.digest));
  return fchunk;
}

std::string encodeRecord(int kind, const std::string& body) {
  std::string record;
  putBytes(record, kind, body);
  // An empty message is a message all the same.
  if (body.empty()) record = {static_cast<char>(kind << 3 | kBytes), '\0'};
  return record;
}

void addRecord(FileLog& log, std::string_view record) {
  char length[4];
  putBigEndian(length, record.size(), 4);
  log.records.append(length, sizeof length);
  log.records += record;
}

}  // namespace

FileLog makeFileLog(const std::vector<Chunk>& chunks, std::uint64_t size, std::uint32_t chunkSize) {
  FileLog log;
  MerkleTree tree;
  const auto add = [&](const std::string& record) {
    tree.append(record);
    addRecord(log, record);
  };
  add(encodeRecord(kMeta, encodeMeta(chunkSize)));
  for (const Chunk& chunk : chunks) add(encodeRecord(kFchunk, encodeFchunk(chunk)));
  const std::uint64_t dataEnd = chunks.empty() ? 0 : chunks.back().end();
  if (dataEnd < size) {
    Chunk end;
    end.offset = size;
    add(encodeRecord(kFchunk, encodeFchunk(end)));
  }
  log.root = tree.root();
  log.content = contentRoot(chunks, size);
  return log;
}

FileLog extendFileLog(const std::vector<Chunk>& chunks, std::size_t first, std::uint64_t size) {
  FileLog log;
  for (std::size_t index = first; index < chunks.size(); index += 1) {
    addRecord(log, encodeRecord(kFchunk, encodeFchunk(chunks[index])));
  }
  log.content = contentRoot(chunks, size);
  return log;
}

}  // namespace gdpfs
