#include "tests/unit/service/memory_backend.h"

#include <algorithm>
#include <vector>

#include "server/query/evaluate.h"
#include "server/repository/wire_sink.h"

namespace storegate::service {
namespace {

using google::protobuf::Message;
using repository::Change;
using repository::Mutation;
using schema::Entity;
using schema::Field;

Value Read(const Message& record, const Field& field) {
  Result<Value> value = query::ReadValue(record, field.descriptor);
  return value.ok() ? *value : Value();
}

bool IsDeleted(const Entity& entity, const Message& record) {
  return entity.delete_time != nullptr &&
         record.GetReflection()->HasField(record, entity.delete_time->descriptor);
}

void SetTime(Message* record, const Field* field, int64_t millis) {
  if (field == nullptr) return;
  Message* time = record->GetReflection()->MutableMessage(record, field->descriptor);
  const auto* type = time->GetDescriptor();
  time->GetReflection()->SetInt64(time, type->FindFieldByNumber(1), millis / 1000);
  time->GetReflection()->SetInt32(time, type->FindFieldByNumber(2),
                                  static_cast<int32_t>(millis % 1000 * 1000000));
}

// Only `fields` of `from`, the others as in `to`.
void Assign(const Message& from, const std::vector<const Field*>& fields, Message* to) {
  for (const Field* field : fields) to->GetReflection()->ClearField(to, field->descriptor);
  MessagePtr part(from.New());
  part->CopyFrom(from);
  std::vector<const google::protobuf::FieldDescriptor*> set;
  part->GetReflection()->ListFields(*part, &set);
  for (const auto* descriptor : set) {
    const bool taken = std::any_of(fields.begin(), fields.end(), [&](const Field* field) {
      return field->descriptor == descriptor;
    });
    if (!taken) part->GetReflection()->ClearField(part.get(), descriptor);
  }
  to->MergeFrom(*part);
}

class MemorySession : public repository::Session {
 public:
  explicit MemorySession(MemoryDatabase* database) : database_(*database) {}

  Status Get(const repository::GetRequest& request, repository::WireSink* sink,
             std::vector<repository::Found>* found) override {
    std::lock_guard lock(database_.mutex);
    for (const repository::KeyValues& values : request.values) {
      found->emplace_back();
      for (const auto& [key, row] : database_.rows) {
        if (key.first != request.entity) continue;
        bool same = true;
        for (size_t i = 0; i < values.size(); ++i) {
          same &= Read(*row.record, *request.key->fields[i]) == values[i];
        }
        if (!same) continue;
        repository::Found& one = found->back();
        one.found = true;
        one.deleted = IsDeleted(*request.entity, *row.record);
        one.begin = sink->size();
        Emit(*request.entity, row, sink);
        one.end = sink->size();
      }
    }
    return {};
  }

  Status List(const repository::Query& query, repository::Sink* sink) override {
    std::lock_guard lock(database_.mutex);
    std::vector<const MemoryRow*> rows = Matching(query);
    std::sort(rows.begin(), rows.end(), [&](const MemoryRow* a, const MemoryRow* b) {
      return query::CompareRecords(query.order, *a->record, *b->record) < 0;
    });
    int64_t skip = query.skip, left = query.limit;
    for (const MemoryRow* row : rows) {
      if (!query.after.empty() && !IsBehind(query, *row->record)) continue;
      if (skip-- > 0) continue;
      if (left-- == 0 || !Emit(*query.entity, *row, sink)) break;
    }
    return {};
  }

  Result<int64_t> Count(const repository::Query& query) override {
    std::lock_guard lock(database_.mutex);
    ++database_.counted;
    return static_cast<int64_t>(Matching(query).size());
  }

  Status Apply(std::span<repository::Write* const> writes) override {
    std::lock_guard lock(database_.mutex);
    for (repository::Write* write : writes) {
      ++database_.applied;
      const auto before = database_.rows;
      std::vector<MemoryRow> written;
      for (size_t i = 0; i < write->mutations.size() && !write->failed; ++i) {
        database_.before_mutation(write->mutations[i]);
        MemoryRow row;
        write->outcomes.push_back({Run(write->mutations[i], &row)});
        if (!write->outcomes.back().status.ok()) write->failed = i;
        written.push_back(row);
      }
      if (write->failed) {
        // What a hook wrote in the meantime is somebody else's and stays.
        if (write->mutations.size() > 1) database_.rows = before;
        continue;
      }
      for (size_t i = 0; i < written.size(); ++i) {
        Emit(*write->mutations[i].entity, written[i], write->sink);
      }
    }
    return {};
  }

  int64_t statements() const override { return 0; }

 private:
  static bool Emit(const Entity& entity, const MemoryRow& row, repository::Sink* sink) {
    sink->BeginRow();
    for (const Field* field : entity.stored) {
      if (!field->descriptor->is_repeated() &&
          !row.record->GetReflection()->HasField(*row.record, field->descriptor)) {
        continue;
      }
      const Value value = field->sortable() ? Read(*row.record, *field) : Value();
      if (const auto* text = std::get_if<std::string>(&value)) {
        sink->Text(*field, *text);
      } else if (const auto* number = std::get_if<int64_t>(&value)) {
        sink->Int64(*field, *number);
      } else {
        MessagePtr only(row.record->New());
        Assign(*row.record, {field}, only.get());
        sink->Wire(*field, only->SerializeAsString());
      }
    }
    sink->Version(row.version);
    return sink->EndRow();
  }

  std::vector<const MemoryRow*> Matching(const repository::Query& query) const {
    std::vector<const MemoryRow*> rows;
    for (const auto& [key, row] : database_.rows) {
      if (key.first != query.entity || !query::Matches(query.where, *row.record)) continue;
      if (!query.show_deleted && IsDeleted(*query.entity, *row.record)) continue;
      rows.push_back(&row);
    }
    return rows;
  }

  static bool IsBehind(const repository::Query& query, const Message& record) {
    for (size_t i = 0; i < query.order.size(); ++i) {
      const int compared =
          query::CompareValues(Read(record, *query.order[i].field), query.after[i]);
      if (compared != 0) return (compared > 0) != query.order[i].descending;
    }
    return false;
  }

  Status CheckReferences(const Mutation& mutation, const Message& record) const {
    for (const Field* field : mutation.check_references) {
      const Value value = Read(record, *field);
      if (IsNull(value)) continue;
      const bool there =
          std::any_of(database_.rows.begin(), database_.rows.end(), [&](const auto& row) {
            return row.first.first == field->references->entity &&
                   !IsDeleted(*row.first.first, *row.second.record) &&
                   Read(*row.second.record, *field->references->field) == value;
          });
      if (!there) return Status(Code::kFailedPrecondition, "REFERENCE_NOT_FOUND", field->name);
    }
    return {};
  }

  Status Insert(const Mutation& mutation, MemoryRow* out) {
    MessagePtr record(mutation.record->New());
    record->CopyFrom(*mutation.record);
    Value id = mutation.id;
    if (IsNull(id)) {
      id = database_.next_id++;
      record->GetReflection()->SetInt64(record.get(), mutation.entity->id->descriptor,
                                        std::get<int64_t>(id));
    }
    const auto key = std::make_pair(mutation.entity, id);
    if (database_.rows.contains(key)) {
      return Status(Code::kAlreadyExists, "RECORD_EXISTS", "exists");
    }
    if (Status status = CheckReferences(mutation, *record); !status.ok()) return status;
    *out = {std::move(record), mutation.new_version};
    database_.rows[key] = *out;
    return {};
  }

  Status Run(const Mutation& mutation, MemoryRow* out) {
    if (mutation.change == Change::kInsert) return Insert(mutation, out);
    const auto found = database_.rows.find({mutation.entity, mutation.id});
    const bool upsert = mutation.change == Change::kUpsert;
    if (found == database_.rows.end()) {
      if (upsert && !mutation.expected_version) return Insert(mutation, out);
      return upsert ? Status(Code::kAborted, "ETAG_MISMATCH", "not there")
                    : Status(Code::kNotFound, "RECORD_NOT_FOUND", "not there");
    }
    const Entity& entity = *mutation.entity;
    MemoryRow& row = found->second;
    const bool deleted = IsDeleted(entity, *row.record);
    if (mutation.change == Change::kUndelete) {
      if (!deleted) return Status(Code::kAlreadyExists, "RECORD_NOT_DELETED", "lives");
    } else if (deleted && mutation.change != Change::kPurge) {
      return Status(Code::kNotFound, "RECORD_DELETED", "deleted");
    }
    if (mutation.expected_version && *mutation.expected_version != row.version) {
      return Status(Code::kAborted, "ETAG_MISMATCH", "changed");
    }
    MessagePtr record(row.record->New());
    record->CopyFrom(*row.record);
    if (mutation.change == Change::kUpdate || upsert) {
      Assign(*mutation.record, mutation.fields, record.get());
    }
    if (Status status = CheckReferences(mutation, *record); !status.ok()) return status;
    const bool for_good = mutation.change == Change::kPurge || !entity.soft_delete();
    if (mutation.change == Change::kDelete && !for_good) {
      SetTime(record.get(), entity.delete_time, mutation.now_millis);
    }
    if (mutation.change == Change::kUndelete) {
      record->GetReflection()->ClearField(record.get(), entity.delete_time->descriptor);
    }
    *out = {std::move(record), mutation.new_version};
    if (for_good && (mutation.change == Change::kPurge || mutation.change == Change::kDelete)) {
      database_.rows.erase(found);
    } else {
      row = *out;
    }
    return {};
  }

  MemoryDatabase& database_;
};

}  // namespace

Result<std::unique_ptr<repository::Session>> MemoryBackend::Connect(Use) {
  return std::unique_ptr<repository::Session>(std::make_unique<MemorySession>(database_));
}

}  // namespace storegate::service
