// Literals in options: texts that stand for a value of a field.
#pragma once

#include <string>
#include <string_view>

#include "server/schema/schema.h"

namespace storegate::schema {

// A number as short as it can be written: "0.5", "1e+300", "-3".
std::string ShowNumber(double number);

// Why `text` is no value of the shape's type that its own rules allow ("is not a
// whole number from … to …"); empty when it is one. For scalars and enums.
std::string WhyBadLiteral(std::string_view text, const Shape& shape);

}  // namespace storegate::schema
