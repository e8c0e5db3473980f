#include "server/service/include.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "server/base/wire.h"
#include "server/query/order.h"
#include "server/service/listing.h"
#include "server/service/reasons.h"
#include "server/service/references.h"
#include "server/service/row_values.h"

namespace storegate::service {
namespace {

using repository::Session;
using schema::Entity;
using schema::Field;

using Rows = std::vector<std::string>;
using Done = std::function<void(const Status&)>;

// What one call may still hold, over all its queries.
struct Budget {
  std::atomic<int64_t> records{kMaxIncluded};
  std::atomic<int64_t> bytes{static_cast<int64_t>(kMaxIncludedBytes)};
};

Status TooMuch() {
  return Status(Code::kResourceExhausted, reason::kResponseTooLarge,
                "what is to be included has more than " + std::to_string(kMaxIncluded) +
                    " records or " + std::to_string(kMaxIncludedBytes) +
                    " bytes; ask for fewer records, or include less")
      .With("limit", std::to_string(kMaxIncludedBytes));
}

// The field of the entity between that refers to what is embedded.
const Field* OtherReference(const Field& embed) {
  for (const Field& field : embed.via->fields) {
    if (&field != embed.embed && field.references &&
        field.references->entity == embed.embed_entity) {
      return &field;
    }
  }
  return nullptr;
}

// Which rows have a value.
using Holders = std::map<Value, std::vector<size_t>>;

std::vector<Value> ValuesOf(const Holders& holders) {
  std::vector<Value> values;
  for (const auto& [value, rows] : holders) values.push_back(value);
  return values;
}

// Runs `ask` with a session of the entity's database, then `done`.
void Ask(const CallPtr& call, const Entity& entity, repository::Lane lane, Deadline deadline,
         std::function<Status(Session*)> ask, Done done) {
  repository::Executor* executor = call->context->ExecutorOf(&entity);
  if (executor == nullptr) {
    return done(Status(Code::kUnimplemented, reason::kNotServed,
                       entity.name + " is served from no database of this gateway"));
  }
  repository::SessionTask task;
  task.lane = lane;
  task.what = entity.full_name + " include";
  task.deadline = deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [ask = std::move(ask), done = std::move(done)](const Status& status,
                                                            Session* session) {
    done(status.ok() ? ask(session) : status);
  };
  executor->Submit(std::move(task));
}

void Fill(const CallPtr& call, const Selection& selection,
          std::shared_ptr<Rows> rows, std::shared_ptr<Budget> budget, Done done);

// Fills one level. Keeps itself alive until all its parts are done.
class Filling : public std::enable_shared_from_this<Filling> {
 public:
  Filling(const CallPtr& call, const Selection& selection, std::shared_ptr<Rows> rows,
          std::shared_ptr<Budget> budget, Done done)
      : call_(call),
        selection_(selection),
        rows_(std::move(rows)),
        budget_(std::move(budget)),
        done_(std::move(done)),
        deadline_(QueryDeadline(*call)) {}

  void Run() {
    const size_t parts = selection_.parts().size();
    added_.assign(parts, Rows(rows_->size()));
    left_ = parts;
    if (parts == 0) return Finish();
    const repository::Executor::Gather gather;
    for (size_t i = 0; i < parts; ++i) Start(i);
  }

 private:
  const Field& FieldOf(size_t part) const { return *selection_.parts()[part].field; }
  const Selection& Below(size_t part) const { return *selection_.parts()[part].of; }

  void Start(size_t part) {
    const Field& field = FieldOf(part);
    const bool many = field.presence == schema::Presence::kRepeated;
    const bool count = field.role == schema::Role::kCount;
    auto holders = std::make_shared<Holders>();
    const Field& leading = count  ? *field.count->references->field
                           : many ? *field.embed->references->field
                                  : *field.embed;
    for (size_t i = 0; i < rows_->size(); ++i) {
      Value value = ValueIn((*rows_)[i], leading);
      if (!IsNull(value)) (*holders)[std::move(value)].push_back(i);
    }
    if (holders->empty()) return PartDone(part, {});
    if (count) return Count(part, std::move(holders));
    if (!many) return ToOne(part, std::move(holders));
    field.via == nullptr ? ToMany(part, std::move(holders)) : Via(part, std::move(holders));
  }

  void PartDone(size_t part, const Status& status) {
    if (!status.ok()) {
      const std::lock_guard lock(mutex_);
      if (failed_ > part) {
        failed_ = part;
        status_ = status;
      }
    }
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) Finish();
  }

  void Finish() {
    if (!status_.ok()) return done_(status_);
    for (size_t i = 0; i < rows_->size(); ++i) {
      std::string answer;
      selection_.AppendAnswer((*rows_)[i], &answer);
      for (const Rows& added : added_) answer += added[i];
      (*rows_)[i] = std::move(answer);
    }
    done_({});
  }

  // Takes what was read off the budget.
  Status Spend(int64_t records, size_t bytes) {
    const int64_t left_records = budget_->records.fetch_sub(records) - records;
    const auto size = static_cast<int64_t>(bytes);
    const int64_t left_bytes = budget_->bytes.fetch_sub(size) - size;
    return left_records < 0 || left_bytes < 0 ? TooMuch() : Status();
  }
  size_t BytesLeft() const {
    return static_cast<size_t>(std::max<int64_t>(budget_->bytes.load(), 0));
  }

  // Reads records, fills them in turn, and gives each to the rows that hold its value,
  // in order; to one row `most` at most, 0: all.
  void Embed(size_t part, repository::Lane lane, std::shared_ptr<const Holders> holders,
             size_t most, std::function<Status(Session*, std::vector<ValuedRow>*)> read) {
    auto found = std::make_shared<std::vector<ValuedRow>>();
    Ask(call_, *FieldOf(part).embed_entity, lane, deadline_,
        [read = std::move(read), found](Session* session) { return read(session, found.get()); },
        [self = shared_from_this(), part, holders, most, found](const Status& status) {
          if (!status.ok()) return self->PartDone(part, status);
          auto records = std::make_shared<Rows>();
          for (ValuedRow& row : *found) records->push_back(std::move(row.bytes));
          Fill(self->call_, self->Below(part), records, self->budget_,
               [self, part, holders, most, found, records](const Status& status) {
                 self->PartDone(
                     part, status.ok() ? self->Give(part, *holders, most, *found, *records)
                                       : status);
               });
        });
  }

  Status Give(size_t part, const Holders& holders, size_t most,
              const std::vector<ValuedRow>& found, const Rows& records) {
    std::vector<size_t> given(rows_->size());
    for (size_t i = 0; i < found.size(); ++i) {
      const auto at = holders.find(found[i].value);
      if (at == holders.end()) continue;
      for (size_t row : at->second) {
        if (most > 0 && given[row] == most) continue;
        ++given[row];
        // One large record may be that of many rows.
        if (Status spent = Spend(0, records[i].size()); !spent.ok()) return spent;
        wire::AppendBytes(FieldOf(part).number, records[i], &added_[part][row]);
      }
    }
    return {};
  }

  void ToOne(size_t part, std::shared_ptr<Holders> holders) {
    Embed(part, repository::Lane::kPoint, holders, 0,
          [self = shared_from_this(), part, holders](Session* session,
                                                     std::vector<ValuedRow>* found) {
            return self->GetTargets(part, *holders, session, found);
          });
  }

  Status GetTargets(size_t part, const Holders& holders, Session* session,
                    std::vector<ValuedRow>* found) {
    const Field& field = FieldOf(part);
    const std::vector<Value> values = ValuesOf(holders);
    repository::GetRequest request;
    request.entity = field.embed_entity;
    request.key = KeyOf(field.embed->references->field);
    request.fields = Below(part).read();
    request.deadline = deadline_;
    for (size_t begin = 0; begin < values.size(); begin += query::kMaxValues) {
      const size_t end = std::min(values.size(), begin + query::kMaxValues);
      request.values.clear();
      for (size_t i = begin; i < end; ++i) request.values.push_back({values[i]});
      std::string bytes;
      repository::WireSink sink(&bytes);
      sink.SetEntity(request.entity);
      sink.StopAfter(BytesLeft() + 1);
      std::vector<repository::Found> rows;
      if (Status status = session->Get(request, &sink, &rows); !status.ok()) return status;
      if (sink.full()) return TooMuch();
      for (size_t i = 0; i < rows.size(); ++i) {
        if (!rows[i].found || rows[i].deleted) continue;
        found->push_back(
            {values[begin + i], bytes.substr(rows[i].begin, rows[i].end - rows[i].begin)});
      }
      Status spent = Spend(static_cast<int64_t>(sink.rows()), bytes.size());
      if (!spent.ok()) return spent;
    }
    return {};
  }

  // Records of `entity` that have one of the values in `by`, in order.
  repository::Query QueryBy(size_t part, const Field& by, std::vector<Value> values) {
    const Field& field = FieldOf(part);
    repository::Query query;
    query.entity = by.entity;
    query.where = query::Predicate::In(&by, std::move(values));
    query.order = call_->context->EmbedOrder(field);
    std::vector<const Field*> also = {&by};
    for (const query::SortKey& key : query.order) also.push_back(key.field);
    query.fields = Below(part).ReadWith(std::move(also));
    query.limit = kMaxIncluded + 1;
    query.deadline = deadline_;
    return query;
  }

  Status List(const repository::Query& query, const Field& by, Session* session,
              std::vector<ValuedRow>* found) {
    RowSink sink(*query.entity, by, BytesLeft());
    if (Status status = session->List(query, &sink); !status.ok()) return status;
    if (sink.full()) return TooMuch();
    *found = std::move(sink.taken());
    return Spend(static_cast<int64_t>(found->size()), sink.held());
  }

  void ToMany(size_t part, std::shared_ptr<Holders> holders) {
    const Field& field = FieldOf(part);
    repository::Query query = QueryBy(part, *field.embed, ValuesOf(*holders));
    query.each = field.embed;
    query.each_limit = field.embed_limit;
    EmbedListed(part, std::move(holders), 0, *field.embed, std::move(query));
  }

  void EmbedListed(size_t part, std::shared_ptr<const Holders> holders, size_t most,
                   const Field& by, repository::Query query) {
    auto kept = std::make_shared<const repository::Query>(std::move(query));
    Embed(part, repository::Lane::kScan, std::move(holders), most,
          [self = shared_from_this(), kept, &by](Session* session,
                                                 std::vector<ValuedRow>* found) {
            return self->List(*kept, by, session, found);
          });
  }

  // First the pairs, then what they lead to.
  void Via(size_t part, std::shared_ptr<Holders> holders) {
    const Field& field = FieldOf(part);
    const Field& here = *field.embed;
    const Field& there = *OtherReference(field);
    auto reached = std::make_shared<Holders>();
    Ask(call_, *field.via, repository::Lane::kScan, deadline_,
        [self = shared_from_this(), holders, reached, &here, &there](Session* session) {
          return self->ReadPairs(here, there, *holders, session, reached.get());
        },
        [self = shared_from_this(), part, reached, &there](const Status& status) {
          if (!status.ok() || reached->empty()) return self->PartDone(part, status);
          self->Reach(part, reached, *there.references->field);
        });
  }

  Status ReadPairs(const Field& here, const Field& there, const Holders& holders, Session* session,
                   Holders* reached) {
    repository::Query query;
    query.entity = here.entity;
    query.where = query::Predicate::In(&here, ValuesOf(holders));
    query.order = {{here.entity->id, false}};
    query.fields = {&here, &there};
    if (here.entity->id != &here && here.entity->id != &there) {
      query.fields.push_back(here.entity->id);
    }
    std::ranges::sort(query.fields, {}, &Field::index);
    query.limit = kMaxIncluded + 1;
    query.deadline = deadline_;
    const std::vector<const Field*> wanted = {&here, &there};
    ValueSink sink(wanted);
    if (Status status = session->List(query, &sink); !status.ok()) return status;
    std::set<std::pair<Value, Value>> seen;
    for (const std::vector<Value>& pair : sink.rows()) {
      const auto at = holders.find(pair[0]);
      if (at == holders.end() || IsNull(pair[1]) || !seen.emplace(pair[0], pair[1]).second) continue;
      std::vector<size_t>& rows = (*reached)[pair[1]];
      rows.insert(rows.end(), at->second.begin(), at->second.end());
    }
    return Spend(static_cast<int64_t>(sink.rows().size()), 0);
  }

  void Reach(size_t part, std::shared_ptr<const Holders> holders, const Field& by) {
    const auto most = static_cast<size_t>(FieldOf(part).embed_limit);
    repository::Query query = QueryBy(part, by, ValuesOf(*holders));
    EmbedListed(part, std::move(holders), most, by, std::move(query));
  }

  void Count(size_t part, std::shared_ptr<Holders> holders) {
    const Field& field = FieldOf(part);
    const Field& by = *field.count;
    auto query = std::make_shared<repository::AggregateQuery>();
    query->entity = by.entity;
    query->where = query::Predicate::In(&by, ValuesOf(*holders));
    query->aggregate = &call_->context->CountOf(field);
    query->time_zones.resize(1);
    query->limit = static_cast<int64_t>(holders->size());
    query->deadline = deadline_;
    Ask(call_, *by.entity, repository::Lane::kScan, deadline_,
        [self = shared_from_this(), part, query, holders](Session* session) {
          return self->ReadCounts(part, *query, *holders, session);
        },
        [self = shared_from_this(), part](const Status& status) { self->PartDone(part, status); });
  }

  Status ReadCounts(size_t part, const repository::AggregateQuery& query, const Holders& holders,
                    Session* session) {
    const std::vector<const Field*>& fields = query.aggregate->row.entity.stored;
    ValueSink sink(fields);
    if (Status status = session->Aggregate(query, &sink); !status.ok()) return status;
    for (const std::vector<Value>& row : sink.rows()) {
      const auto at = holders.find(row[0]);
      const auto* number = std::get_if<int64_t>(&row[1]);
      if (at == holders.end() || number == nullptr) continue;
      for (size_t holder : at->second) {
        std::string* to = &added_[part][holder];
        wire::AppendVarint(wire::Tag(FieldOf(part).number, wire::kVarint), to);
        wire::AppendVarint(static_cast<uint64_t>(*number), to);
      }
    }
    return {};
  }

  const CallPtr call_;
  const Selection& selection_;
  const std::shared_ptr<Rows> rows_;
  const std::shared_ptr<Budget> budget_;
  const Done done_;
  const Deadline deadline_;  // a stream may have none of its own
  // One a part, one a row; each part writes its own.
  std::vector<Rows> added_;
  std::atomic<size_t> left_{0};
  std::mutex mutex_;
  size_t failed_ = SIZE_MAX;  // guarded by mutex_, as the next
  Status status_;
};

void Fill(const CallPtr& call, const Selection& selection,
          std::shared_ptr<Rows> rows, std::shared_ptr<Budget> budget, Done done) {
  std::make_shared<Filling>(call, selection, std::move(rows), std::move(budget), std::move(done))
      ->Run();
}

}  // namespace

void FillIncluded(const CallPtr& call, const Selection& selection, std::shared_ptr<Rows> rows,
                  Done done) {
  Fill(call, selection, std::move(rows), std::make_shared<Budget>(),
       [call, deadline = QueryDeadline(*call), done = std::move(done)](const Status& status) {
         done(QueryStatus(*call, deadline, status));
       });
}

void AnswerRecord(const CallPtr& call, std::shared_ptr<const Selection> selection,
                  std::string record) {
  if (selection == nullptr || selection->trivial()) return call->Succeed(std::move(record));
  auto rows = std::make_shared<Rows>(1, std::move(record));
  const Selection& of = *selection;
  FillIncluded(call, of, rows,
               [call, rows, selection = std::move(selection)](const Status& status) {
                 if (!status.ok()) return call->Fail(status);
                 if ((*rows)[0].size() > kMaxResponseBytes) return call->Fail(TooMuch());
                 call->Succeed(std::move((*rows)[0]));
               });
}

}  // namespace storegate::service
