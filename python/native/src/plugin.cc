// TensorFlow's side: tables of C functions. No exception leaves them, and whatever is handed over comes from the
// allocator that TensorFlow frees with.

#include <curl/curl.h>
#include <dlfcn.h>
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "client.h"
#include "error.h"
#include "operations.h"
#include "tensorflow_abi.h"

namespace gdpfs {
namespace {

void* allocate(std::size_t size) { return std::calloc(1, size); }
void release(void* memory) { std::free(memory); }

char* copyText(const std::string& text) {
  auto* copy = static_cast<char*>(allocate(text.size() + 1));
  if (copy != nullptr) std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

void setError(TF_Status* status, TF_Code code, const std::string& subject, const std::string& text) {
  TF_SetStatus(status, code, (subject + ": " + text).c_str());
}

/// Runs `action` and tells TensorFlow what became of it. `subject` is the path that it is about.
template <typename Action>
bool attempt(TF_Status* status, const std::string& subject, const Action& action) noexcept {
  try {
    TF_SetStatus(status, TF_OK, "");
    action();
    return true;
  } catch (const Error& error) {
    setError(status, error.tensorflowCode(), subject, error.text());
  } catch (const std::bad_alloc&) {
    setError(status, TF_RESOURCE_EXHAUSTED, subject, "there is not enough memory");
  } catch (const std::exception& error) {
    setError(status, TF_INTERNAL, subject, error.what());
  }
  return false;
}

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
    position = static_cast<std::int64_t>(open->writer->tell());
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

// The file system.

Operations operations() { return Operations(Client::current()); }

void init(TF_Filesystem*, TF_Status* status) { TF_SetStatus(status, TF_OK, ""); }
void cleanUp(TF_Filesystem*) {}

void newRandomAccessFile(const TF_Filesystem*, const char* path, TF_RandomAccessFile* file, TF_Status* status) {
  attempt(status, path, [&] {
    auto reader = operations().openReader(parsePath(path));
    file->plugin_file = new OpenReader{path, Client::generation(), std::move(reader)};
  });
}

void setWriter(TF_WritableFile* file, const char* path, std::shared_ptr<Writer> writer) {
  file->plugin_file = new OpenWriter{path, Client::generation(), &Client::current(), std::move(writer)};
}

void newWritableFile(const TF_Filesystem*, const char* path, TF_WritableFile* file, TF_Status* status) {
  attempt(status, path, [&] { setWriter(file, path, operations().openWriter(parsePath(path))); });
}

void newAppendableFile(const TF_Filesystem*, const char* path, TF_WritableFile* file, TF_Status* status) {
  attempt(status, path, [&] { setWriter(file, path, operations().openAppender(parsePath(path))); });
}

void newMemoryRegion(const TF_Filesystem*, const char* path, TF_ReadOnlyMemoryRegion* region, TF_Status* status) {
  attempt(status, path, [&] {
    const auto reader = operations().openReader(parsePath(path));
    if (reader->size() == 0) throw Error("usage", "cannot map it: it is empty");
    auto made = std::make_unique<Region>(reader->size());
    reader->read(0, reader->size(), made->bytes);
    region->plugin_memory_region = made.release();
  });
}

void createDir(const TF_Filesystem*, const char* path, TF_Status* status) {
  attempt(status, path, [&] { operations().createDirectory(parsePath(path)); });
}

void recursivelyCreateDir(const TF_Filesystem*, const char* path, TF_Status* status) {
  attempt(status, path, [&] { operations().createDirectories(parsePath(path)); });
}

void deleteFile(const TF_Filesystem*, const char* path, TF_Status* status) {
  attempt(status, path, [&] { operations().removeFile(parsePath(path)); });
}

void deleteDir(const TF_Filesystem*, const char* path, TF_Status* status) {
  attempt(status, path, [&] { operations().removeDirectory(parsePath(path)); });
}

void deleteRecursively(const TF_Filesystem*, const char* path, std::uint64_t* undeletedFiles,
                       std::uint64_t* undeletedDirs, TF_Status* status) {
  *undeletedFiles = 0;
  // One change removes everything, or nothing.
  const bool isDone = attempt(status, path, [&] { operations().removeTree(parsePath(path)); });
  *undeletedDirs = isDone ? 0 : 1;
}

void renameFile(const TF_Filesystem*, const char* from, const char* to, TF_Status* status) {
  attempt(status, from, [&] { operations().rename(parsePath(from), parsePath(to)); });
}

void copyFile(const TF_Filesystem*, const char* from, const char* to, TF_Status* status) {
  attempt(status, from, [&] { operations().copy(parsePath(from), parsePath(to)); });
}

void pathExists(const TF_Filesystem*, const char* path, TF_Status* status) {
  attempt(status, path, [&] { operations().stat(parsePath(path)); });
}

bool pathsExist(const TF_Filesystem*, char** paths, int count, TF_Status** statuses) {
  bool isAll = true;
  for (int index = 0; index < count; index += 1) {
    const char* path = paths[index];
    if (statuses != nullptr) {
      isAll = attempt(statuses[index], path, [&] { operations().stat(parsePath(path)); }) && isAll;
      continue;
    }
    try {
      operations().stat(parsePath(path));
    } catch (const std::exception&) {
      return false;
    }
  }
  return isAll;
}

void stat(const TF_Filesystem*, const char* path, TF_FileStatistics* statistics, TF_Status* status) {
  attempt(status, path, [&] {
    const Entry entry = operations().stat(parsePath(path));
    statistics->length = static_cast<std::int64_t>(entry.size);
    statistics->mtime_nsec = entry.mtimeUs * 1000;
    statistics->is_directory = entry.kind == Kind::kDirectory;
  });
}

bool isDirectory(const TF_Filesystem*, const char* path, TF_Status* status) {
  return attempt(status, path, [&] {
    if (operations().stat(parsePath(path)).kind == Kind::kDirectory) return;
    throw Error("not_a_directory", "it is not a directory");
  });
}

std::int64_t getFileSize(const TF_Filesystem*, const char* path, TF_Status* status) {
  std::int64_t size = -1;
  attempt(status, path, [&] {
    const Entry entry = operations().stat(parsePath(path));
    if (entry.kind == Kind::kDirectory) throw Error("is_a_directory", "cannot tell its size: it is a directory");
    size = static_cast<std::int64_t>(entry.size);
  });
  return size;
}

char* translateName(const TF_Filesystem*, const char* uri) { return copyText(cleanUri(uri)); }

/// Hands over names; their number, or -1.
int handOver(const std::vector<std::string>& names, char*** entries) {
  *entries = static_cast<char**>(allocate(names.size() * sizeof(char*) + 1));
  for (std::size_t index = 0; index < names.size(); index += 1) (*entries)[index] = copyText(names[index]);
  return static_cast<int>(names.size());
}

int getChildren(const TF_Filesystem*, const char* path, char*** entries, TF_Status* status) {
  int count = -1;
  attempt(status, path, [&] { count = handOver(operations().children(parsePath(path)), entries); });
  return count;
}

int getMatchingPaths(const TF_Filesystem*, const char* glob, char*** entries, TF_Status* status) {
  int count = -1;
  attempt(status, glob, [&] { count = handOver(operations().matching(glob), entries); });
  return count;
}

void flushCaches(const TF_Filesystem*) {
  try {
    Client::current().chunks().clear();
  } catch (const std::exception&) {
    // Nobody has logged in, so nothing is cached.
  }
}

template <typename Table>
Table* newTable() {
  return static_cast<Table*>(allocate(sizeof(Table)));
}

void fillFilesystem(TF_FilesystemOps& table) {
  table.init = init;
  table.cleanup = cleanUp;
  table.new_random_access_file = newRandomAccessFile;
  table.new_writable_file = newWritableFile;
  table.new_appendable_file = newAppendableFile;
  table.new_read_only_memory_region_from_file = newMemoryRegion;
  table.create_dir = createDir;
  table.recursively_create_dir = recursivelyCreateDir;
  table.delete_file = deleteFile;
  table.delete_dir = deleteDir;
  table.delete_recursively = deleteRecursively;
  table.rename_file = renameFile;
  table.copy_file = copyFile;
  table.path_exists = pathExists;
  table.paths_exist = pathsExist;
  table.stat = stat;
  table.is_directory = isDirectory;
  table.get_file_size = getFileSize;
  table.translate_name = translateName;
  table.get_children = getChildren;
  table.get_matching_paths = getMatchingPaths;
  table.flush_caches = flushCaches;
}

void fillOps(TF_FilesystemPluginOps& ops) {
  ops.scheme = copyText("gdp");
  // Version 0 of interface and layout, for all tables.
  ops.filesystem_ops_size = sizeof(TF_FilesystemOps);
  ops.filesystem_ops = newTable<TF_FilesystemOps>();
  fillFilesystem(*ops.filesystem_ops);
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

/// TensorFlow has functions of these names, too: with those nothing would be as it should.
bool isBoundTo(const void* function, const char* library) {
  Dl_info info;
  return dladdr(function, &info) != 0 && info.dli_fname != nullptr && std::strstr(info.dli_fname, library) != nullptr;
}

bool isBoundRight() {
  return isBoundTo(reinterpret_cast<const void*>(&curl_easy_perform), "libcurl") &&
         isBoundTo(reinterpret_cast<const void*>(&EVP_DigestUpdate), "libcrypto");
}

}  // namespace
}  // namespace gdpfs

extern "C" __attribute__((visibility("default"))) void TF_InitPlugin(TF_FilesystemPluginInfo* info) {
  info->plugin_memory_allocate = gdpfs::allocate;
  info->plugin_memory_free = gdpfs::release;
  if (!gdpfs::isBoundRight()) {
    std::fprintf(stderr, "gdpfs: error: cannot load the plugin: it is bound to TensorFlow's own libraries; "
                         "use \"import gdpfs.tensorflow\" instead of register_filesystem_plugin\n");
    return;
  }
  info->num_schemes = 1;
  info->ops = gdpfs::newTable<TF_FilesystemPluginOps>();
  gdpfs::fillOps(*info->ops);
}
