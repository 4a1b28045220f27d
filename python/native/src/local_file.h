// Small files of the client's configuration.
#pragma once

#include <string>

#include "error.h"

namespace gdpfs {

Error unreadable(const std::string& path, const std::string& state);
/// False if there is none. Throws `local_io`.
bool readFile(const std::string& path, std::string& content);

}  // namespace gdpfs
