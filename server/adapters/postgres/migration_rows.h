// Small things that all of the migrator's statements need.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/adapters/postgres/connection.h"
#include "server/migrate/ddl.h"

namespace storegate::postgres {

inline std::string TextAt(const Rows& rows, int row, int column) {
  return {PQgetvalue(rows.get(), row, column),
          static_cast<size_t>(PQgetlength(rows.get(), row, column))};
}

// Of a bigint.
inline int64_t NumberAt(const Rows& rows, int row, int column) {
  return static_cast<int64_t>(Big64(PQgetvalue(rows.get(), row, column)));
}

inline bool TrueAt(const Rows& rows, int row, int column) {
  return PQgetvalue(rows.get(), row, column)[0] != 0;
}

// Whether unqualified uses of the name find a table.
inline Result<bool> TableIsThere(Connection* connection, std::string_view table) {
  Sql sql;
  sql.text = "SELECT to_regclass(";
  sql.Append(migrate::QuoteIdentifier(table), Kind::kText);
  sql.text += ") IS NOT NULL";
  const Result<Rows> rows = connection->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  return TrueAt(*rows, 0, 0);
}

}  // namespace storegate::postgres
