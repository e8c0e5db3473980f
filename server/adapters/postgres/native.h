// Native queries: a text of the schema's, run as it stands, in a transaction that may
// only read.
//
// Values travel as text. Numbers, bools, times (timestamptz), durations (bigint, us) and
// bytes (bytea) have those types; a string or enum is what the text takes it for (text,
// uuid, an enum type …). Lists are arrays of the same.
#pragma once

#include <vector>

#include <libpq-fe.h>

#include "server/adapters/postgres/sql.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/repository/reading.h"

namespace storegate::postgres {

void NativeSql(const repository::NativeQuery& query, Sql* sql);

// Which of the result's columns are fields of the row: those of a field's name.
std::vector<repository::PlacedField> PlaceColumns(const PGresult* rows,
                                                  const schema::Entity& row);

// `status`, of reading a row; INTERNAL, reason NATIVE_QUERY_FAILED, and a line in the log
// where a column is not what its field is.
Status NativeMismatch(const Status& status, const PGresult* rows,
                      const std::vector<repository::PlacedField>& columns,
                      const schema::Entity& entity);

}  // namespace storegate::postgres
