// What the programs of this folder share.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace gdpfs::tests {

/// Ends the process, with what should be so, unless it is.
inline void check(bool isRight, const char* what) {
  if (isRight) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

}  // namespace gdpfs::tests
