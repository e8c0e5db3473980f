// Writer: new documents, many in one command.
#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "server/adapters/mongodb/session.h"
#include "server/adapters/mongodb/types.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {

using repository::Mutation;
using schema::Field;

namespace {

// What one command holds: MongoDB takes 100,000 documents, others take 1,000; and a
// document, which a command is, may have 16 MiB and 16 KiB more.
constexpr size_t kDocumentsMax = 1000;
constexpr size_t kBytesMax = 12 << 20;
constexpr uint32_t kDocumentBytesMax = 16 << 20;

constexpr std::string_view kCounters = "_storegate_counters";

bool Counted(const schema::Entity& entity) { return entity.id->type == schema::Type::kInt64; }

// The value that findAndModify gives; null for none.
std::optional<int64_t> LastOf(const Answer& answer) {
  bson_iter_t at, value;
  if (answer.ok() && bson_iter_init_find(&at, answer.reply.get(), "value") &&
      BSON_ITER_HOLDS_DOCUMENT(&at) && bson_iter_recurse(&at, &value) &&
      bson_iter_find(&value, "last")) {
    return bson_iter_as_int64(&value);
  }
  return std::nullopt;
}

Bson ById(std::string_view id) {
  Bson query;
  query.AddText("_id", id);
  return query;
}

}  // namespace

// Inserts each item's record, in their order, and says what became of each.
// REQUIRES: of one entity, with the same references to look at.
void Writer::InsertAll(std::span<Item> items) {
  while (!items.empty()) {
    InsertFrom(items);
    // One that refers to what comes before it had to wait until that is there.
    const auto waiting = std::ranges::find(items, true, &Item::waits);
    items = items.subspan(waiting - items.begin());
    for (Item& item : items) item.waits = false;
  }
}

void Writer::InsertFrom(std::span<Item> items) {
  Prepare(items);
  if (Status status = CheckReferences(items); !status.ok()) {
    for (Item& item : items) {
      if (item.status.ok()) item.status = status;
    }
    return;
  }
  std::vector<Item*> chunk;
  size_t bytes = 0;
  const auto send = [&] {
    if (!chunk.empty()) Send(chunk);
    chunk.clear();
    bytes = 0;
  };
  for (Item& item : items) {
    if (item.waits) break;
    if (!item.status.ok()) continue;
    if (item.broken != nullptr) {
      // What else is wrong with it comes first: what is before it may be in the way, and
      // what is behind it may not.
      send();
      item.status = BrokenReference(*item.mutation, *item.broken);
      continue;
    }
    const size_t size = item.document.get()->len;
    if (chunk.size() == kDocumentsMax || bytes + size > kBytesMax) send();
    chunk.push_back(&item);
    bytes += size;
  }
  send();
  // Why they failed is asked when all that could come to be is there.
  for (Item& item : items) {
    if (item.waits) break;
    if (item.failure && item.status.ok()) item.status = Explained(*item.failure, *item.mutation);
  }
}

// Ids for those that want one counted, and the documents.
void Writer::Prepare(std::span<Item> items) {
  const schema::Entity& entity = *items[0].mutation->entity;
  const auto fail_all = [&items](const Status& status) {
    for (Item& item : items) item.status = status;
  };
  if (Counted(entity) && IsNull(items[0].mutation->id)) {
    Result<int64_t> next = NextIds(entity, items.size());
    if (!next.ok()) return fail_all(next.status());
    for (Item& item : items) item.id = (*next)++;
  } else if (Counted(entity)) {
    Value greatest;
    for (const Item& item : items) greatest = std::max(greatest, item.id);
    if (Status status = CountFrom(entity, greatest); !status.ok()) return fail_all(status);
  }
  const Plan& plan = plans_.Of(entity);
  for (Item& item : items) {
    Result<Bson> document = plan.Document(*item.mutation, item.id);
    if (!document.ok()) {
      item.status = document.status();
    } else if (document->get()->len > kDocumentBytesMax) {
      item.status = RecordTooLarge();
    } else {
      item.document = *std::move(document);
    }
  }
}

// Not OK: it could not be looked.
Status Writer::CheckReferences(std::span<Item> items) {
  for (const Field* field : items[0].mutation->check_references) {
    if (Status status = CheckReference(*field, items); !status.ok()) return status;
  }
  return {};
}

Status Writer::CheckReference(const Field& field, std::span<Item> items) {
  const Field& target = *field.references->field;
  const bool own_kind = field.references->entity == field.entity;
  std::vector<Value> values(items.size());
  std::set<Value> wanted;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].status.ok()) continue;
    Result<Value> value = query::ReadValue(*items[i].mutation->record, field.descriptor);
    if (!value.ok()) return value.status();
    values[i] = *std::move(value);
    if (!IsNull(values[i])) wanted.insert(values[i]);
  }
  if (wanted.empty()) return {};
  BsonArray list;
  for (const Value& value : wanted) {
    AppendValue(list.NextKey(), value, target, list.bson().get());
  }
  std::set<Value> there;
  Cursor cursor(&connection_, LivingTargets(field, list.bson()));
  while (const bson_t* document = cursor.Next()) {
    bson_iter_t at;
    if (!bson_iter_init_find(&at, document, std::string(NameOf(target)).c_str())) continue;
    Result<Value> value = ReadValue(at, target);
    if (!value.ok()) return value.status();
    there.insert(*std::move(value));
  }
  if (cursor.failure()) return cursor.status();
  for (size_t i = 0; i < items.size(); ++i) {
    Item& item = items[i];
    if (!item.status.ok() || item.broken != nullptr || IsNull(values[i]) ||
        there.contains(values[i])) {
      continue;
    }
    if (own_kind) {
      // A row may refer to itself, and to one that is made before it.
      if (&target == field.entity->id && item.id == values[i]) continue;
      Result<Value> own = query::ReadValue(*item.mutation->record, target.descriptor);
      if (own.ok() && &target != field.entity->id && *own == values[i]) continue;
      if (i > 0) {
        item.waits = true;
        return {};
      }
    }
    item.broken = &field;
  }
  return {};
}

void Writer::Send(std::span<Item* const> items) {
  const bson_t* documents[kDocumentsMax];
  for (size_t i = 0; i < items.size(); ++i) documents[i] = std::as_const(items[i]->document).get();
  const Answer answer =
      connection_.Insert(items[0]->mutation->entity->collection, documents, items.size(),
                         connection_.in_transaction());
  const bool repeated = connection_.repeated();
  const bool understood = NoteRefused(items, answer);
  if (answer.ok()) {
    CheckCount(items, answer, understood);
    if (!repeated) return;
    // What is said to be there already may be there from the first time.
    for (Item* item : items) {
      if (!item->failure || item->failure->what != Failure::What::kDuplicate) continue;
      const Result<bool> made = Made(*item);
      if (made.ok() && *made) item->failure.reset();
      if (!made.ok()) item->failure = Failure{Failure::What::kUnknown, WriteUnknown(), ""};
    }
    return;
  }
  for (Item* item : items) {
    if (!item->failure) item->failure = *answer.failure;
  }
  // One document is there or not, and where there was no answer nothing is to be learned
  // from looking: what is not there may still come.
  const bool some = items.size() > 1 && answer.from_server() && !connection_.in_transaction() &&
                    answer.failure->what != Failure::What::kUnknown;
  if (some) LookForSome(items, *answer.failure);
}

// The first of `count` ids that nobody else gets. RESOURCE_EXHAUSTED, IDS_EXHAUSTED.
Result<int64_t> Writer::NextIds(const schema::Entity& entity, size_t count) {
  const auto wanted = static_cast<int64_t>(count);
  Bson query = ById(entity.collection), most, increment, update, command;
  most.AddInt64("$lte", std::numeric_limits<int64_t>::max() - wanted);
  query.AddDocument("last", most);
  increment.AddInt64("last", wanted);
  update.AddDocument("$inc", increment);
  command.AddText("findAndModify", kCounters);
  command.AddDocument("query", query).AddDocument("update", update).AddBool("new", true);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Answer answer = connection_.Write(command);
    if (!answer.ok()) {
      // Numbers that are counted for nothing are lost, and nothing else.
      return answer.failure->what == Failure::What::kUnknown ? DatabaseUnreachable()
                                                             : answer.failure->status;
    }
    if (const std::optional<int64_t> last = LastOf(answer)) return *last - wanted + 1;
    if (attempt > 0) break;
    // There is no counter yet, or it is at its end.
    if (Status status = CountFromGreatest(entity); !status.ok()) return status;
  }
  return Status(Code::kResourceExhausted, "IDS_EXHAUSTED",
                "No " + entity.name + " can be counted any more: the greatest id is taken.");
}

// Ids that are counted from here on are greater than `id`.
Status Writer::CountFrom(const schema::Entity& entity, const Value& id) {
  Bson greatest, update, one, command;
  greatest.AddInt64("last", std::max<int64_t>(0, std::get<int64_t>(id)));
  update.AddDocument("$max", greatest);
  one.AddDocument("q", ById(entity.collection)).AddDocument("u", update).AddBool("upsert", true);
  BsonArray updates;
  updates.Add(one);
  command.AddText("update", kCounters).AddArray("updates", updates.bson());
  for (int attempt = 0;; ++attempt) {
    const Answer answer = connection_.Write(command);
    bson_iter_t at;
    const bool refused =
        answer.ok() && bson_iter_init_find(&at, answer.reply.get(), "writeErrors");
    if (answer.ok() && !refused) return {};
    // Two that make the counter at once: one finds it made.
    if (refused && attempt == 0) continue;
    if (refused || answer.failure->what == Failure::What::kUnknown) return DatabaseUnreachable();
    return answer.failure->status;
  }
}

// Also greater than any id there is, from another program perhaps.
Status Writer::CountFromGreatest(const schema::Entity& entity) {
  Value greatest = int64_t{0};
  {
    Cursor cursor(&connection_, plans_.Of(entity).GreatestId());
    const bson_t* document = cursor.Next();
    if (cursor.failure()) return cursor.status();
    bson_iter_t at;
    if (document != nullptr && bson_iter_init_find(&at, document, "_id")) {
      greatest = bson_iter_as_int64(&at);
    }
  }
  return CountFrom(entity, greatest);
}

}  // namespace storegate::mongodb
