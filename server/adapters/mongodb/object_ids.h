// ObjectIds among texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace storegate::mongodb {

// The first ObjectId, as 24 lower case hex digits, that sorts behind a text that is none;
// nothing where none does. Texts sort by code point.
std::optional<std::string> ObjectIdBehind(std::string_view text);

}  // namespace storegate::mongodb
