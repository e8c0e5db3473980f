// Keys of maps and Structs as names that MongoDB can hold: a name has no ".", does
// not begin with "$" and is not empty. Names of the schema's own fields are fine as
// they are.
#pragma once

#include <string>
#include <string_view>

namespace storegate::mongodb {

// "%" → "%25", "." → "%2E", "$" at the beginning → "%24", "" → "%".
std::string EscapeKey(std::string_view key);

// The key that EscapeKey made `name` of. What it makes of no key (another program
// wrote it: "100%") is taken as it stands.
std::string UnescapeKey(std::string_view name);

}  // namespace storegate::mongodb
