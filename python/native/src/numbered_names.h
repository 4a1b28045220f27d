// Names that count, as those of the parts of a data set do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gdpfs {

/// What follows a name, and by how much its number is larger. A step of 0: nothing.
struct NextName {
  std::string name;
  std::uint64_t step = 0;
};

/// What comes behind `last` if names go on as from `before` to `last`: `part-007` behind `part-003` and `part-005`. Nothing
/// if they differ in anything but one number, or if that does not grow.
NextName nextName(std::string_view before, std::string_view last);

/// What comes behind the first of a row: `part-001` behind `part-000`. Nothing if the last number of the name is not 0, or
/// if it says that it is the only one, as `data-00000-of-00001` does.
NextName secondName(std::string_view first);

}  // namespace gdpfs
