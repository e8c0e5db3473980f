// Compatibility: what changes between two sets of descriptors break, for callers (the API)
// and for rows that were written before (the data). By descriptors alone: no database.
#pragma once

#include <string>
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
  std::string element;  // "shop.v1.Book.title"
  std::string message;  // what changed, from what to what, and what to do instead
  Location location;    // in the new protos, where it is still there; else in the old
  // kData: where the rows are whose reading breaks. Empty `column`: any row of the table.
  std::string table;
  std::string column;
};

// In order of kind, file and line. API: services, methods and fields gone or renamed; types,
// numbers, cardinality, streaming changed; enum values gone or renumbered; packages changed.
// Data: a field gone while data may be there, its number reused, its type changed but for a
// widening, its column changed, an enum value gone, an entity's collection or id changed.
std::vector<Incompatibility> Compare(const Schema& before, const Schema& after);

// All descriptors of the schema, imports included, without source info; serialized
// deterministically. Reading it back: LoadDescriptors.
google::protobuf::FileDescriptorSet DescriptorsOf(const Schema& schema);

}  // namespace storegate::schema
