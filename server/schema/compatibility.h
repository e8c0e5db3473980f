// Compatibility: what changes between two sets of descriptors break, for callers (the API)
// and for rows that were written before (the data). By descriptors alone: no database.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/descriptor.pb.h>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::schema {

struct Incompatibility {
  enum class Kind {
    kApi,   // callers built with the old protos no longer get what they ask for
    kData,  // rows written by the old schema no longer read as what they were
  };
  Kind kind = Kind::kApi;
  // What kind of change, for machines: one of those listed at Compare.
  std::string_view rule;
  // Full name of what changed: as it is now, or as it was where it is gone.
  // "library.v1.Book.title", "library.v1.BookStore.GetBook", "library.v1.Genre.NOVEL".
  std::string element;
  std::string message;  // what changed, from what to what, and what to do instead
  Location location;    // in the new protos, where it is still there; else in the old
  // kData: where the rows are whose reading breaks, as the old schema calls it. Empty
  // `column`: any row of the table. Both empty for kApi.
  std::string table;
  std::string column;

  // "library.proto:12:3: library.v1.Book.title: message"; the line is left out where it is
  // unknown.
  std::string ToString() const;
};

// In order of kind, file and line.
//
// Elements of messages are the same when they have the same number; all else goes by full
// name. A package that is renamed in a file is one change, and what is in it is compared
// under its new name.
//
// kApi rules:
//   PACKAGE_CHANGED, MESSAGE_REMOVED (also: moved), ENUM_REMOVED, SERVICE_REMOVED,
//   METHOD_REMOVED
//   FIELD_REMOVED        unless its number and its name are reserved
//   FIELD_RENAMED        same on the wire; JSON, masks and generated code are not
//   FIELD_RENUMBERED, NUMBER_REUSED
//   TYPE_CHANGED         but for what protobuf has as compatible on the wire and what holds
//                        all that the old type held (int32 → int64, enum → int32)
//   CARDINALITY_CHANGED  single, optional, repeated, map
//   ONEOF_CHANGED, ENUM_VALUE_REMOVED, ENUM_VALUE_RENAMED, ENUM_VALUE_RENUMBERED
//   REQUEST_CHANGED, RESPONSE_CHANGED, STREAMING_CHANGED, OPERATION_CHANGED
//   RULE_TIGHTENED       what callers sent before may be refused: required, lengths, bounds,
//                        pattern, format, references, immutable, unique …
//   READING_CHANGED      input_only, where it was returned before
//   PREDICATE_CHANGED    `where` of a request field, `when` of a method
// kData rules:
//   COLLECTION_CHANGED, ENTITY_REMOVED
//   FIELD_REMOVED        its column, or the field of a nested message, is read by nobody
//   COLUMN_CHANGED       the field is kept in another column (also: renamed, as a column has
//                        the name of its field where `column` says nothing)
//   NUMBER_REUSED        as FIELD_REMOVED; its number is now that of another field
//   TYPE_CHANGED         but for int32 → int64, uint32 → int64, float → double, enum → string,
//                        uuid → text, alone, in lists, as values of maps, and in nested messages
//   CARDINALITY_CHANGED  optional → plain (rows hold null), single, repeated, map
//   ONEOF_CHANGED        fields that rows may have side by side exclude each other
//   ENUM_VALUE_REMOVED   rows hold its name (also: renamed)
//   MEANING_CHANGED      of what the column holds: password, lower_case
//   ID_CHANGED           the id is another column, or of another type
// Types of columns that only widen are no incompatibility, though a migration may be due.
std::vector<Incompatibility> Compare(const Schema& before, const Schema& after);

// All descriptors of the schema, each behind its imports, without source info and without
// options that are neither protobuf's nor ours (no text could be read back with them). Files
// that resolve by themselves (loader.h) are left out. The same schema gives the same bytes.
// Reading it back: LoadDescriptors.
google::protobuf::FileDescriptorSet DescriptorsOf(const Schema& schema);

}  // namespace storegate::schema
