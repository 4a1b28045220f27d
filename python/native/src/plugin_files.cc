#include "plugin_files.h"

#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "client.h"
#include "error.h"
#include "plugin_support.h"

namespace gdpfs {
namespace {

/// What was opened before a fork belongs to the parent: its threads, connections and locks are not here.
void requireSameProcess(int generation) {
  if (generation == Client::generation()) return;
  throw Error("local_io", "cannot use a file that was opened before this process was forked",
              "open it again here, or start processes with \"spawn\"");
}

// Files that are open for reading.

struct OpenReader {
  std::string uri;
  int generation;
  std::unique_ptr<Reader> reader;
};

void cleanUpReader(TF_RandomAccessFile* file) {
  auto* open = static_cast<OpenReader*>(file->plugin_file);
  // In a forked child its locks may be held for ever.
  if (open->generation == Client::generation()) delete open;
}

std::int64_t read(const TF_RandomAccessFile* file, std::uint64_t offset, std::size_t length, char* buffer,
                  TF_Status* status) {
  auto* open = static_cast<OpenReader*>(file->plugin_file);
  std::int64_t count = -1;
  attempt(status, open->uri, [&] {
    requireSameProcess(open->generation);
    count = static_cast<std::int64_t>(open->reader->read(offset, length, buffer));
  });
  if (count >= 0 && static_cast<std::size_t>(count) < length) TF_SetStatus(status, TF_OUT_OF_RANGE, "EOF reached");
  return count;
}

// Files that are open for writing.

struct OpenWriter {
  std::string uri;
  int generation;
  Client* client;
  std::shared_ptr<Writer> writer;
};

OpenWriter* writerOf(const TF_WritableFile* file) { return static_cast<OpenWriter*>(file->plugin_file); }

void append(const TF_WritableFile* file, const char* buffer, std::size_t length, TF_Status* status) {
  auto* open = writerOf(file);
  attempt(status, open->uri, [&] {
    requireSameProcess(open->generation);
    open->writer->append({buffer, length});
  });
}

std::int64_t tell(const TF_WritableFile* file, TF_Status* status) {
  auto* open = writerOf(file);
  std::int64_t position = -1;
  attempt(status, open->uri, [&] {
    requireSameProcess(open->generation);
    position = static_cast<std::int64_t>(open->writer->size());
  });
  return position;
}

void flush(const TF_WritableFile* file, TF_Status* status) {
  auto* open = writerOf(file);
  attempt(status, open->uri, [&] {
    requireSameProcess(open->generation);
    open->writer->flush();
  });
}

void sync(const TF_WritableFile* file, TF_Status* status) {
  auto* open = writerOf(file);
  attempt(status, open->uri, [&] {
    requireSameProcess(open->generation);
    open->writer->sync();
  });
}

/// TensorFlow calls it twice for some files.
void close(const TF_WritableFile* file, TF_Status* status) {
  auto* open = writerOf(file);
  attempt(status, open->uri, [&] {
    requireSameProcess(open->generation);
    try {
      open->writer->close();
    } catch (...) {
      open->client->writers().remove(open->writer.get());
      throw;
    }
    open->client->writers().remove(open->writer.get());
  });
}

/// The only call for a file that its user never closed: it must become what was written.
void cleanUpWriter(TF_WritableFile* file) {
  auto* open = writerOf(file);
  if (open->generation != Client::generation()) return;
  try {
    open->writer->close();
  } catch (const Error& error) {
    std::fprintf(stderr, "gdpfs: error: %s: %s\n", open->uri.c_str(), error.text().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gdpfs: error: %s: %s\n", open->uri.c_str(), error.what());
  }
  open->client->writers().remove(open->writer.get());
  delete open;
}

// Memory regions: files that are held in memory whole.

struct Region {
  explicit Region(std::uint64_t count) : length(count) {
    // As TensorFlow aligns tensors, which may be made of it. Some callers take the data for a C string.
    constexpr std::size_t kAlignment = 64;
    const std::size_t size = (length + 1 + kAlignment - 1) / kAlignment * kAlignment;
    bytes = static_cast<char*>(std::aligned_alloc(kAlignment, size));
    if (bytes == nullptr) throw std::bad_alloc();
    bytes[length] = '\0';
  }
  ~Region() { std::free(bytes); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::uint64_t length;
  char* bytes;
};

void cleanUpRegion(TF_ReadOnlyMemoryRegion* region) { delete static_cast<Region*>(region->plugin_memory_region); }

const void* regionData(const TF_ReadOnlyMemoryRegion* region) {
  return static_cast<Region*>(region->plugin_memory_region)->bytes;
}

std::uint64_t regionLength(const TF_ReadOnlyMemoryRegion* region) {
  return static_cast<Region*>(region->plugin_memory_region)->length;
}

}  // namespace

void setReader(TF_RandomAccessFile* file, const char* path, std::unique_ptr<Reader> reader) {
  file->plugin_file = new OpenReader{path, Client::generation(), std::move(reader)};
}

void setWriter(TF_WritableFile* file, const char* path, Client& client, std::shared_ptr<Writer> writer) {
  file->plugin_file = new OpenWriter{path, Client::generation(), &client, std::move(writer)};
}

void setRegion(TF_ReadOnlyMemoryRegion* region, Reader& reader) {
  const std::uint64_t size = reader.size();
  if (size == 0) throw Error("usage", "cannot map it: it is empty");
  auto made = std::make_unique<Region>(size);
  reader.read(0, size, made->bytes);
  region->plugin_memory_region = made.release();
}

void fillFileTables(TF_FilesystemPluginOps& ops) {
  ops.random_access_file_ops_size = sizeof(TF_RandomAccessFileOps);
  ops.random_access_file_ops = newTable<TF_RandomAccessFileOps>();
  *ops.random_access_file_ops = {cleanUpReader, read};
  ops.writable_file_ops_size = sizeof(TF_WritableFileOps);
  ops.writable_file_ops = newTable<TF_WritableFileOps>();
  *ops.writable_file_ops = {cleanUpWriter, append, tell, flush, sync, close};
  ops.read_only_memory_region_ops_size = sizeof(TF_ReadOnlyMemoryRegionOps);
  ops.read_only_memory_region_ops = newTable<TF_ReadOnlyMemoryRegionOps>();
  *ops.read_only_memory_region_ops = {cleanUpRegion, regionData, regionLength};
}

}  // namespace gdpfs
