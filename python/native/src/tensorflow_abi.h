// TensorFlow's C file-system interface, ABI version 0, as TensorFlow 2.4 to 2.21 and later load it: declared here so
// that a build needs no TensorFlow. The layout is what matters; the assertions below hold it, and a test compares it
// with the headers of the installed TensorFlow.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct TF_Status;

enum TF_Code : int {
  TF_OK = 0,
  TF_CANCELLED = 1,
  TF_UNKNOWN = 2,
  TF_INVALID_ARGUMENT = 3,
  TF_DEADLINE_EXCEEDED = 4,
  TF_NOT_FOUND = 5,
  TF_ALREADY_EXISTS = 6,
  TF_PERMISSION_DENIED = 7,
  TF_RESOURCE_EXHAUSTED = 8,
  TF_FAILED_PRECONDITION = 9,
  TF_ABORTED = 10,
  TF_OUT_OF_RANGE = 11,
  TF_UNIMPLEMENTED = 12,
  TF_INTERNAL = 13,
  TF_UNAVAILABLE = 14,
  TF_DATA_LOSS = 15,
  TF_UNAUTHENTICATED = 16,
};

// The one symbol that comes from TensorFlow.
extern void TF_SetStatus(TF_Status* status, TF_Code code, const char* message);

struct TF_FileStatistics {
  std::int64_t length;
  std::int64_t mtime_nsec;
  bool is_directory;
};

struct TF_RandomAccessFile {
  void* plugin_file;
};
struct TF_WritableFile {
  void* plugin_file;
};
struct TF_ReadOnlyMemoryRegion {
  void* plugin_memory_region;
};
struct TF_Filesystem {
  void* plugin_filesystem;
};

struct TF_RandomAccessFileOps {
  void (*cleanup)(TF_RandomAccessFile*);
  std::int64_t (*read)(const TF_RandomAccessFile*, std::uint64_t offset, std::size_t n, char* buffer, TF_Status*);
};

struct TF_WritableFileOps {
  void (*cleanup)(TF_WritableFile*);
  void (*append)(const TF_WritableFile*, const char* buffer, std::size_t n, TF_Status*);
  std::int64_t (*tell)(const TF_WritableFile*, TF_Status*);
  void (*flush)(const TF_WritableFile*, TF_Status*);
  void (*sync)(const TF_WritableFile*, TF_Status*);
  void (*close)(const TF_WritableFile*, TF_Status*);
};

struct TF_ReadOnlyMemoryRegionOps {
  void (*cleanup)(TF_ReadOnlyMemoryRegion*);
  const void* (*data)(const TF_ReadOnlyMemoryRegion*);
  std::uint64_t (*length)(const TF_ReadOnlyMemoryRegion*);
};

struct TF_FilesystemOps {
  void (*init)(TF_Filesystem*, TF_Status*);
  void (*cleanup)(TF_Filesystem*);
  void (*new_random_access_file)(const TF_Filesystem*, const char* path, TF_RandomAccessFile*, TF_Status*);
  void (*new_writable_file)(const TF_Filesystem*, const char* path, TF_WritableFile*, TF_Status*);
  void (*new_appendable_file)(const TF_Filesystem*, const char* path, TF_WritableFile*, TF_Status*);
  void (*new_read_only_memory_region_from_file)(const TF_Filesystem*, const char* path, TF_ReadOnlyMemoryRegion*,
                                                TF_Status*);
  void (*create_dir)(const TF_Filesystem*, const char* path, TF_Status*);
  void (*recursively_create_dir)(const TF_Filesystem*, const char* path, TF_Status*);
  void (*delete_file)(const TF_Filesystem*, const char* path, TF_Status*);
  void (*delete_dir)(const TF_Filesystem*, const char* path, TF_Status*);
  void (*delete_recursively)(const TF_Filesystem*, const char* path, std::uint64_t* undeleted_files,
                             std::uint64_t* undeleted_dirs, TF_Status*);
  void (*rename_file)(const TF_Filesystem*, const char* from, const char* to, TF_Status*);
  void (*copy_file)(const TF_Filesystem*, const char* from, const char* to, TF_Status*);
  void (*path_exists)(const TF_Filesystem*, const char* path, TF_Status*);
  bool (*paths_exist)(const TF_Filesystem*, char** paths, int count, TF_Status** statuses);
  void (*stat)(const TF_Filesystem*, const char* path, TF_FileStatistics*, TF_Status*);
  bool (*is_directory)(const TF_Filesystem*, const char* path, TF_Status*);
  std::int64_t (*get_file_size)(const TF_Filesystem*, const char* path, TF_Status*);
  char* (*translate_name)(const TF_Filesystem*, const char* uri);
  int (*get_children)(const TF_Filesystem*, const char* path, char*** entries, TF_Status*);
  int (*get_matching_paths)(const TF_Filesystem*, const char* glob, char*** entries, TF_Status*);
  void (*flush_caches)(const TF_Filesystem*);
  // Transactions (6 operations) and configuration (5): not filled in, so TensorFlow answers that there are none.
  void* transactions[6];
  void* configuration[5];
};

struct TF_FilesystemPluginOps {
  char* scheme;
  int filesystem_ops_abi;
  int filesystem_ops_api;
  std::size_t filesystem_ops_size;
  TF_FilesystemOps* filesystem_ops;
  int random_access_file_ops_abi;
  int random_access_file_ops_api;
  std::size_t random_access_file_ops_size;
  TF_RandomAccessFileOps* random_access_file_ops;
  int writable_file_ops_abi;
  int writable_file_ops_api;
  std::size_t writable_file_ops_size;
  TF_WritableFileOps* writable_file_ops;
  int read_only_memory_region_ops_abi;
  int read_only_memory_region_ops_api;
  std::size_t read_only_memory_region_ops_size;
  TF_ReadOnlyMemoryRegionOps* read_only_memory_region_ops;
};

struct TF_FilesystemPluginInfo {
  std::size_t num_schemes;
  TF_FilesystemPluginOps* ops;
  void* (*plugin_memory_allocate)(std::size_t size);
  void (*plugin_memory_free)(void* memory);
};

}  // extern "C"

static_assert(sizeof(TF_FileStatistics) == 24, "the layout that TensorFlow reads");
static_assert(sizeof(TF_RandomAccessFileOps) == 2 * sizeof(void*), "two operations");
static_assert(sizeof(TF_WritableFileOps) == 6 * sizeof(void*), "six operations");
static_assert(sizeof(TF_ReadOnlyMemoryRegionOps) == 3 * sizeof(void*), "three operations");
static_assert(sizeof(TF_FilesystemOps) == 33 * sizeof(void*), "33 operations");
static_assert(sizeof(TF_FilesystemPluginOps) == 13 * sizeof(void*), "a scheme and four tables");
