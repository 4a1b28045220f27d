// Patterns of names, as TensorFlow defines them: `*` and `?` never match `/`; `[…]`, `[^…]`, ranges, `\` quotes.
#pragma once

#include <string>
#include <string_view>

namespace gdpfs {

/// Has a name of a path a meaning as a pattern?
bool isPattern(std::string_view name);
/// Does the whole name match? Letters are code points.
bool matches(std::string_view pattern, std::string_view name);
/// The name that a pattern without wildcards stands for.
std::string unquote(std::string_view pattern);

}  // namespace gdpfs
