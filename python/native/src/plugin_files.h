// The operations on open files, as TensorFlow calls them.
#pragma once

#include <memory>

#include "reader.h"
#include "tensorflow_abi.h"
#include "writer.h"

namespace gdpfs {

class Client;

void setReader(TF_RandomAccessFile* file, const char* path, std::unique_ptr<Reader> reader);
void setWriter(TF_WritableFile* file, const char* path, Client& client, std::shared_ptr<Writer> writer);
/// Reads the file into memory, whole. Throws `usage` if it is empty.
void setRegion(TF_ReadOnlyMemoryRegion* region, Reader& reader);

/// Fills in the tables of open files.
void fillFileTables(TF_FilesystemPluginOps& ops);

}  // namespace gdpfs
