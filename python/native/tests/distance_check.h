// Which servers are near.
#pragma once

#include "../src/path.h"

namespace gdpfs::tests {

/// Of times that are made up.
void checkDistance();
/// Of the server of a volume, which is looked at until it is found to be near, or a few times. As many threads fetch.
void watchDistance(const Path& root, bool isNear);

}  // namespace gdpfs::tests
