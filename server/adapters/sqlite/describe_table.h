// Reads what SQLite keeps of a table or an index: the text that made it. Any CREATE TABLE
// and CREATE INDEX that SQLite takes (sqlite.org/lang_createtable.html); texts come out
// normalized (describe_tokens.h). Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/repository/database_model.h"

namespace storegate::sqlite {

// What the text says, without a name and without indexes. A constraint of the table that
// is of one column becomes that column's. A reference that names no column of the other
// table has an empty `target`: that table's key is meant. Nothing where it is no CREATE
// TABLE with columns (a virtual table).
std::optional<repository::TableModel> ParseTable(std::string_view sql);

// What follows the name of the table: `("a" DESC, "id") WHERE …`. ASC, which is what is
// meant without it, is left out.
std::string IndexDefinition(std::string_view sql);

}  // namespace storegate::sqlite
