#include "server/adapters/mongodb/filter_parts.h"

#include <utility>

namespace storegate::mongodb {

Bson Document(std::string_view key, const Bson& value) {
  Bson document;
  document.AddDocument(key, value);
  return document;
}

Bson List(std::string_view key, const BsonArray& values) {
  Bson document;
  document.AddArray(key, values.bson());
  return document;
}

Bson Flag(std::string_view key, bool flag) {
  Bson document;
  document.AddBool(key, flag);
  return document;
}

Bson NotNull() {
  Bson condition;
  condition.AddNull("$ne");
  return condition;
}

Bson IsArray() {
  Bson condition;
  condition.AddText("$type", "array");
  return condition;
}

Bson Nothing() { return Document("_id", List("$in", BsonArray())); }

Bson AnyOf(std::vector<Bson> filters) {
  if (filters.empty()) return Nothing();
  if (filters.size() == 1) return std::move(filters[0]);
  BsonArray list;
  for (const Bson& filter : filters) list.Add(filter);
  return List("$or", list);
}

Bson NotOf(const Bson& filter) { return List("$nor", std::move(BsonArray().Add(filter))); }

Bson Both(Bson a, Bson b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  BsonArray list;
  list.Add(a).Add(b);
  return List("$and", list);
}

}  // namespace storegate::mongodb
