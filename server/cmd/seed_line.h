// One line of a seed file:
//   {"entity": "library.v1.Book", "record": {"id": "…", "title": "…", …}}
// The entity by full name, or by its short name where only one has it; the record
// as protobuf's JSON (protobuf.dev/programming-guides/json), with the proto's own
// field names or their camelCase.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <google/protobuf/util/type_resolver.h>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::cmd {

struct SeedLine {
  const schema::Entity* entity = nullptr;
  std::string record;  // wire bytes of the entity's message
};

// Not thread-safe.
class SeedParser {
 public:
  // `schema` outlives the parser.
  explicit SeedParser(const schema::Schema& schema);

  // INVALID_ARGUMENT, reason INVALID_SEED, saying what is wrong.
  Result<SeedLine> Parse(std::string_view line);

 private:
  Result<const schema::Entity*> FindEntity(const std::string& name) const;

  const schema::Schema& schema_;
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
};

}  // namespace storegate::cmd
