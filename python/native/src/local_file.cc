#include "local_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace gdpfs {

Error unreadable(const std::string& path, const std::string& state) {
  return Error("local_io", "cannot use \"" + path + "\": " + state,
               "correct the file, or move it away and run \"gdpfs login\" again");
}

bool readFile(const std::string& path, std::string& content) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    throw unreadable(path, std::strerror(errno));
  }
  std::ostringstream bytes;
  bytes << file.rdbuf();
  content = bytes.str();
  return true;
}

}  // namespace gdpfs
