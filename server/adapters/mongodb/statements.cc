#include "server/adapters/mongodb/statements.h"

#include <algorithm>
#include <utility>

#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/predicates.h"
#include "server/adapters/mongodb/types.h"
#include "server/base/text.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {

using repository::GetRequest;
using repository::Mutation;
using repository::Query;
using repository::RowState;
using schema::Field;

namespace {

constexpr std::string_view kId = "_id";

Bson ProjectionOf(const schema::Entity& entity, bool with_secrets) {
  Bson projection;
  projection.AddInt32(kId, 1);
  for (const Field* field : entity.stored) {
    if (field == entity.id || (field->input_only && !with_secrets)) continue;
    projection.AddInt32(NameOf(*field), 1);
  }
  projection.AddInt32(kVersion, 1);
  return projection;
}

void AppendFieldValue(const Field& field, const Value& value, Bson* to) {
  AppendValue(NameOf(field), value, field, to->get());
}

// {"find": collection, "filter": filter, …}
Bson FindCommand(const schema::Entity& entity, const Bson& filter, const Bson& projection) {
  Bson command;
  command.AddText("find", entity.collection);
  command.AddDocument("filter", filter);
  command.AddDocument("projection", projection);
  return command;
}

Bson FindOne(const schema::Entity& entity, const Bson& filter, const Bson& projection) {
  Bson command = FindCommand(entity, filter, projection);
  command.AddInt64("limit", 1).AddBool("singleBatch", true);
  return command;
}

Bson Equal(const Field& field, const Value& value) {
  Bson filter;
  AppendFieldValue(field, value, &filter);
  return filter;
}

// {"a": {"$in": […]}}, or {"$or": [{"a": …, "b": …}, …]} for keys of several fields.
Bson KeyFilter(const GetRequest& request) {
  const std::vector<const Field*>& fields = request.key->fields;
  const auto one = [&fields](const repository::KeyValues& values) {
    Bson filter;
    for (size_t i = 0; i < fields.size(); ++i) AppendFieldValue(*fields[i], values[i], &filter);
    return filter;
  };
  if (request.values.size() == 1) return one(request.values[0]);
  BsonArray list;
  Bson filter;
  if (fields.size() > 1) {
    for (const repository::KeyValues& values : request.values) list.Add(one(values));
    filter.AddArray("$or", list.bson());
    return filter;
  }
  for (const repository::KeyValues& values : request.values) {
    AppendValue(list.NextKey(), values[0], *fields[0], list.bson().get());
  }
  Bson in;
  in.AddArray("$in", list.bson());
  filter.AddDocument(NameOf(*fields[0]), in);
  return filter;
}

// What a write sets and what it takes away.
struct Changes {
  Bson set, unset;

  // The field, and for searchable ones its folded twin.
  Status Write(const google::protobuf::Message& record, const Field& field) {
    bool is_set;
    Status status = AppendField(record, field, set.get(), &is_set);
    if (!status.ok()) return status;
    if (!is_set) unset.AddText(NameOf(field), "");
    if (!field.searchable) return {};
    const std::string folded = field.folded_column();
    if (!is_set) {
      unset.AddText(folded, "");
      return {};
    }
    Result<Value> text = query::ReadValue(record, field.descriptor);
    if (!text.ok()) return text.status();
    set.AddText(folded, FoldCase(std::get<std::string>(*text)));
    return {};
  }

  // An empty $unset is an error to older servers.
  Bson Update() const {
    Bson update;
    update.AddDocument("$set", set);
    if (!unset.empty()) update.AddDocument("$unset", unset);
    return update;
  }
};

}  // namespace

bool HasDeletedMark(const schema::Entity& entity) {
  return entity.soft_delete() && std::ranges::any_of(entity.indexes, [](const auto& index) {
           return index.unique == schema::Unique::kLive;
         });
}

Plan::Plan(const schema::Entity& entity)
    : entity_(entity), all_(ProjectionOf(entity, true)), open_(ProjectionOf(entity, false)) {
  for (const Field* field : entity.stored) by_name_.emplace(NameOf(*field), field);
}

const Field* Plan::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Bson Plan::Projection(const Selection& selection, const std::vector<const Field*>& more) const {
  if (selection.all()) return Bson::CopyOf((selection.secrets() ? all_ : open_).get());
  // A projection of nothing is one of all.
  Bson projection;
  projection.AddInt32(kId, 1);
  for (const Field* field : entity_.stored) {
    if (field == entity_.id) continue;
    if (!selection.Has(*field) && std::ranges::find(more, field) == more.end()) continue;
    projection.AddInt32(NameOf(*field), 1);
  }
  if (selection.version()) projection.AddInt32(kVersion, 1);
  return projection;
}

Bson Plan::Get(const GetRequest& request) const {
  const Selection selection(entity_, request.fields, request.with_secrets);
  std::vector<const Field*> more = request.key->fields;
  if (entity_.soft_delete()) more.push_back(entity_.delete_time);
  Bson command =
      FindCommand(entity_, KeyFilter(request), Projection(selection, more));
  if (request.key->unique == schema::Unique::kLive && HasDeletedMark(entity_)) {
    Bson sort;
    sort.AddInt32(kDeletedMark, 1);
    command.AddDocument("sort", sort);
    return command;
  }
  // No document is to be asked for in another round.
  command.AddInt64("batchSize", static_cast<int64_t>(request.values.size()) + 1);
  return command;
}

Result<Bson> Plan::Matching(const query::Predicate& where, bool show_deleted) const {
  Result<Bson> filter = FilterOf(where);
  if (!filter.ok()) return filter.status();
  if (!entity_.soft_delete() || show_deleted) return filter;
  return Both(*std::move(filter), Equal(*entity_.delete_time, Value()));
}

Result<Bson> Plan::List(const Query& query) const {
  Result<Bson> filter = Matching(query.where, query.show_deleted);
  if (!filter.ok()) return filter.status();
  if (!query.after.empty()) {
    if (query.after.size() != query.order.size()) {
      return Status(Code::kInternal, "INVALID_QUERY", "A page begins with one value a sort key.");
    }
    filter = Both(*std::move(filter), BehindOf(query.order, query.after));
  }
  const Selection selection(entity_, query.fields, query.with_secrets);
  Bson command = FindCommand(entity_, *filter, Projection(selection, {}));
  if (!query.order.empty()) command.AddDocument("sort", SortOf(query.order));
  if (query.skip > 0) command.AddInt64("skip", query.skip);
  command.AddInt64("limit", query.limit);
  command.AddBool("allowDiskUse", true);
  return command;
}

Result<Bson> Plan::ListEach(const Query& query, const Value* after) const {
  Result<Bson> filter = Matching(query.where, query.show_deleted);
  if (!filter.ok()) return filter.status();
  query::Order order = {{query.each, false}};
  if (after != nullptr) filter = Both(*std::move(filter), BehindOf(order, {*after}));
  for (const query::SortKey& key : query.order) {
    if (key.field != query.each) order.push_back(key);
  }
  const Selection selection(entity_, query.fields, query.with_secrets);
  Bson command = FindCommand(entity_, *filter, Projection(selection, {query.each}));
  command.AddDocument("sort", SortOf(order));
  if (query.each_limit <= 0) command.AddInt64("limit", query.limit);
  command.AddBool("allowDiskUse", true);
  return command;
}

Result<Bson> Plan::Count(const Query& query) const {
  Result<Bson> filter = Matching(query.where, query.show_deleted);
  if (!filter.ok()) return filter.status();
  Bson match, group, sum, one;
  match.AddDocument("$match", *filter);
  one.AddInt32("$sum", 1);
  group.AddNull(kId).AddDocument("n", one);
  sum.AddDocument("$group", group);
  BsonArray pipeline;
  pipeline.Add(match).Add(sum);
  Bson command;
  command.AddText("aggregate", entity_.collection);
  command.AddArray("pipeline", pipeline.bson());
  command.AddDocument("cursor", Bson());
  return command;
}

Result<Bson> Plan::Document(const Mutation& mutation, const Value& id) const {
  Changes changes;
  AppendFieldValue(*entity_.id, id, &changes.set);
  for (const Field* field : entity_.stored) {
    if (field == entity_.id) continue;
    Status status = changes.Write(*mutation.record, *field);
    if (!status.ok()) return status;
  }
  changes.set.AddInt64(kVersion, mutation.new_version);
  return std::move(changes.set);
}

// The document of that id, which is deleted, living, or (null) either, and of the
// version that is expected.
Bson Plan::Target(const Mutation& mutation, const bool* deleted) const {
  Bson target = Equal(*entity_.id, mutation.id);
  if (deleted != nullptr && entity_.soft_delete()) {
    if (*deleted) {
      Bson not_null;
      not_null.AddNull("$ne");
      target.AddDocument(NameOf(*entity_.delete_time), not_null);
    } else {
      target.AddNull(NameOf(*entity_.delete_time));
    }
  }
  if (!mutation.expected_version) return target;
  if (*mutation.expected_version != 0) {
    target.AddInt64(kVersion, *mutation.expected_version);
    return target;
  }
  // A document of another program has no version.
  BsonArray none;
  bson_append_int64(none.bson().get(), "0", 1, 0);
  bson_append_null(none.bson().get(), "1", 1);
  Bson in;
  in.AddArray("$in", none.bson());
  target.AddDocument(kVersion, in);
  return target;
}

Bson Plan::Modify(const Mutation& mutation, const bool* deleted, const Bson& update) const {
  Bson command;
  command.AddText("findAndModify", entity_.collection);
  command.AddDocument("query", Target(mutation, deleted));
  command.AddDocument("update", update);
  command.AddBool("new", true);
  return command;
}

Result<Bson> Plan::Update(const Mutation& mutation) const {
  Changes changes;
  for (const Field* field : mutation.fields) {
    Status status = changes.Write(*mutation.record, *field);
    if (!status.ok()) return status;
  }
  changes.set.AddInt64(kVersion, mutation.new_version);
  const bool deleted = false;
  return Modify(mutation, &deleted, changes.Update());
}

Bson Plan::SetDeleted(const Mutation& mutation, bool deleted) const {
  Changes changes;
  if (deleted) {
    changes.set.AddDate(NameOf(*entity_.delete_time), mutation.now_millis);
  } else {
    changes.unset.AddText(NameOf(*entity_.delete_time), "");
  }
  if (HasDeletedMark(entity_)) {
    if (deleted) {
      AppendValue(kDeletedMark, mutation.id, *entity_.id, changes.set.get());
    } else {
      changes.unset.AddText(kDeletedMark, "");
    }
  }
  if (entity_.update_time != nullptr) {
    changes.set.AddDate(NameOf(*entity_.update_time), mutation.now_millis);
  }
  changes.set.AddInt64(kVersion, mutation.new_version);
  const bool deleted_before = !deleted;
  return Modify(mutation, &deleted_before, changes.Update());
}

Bson Plan::Delete(const Mutation& mutation) const {
  // A purge is of any row; deleting for good is of what cannot be deleted softly.
  Bson command;
  command.AddText("findAndModify", entity_.collection);
  command.AddDocument("query", Target(mutation, nullptr));
  command.AddBool("remove", true);
  return command;
}

Bson Plan::State(const Value& id, const std::vector<const Field*>& more) const {
  Bson projection;
  projection.AddInt32(kId, 1).AddInt32(kVersion, 1);
  if (entity_.soft_delete()) projection.AddInt32(NameOf(*entity_.delete_time), 1);
  for (const Field* field : more) {
    const std::string name(NameOf(*field));
    if (!bson_has_field(projection.get(), name.c_str())) projection.AddInt32(name, 1);
  }
  return FindOne(entity_, Equal(*entity_.id, id), projection);
}

Result<RowState> Plan::ReadState(const bson_t* document,
                                 const std::vector<const Field*>& more) const {
  RowState state;
  state.found = true;
  state.deleted = IsDeleted(document);
  bson_iter_t at;
  if (bson_iter_init_find(&at, document, std::string(kVersion).c_str())) {
    state.version = bson_iter_as_int64(&at);
  }
  for (const Field* field : more) {
    Value value;
    if (bson_iter_init_find(&at, document, std::string(NameOf(*field)).c_str())) {
      Result<Value> read = ReadValue(at, *field);
      if (!read.ok()) return read.status();
      value = *std::move(read);
    }
    state.values.push_back(std::move(value));
  }
  return state;
}

Bson Plan::GreatestId() const {
  Bson projection, sort;
  projection.AddInt32(kId, 1);
  sort.AddInt32(kId, -1);
  Bson command = FindOne(entity_, Bson(), projection);
  command.AddDocument("sort", sort);
  return command;
}

bool Plan::IsDeleted(const bson_t* document) const {
  if (!entity_.soft_delete()) return false;
  bson_iter_t at;
  return bson_iter_init_find(&at, document,
                             std::string(NameOf(*entity_.delete_time)).c_str()) &&
         !BSON_ITER_HOLDS_NULL(&at);
}

Status Plan::ReadRow(const bson_t* document, const Selection& selection, repository::Sink* sink,
                     bool* more) const {
  sink->BeginRow();
  int64_t version = 0;
  bson_iter_t at;
  if (bson_iter_init(&at, document)) {
    while (bson_iter_next(&at)) {
      const std::string_view name(bson_iter_key(&at), bson_iter_key_len(&at));
      if (name == kVersion) {
        version = bson_iter_as_int64(&at);
        continue;
      }
      const Field* field = Find(name);
      if (field == nullptr || !selection.Has(*field)) continue;
      if (Status status = ReadField(at, *field, sink); !status.ok()) return status;
    }
  }
  if (selection.version()) sink->Version(version);
  *more = sink->EndRow();
  return {};
}

Bson LivingTargets(const Field& reference, const Bson& values) {
  const Field& target = *reference.references->field;
  const schema::Entity& entity = *reference.references->entity;
  Bson filter, in, projection;
  in.AddArray("$in", values);
  filter.AddDocument(NameOf(target), in);
  if (entity.soft_delete()) filter.AddNull(NameOf(*entity.delete_time));
  projection.AddInt32(kId, 1);
  if (&target != entity.id) projection.AddInt32(NameOf(target), 1);
  return FindCommand(entity, filter, projection);
}

Bson Referring(const Field& referrer, const Value& value, bool living,
               const schema::Entity& entity, const Value& self) {
  const schema::Entity& from = *referrer.entity;
  Bson filter = Equal(referrer, value);
  if (living && from.soft_delete()) filter.AddNull(NameOf(*from.delete_time));
  if (&from == &entity) {
    Bson other;
    AppendValue("$ne", self, *from.id, other.get());
    filter.AddDocument(kId, other);
  }
  Bson projection;
  projection.AddInt32(kId, 1);
  return FindOne(from, filter, projection);
}

const Plan& Plans::Of(const schema::Entity& entity) {
  std::unique_ptr<const Plan>& plan = plans_[&entity];
  if (plan == nullptr) plan = std::make_unique<const Plan>(entity);
  return *plan;
}

}  // namespace storegate::mongodb
