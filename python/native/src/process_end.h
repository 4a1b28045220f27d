// When the process ends, libraries take themselves apart while threads may still use them.
#pragma once

#include <functional>

namespace gdpfs {

/// Is the process ending? Then nothing new begins, and what is on its way is cut.
bool isProcessEnding();

/// `stop` is run when the process begins to end, before the libraries that were used until now do anything about it.
/// Not in a forked child.
void atProcessEnd(std::function<void()> stop);

}  // namespace gdpfs
