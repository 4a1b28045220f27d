// The file system, as TensorFlow calls it, and how TensorFlow finds it.

#include <curl/curl.h>
#include <dlfcn.h>
#include <openssl/evp.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "client.h"
#include "error.h"
#include "operations.h"
#include "plugin_files.h"
#include "plugin_support.h"
#include "tensorflow_abi.h"

namespace gdpfs {
namespace {

// The file system.

Operations operations() { return Operations(Client::current()); }

void init(TF_Filesystem*, TF_Status* status) { TF_SetStatus(status, TF_OK, ""); }
void cleanUp(TF_Filesystem*) {}

void newRandomAccessFile(const TF_Filesystem*, const char* path, TF_RandomAccessFile* file, TF_Status* status) {
  attempt(status, path, [&] {
    setReader(file, path, operations().openReader(parsePath(path)));
  });
}

void newWritableFile(const TF_Filesystem*, const char* path, TF_WritableFile* file, TF_Status* status) {
  attempt(status, path, [&] { setWriter(file, path, Client::current(), operations().openWriter(parsePath(path))); });
}

void newAppendableFile(const TF_Filesystem*, const char* path, TF_WritableFile* file, TF_Status* status) {
  attempt(status, path, [&] { setWriter(file, path, Client::current(), operations().openAppender(parsePath(path))); });
}

void newMemoryRegion(const TF_Filesystem*, const char* path, TF_ReadOnlyMemoryRegion* region, TF_Status* status) {
  attempt(status, path, [&] { setRegion(region, *operations().openReader(parsePath(path))); });
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
  fillFileTables(ops);
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
