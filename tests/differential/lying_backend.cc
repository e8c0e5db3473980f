#include "tests/differential/lying_backend.h"

#include <algorithm>
#include <utility>

#include "server/base/text.h"
#include "server/repository/forwarding.h"

namespace storegate::test {
namespace {

using query::Predicate;
using repository::Backend;
using repository::Query;
using repository::Session;
using repository::Sink;
using repository::Write;

// What a session wrote, to be written again in another order or changed.
class Recording : public Sink {
 public:
  struct Cell {
    const schema::Field* field;
    std::function<Status(Sink*)> write;
    Value value;  // of scalars
  };
  using Row = std::vector<Cell>;

  void BeginRow() override { rows_.emplace_back(); }
  bool EndRow() override { return true; }
  void Bool(const schema::Field& field, bool value) override {
    Add(field, value, [&field, value](Sink* to) { to->Bool(field, value); });
  }
  void Int64(const schema::Field& field, int64_t value) override {
    Add(field, value, [&field, value](Sink* to) { to->Int64(field, value); });
  }
  void Double(const schema::Field& field, double value) override {
    Add(field, value, [&field, value](Sink* to) { to->Double(field, value); });
  }
  void Text(const schema::Field& field, std::string_view value) override {
    std::string text(value);
    Add(field, text, [&field, text](Sink* to) { to->Text(field, text); });
  }
  void Bytes(const schema::Field& field, std::string_view value) override {
    std::string bytes(value);
    Add(field, storegate::Bytes{bytes}, [&field, bytes](Sink* to) { to->Bytes(field, bytes); });
  }
  Status Json(const schema::Field& field, std::string_view json) override {
    rows_.back().push_back({&field,
                            [&field, text = std::string(json)](Sink* to) {
                              return to->Json(field, text);
                            },
                            Value()});
    return Status();
  }
  void Wire(const schema::Field& field, std::string_view bytes) override {
    Add(field, Value(),
        [&field, text = std::string(bytes)](Sink* to) { to->Wire(field, text); });
  }
  void Version(int64_t version) override {
    rows_.back().push_back({nullptr,
                            [version](Sink* to) {
                              to->Version(version);
                              return Status();
                            },
                            Value()});
  }

  std::vector<Row>& rows() { return rows_; }

  Status WriteTo(Sink* sink) const {
    for (const Row& row : rows_) {
      sink->BeginRow();
      for (const Cell& cell : row) {
        if (Status status = cell.write(sink); !status.ok()) return status;
      }
      if (!sink->EndRow()) return Status();
    }
    return Status();
  }

 private:
  template <typename Writer>
  void Add(const schema::Field& field, Value value, Writer writer) {
    rows_.back().push_back({&field,
                            [writer](Sink* to) {
                              writer(to);
                              return Status();
                            },
                            std::move(value)});
  }

  std::vector<Row> rows_;
};

Value ValueIn(const Recording::Row& row, const schema::Field* field) {
  for (const Recording::Cell& cell : row) {
    if (cell.field == field) return cell.value;
  }
  return Value();
}

// How a lie changes what passes through; what is empty passes as it is.
struct Changes {
  std::function<void(Query*)> query;
  std::function<void(Query*)> count;
  std::function<void(const Query&, std::vector<Recording::Row>*)> rows;
  std::function<void(repository::Mutation*)> mutation;
  std::function<void(Write*)> outcome;
};

class LyingSession : public repository::ForwardingSession {
 public:
  LyingSession(std::unique_ptr<Session> to, std::shared_ptr<const Changes> changes)
      : ForwardingSession(std::move(to)), changes_(std::move(changes)) {}

  Status List(const Query& query, Sink* sink) override {
    Query changed = query;
    if (changes_->query) changes_->query(&changed);
    if (!changes_->rows) return to().List(changed, sink);
    Recording recording;
    if (Status status = to().List(changed, &recording); !status.ok()) return status;
    changes_->rows(changed, &recording.rows());
    return recording.WriteTo(sink);
  }
  Result<int64_t> Count(const Query& query) override {
    Query changed = query;
    if (changes_->query) changes_->query(&changed);
    if (changes_->count) changes_->count(&changed);
    return to().Count(changed);
  }
  Status Apply(std::span<Write* const> writes) override {
    for (Write* write : writes) {
      for (repository::Mutation& mutation : write->mutations) {
        if (changes_->mutation) changes_->mutation(&mutation);
      }
    }
    Status status = to().Apply(writes);
    for (Write* write : writes) {
      if (changes_->outcome) changes_->outcome(write);
    }
    return status;
  }

 private:
  const std::shared_ptr<const Changes> changes_;
};

class LyingBackend : public repository::ForwardingBackend {
 public:
  LyingBackend(std::unique_ptr<Backend> to, std::shared_ptr<const Changes> changes)
      : ForwardingBackend(std::move(to)), changes_(std::move(changes)) {}

  Result<std::unique_ptr<Session>> Connect(Use use) override {
    Result<std::unique_ptr<Session>> session = to().Connect(use);
    if (!session.ok()) return session;
    return std::unique_ptr<Session>(new LyingSession(std::move(*session), changes_));
  }

 private:
  const std::shared_ptr<const Changes> changes_;
};

Lie Make(std::string name, std::string what, Changes changes) {
  auto shared = std::make_shared<const Changes>(std::move(changes));
  return {std::move(name), std::move(what), [shared](std::unique_ptr<Backend> backend) {
            return std::unique_ptr<Backend>(new LyingBackend(std::move(backend), shared));
          }};
}

// Sorted by the first key as it is when `key` has changed it.
template <typename Key>
std::function<void(const Query&, std::vector<Recording::Row>*)> SortedBy(Key key) {
  return [key](const Query& query, std::vector<Recording::Row>* rows) {
    const query::SortKey& first = query.order.front();
    if (first.field->type != schema::Type::kString) return;
    auto before = [&](const Recording::Row& a, const Recording::Row& b) {
      const Value left = ValueIn(a, first.field);
      const Value right = ValueIn(b, first.field);
      if (IsNull(left) || IsNull(right)) return false;
      const auto x = key(std::get<std::string>(left));
      const auto y = key(std::get<std::string>(right));
      return first.descending ? y < x : x < y;
    };
    std::stable_sort(rows->begin(), rows->end(), before);
  };
}

// As UTF-16 orders: what is beyond the BMP starts with a surrogate, and is so before
// U+E000.
std::string Utf16Order(const std::string& text) {
  std::string key;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    key.push_back(static_cast<char>(c));
    if (c >= 0xf0) key.back() = '\xed';
    if (c == 0xee || c == 0xef) key.back() = '\xf5';
  }
  return key;
}

// != finds only what is set, as SQL's own does.
void LeakNull(Predicate* predicate) {
  for (Predicate& child : predicate->children) LeakNull(&child);
  if (predicate->kind != Predicate::Kind::kNot) return;
  const Predicate& inner = predicate->children.front();
  if (inner.kind != Predicate::Kind::kCompare || inner.op != query::Compare::kEq) return;
  Predicate set;
  set.kind = Predicate::Kind::kIsSet;
  set.path = inner.path;
  *predicate = Predicate::And({Predicate(*predicate), set});
}

void CutSpaces(Predicate* predicate) {
  for (Predicate& child : predicate->children) CutSpaces(&child);
  std::string* text = std::get_if<std::string>(&predicate->value);
  if (predicate->kind == Predicate::Kind::kCompare && text != nullptr) {
    while (!text->empty() && text->back() == ' ') text->pop_back();
  }
}

std::vector<Lie> MakeLies() {
  std::vector<Lie> lies;
  lies.push_back(Make("OrderIgnoresCase", "texts sort without regard to case",
                      {.rows = SortedBy([](const std::string& text) { return LowerCase(text); })}));
  lies.push_back(Make("OrderByUtf16", "texts sort by UTF-16 unit, not by code point",
                      {.rows = SortedBy(Utf16Order)}));
  lies.push_back(Make(
      "NullSortsLast", "null comes last in ascending order",
      {.rows = [](const Query& query, std::vector<Recording::Row>* rows) {
        const query::SortKey& first = query.order.front();
        if (first.descending || !first.field->nullable() || !first.field->sortable()) return;
        std::stable_partition(rows->begin(), rows->end(), [&](const Recording::Row& row) {
          return std::any_of(row.begin(), row.end(), [&](const Recording::Cell& cell) {
            return cell.field == first.field;
          });
        });
      }}));
  lies.push_back(Make("NotEqualMissesUnset", "!= does not find a record that lacks the field",
                      {.query = [](Query* query) { LeakNull(&query->where); }}));
  lies.push_back(Make("ComparesWithoutTrailingSpace",
                      "a text in a filter loses the spaces at its end",
                      {.query = [](Query* query) { CutSpaces(&query->where); }}));
  lies.push_back(Make("LostUpdate", "an update with an old etag is done all the same",
                      {.mutation = [](repository::Mutation* mutation) {
                        if (mutation->change == repository::Change::kUpdate) {
                          mutation->expected_version.reset();
                        }
                      }}));
  lies.push_back(Make("PageLosesARow", "the second page begins a row too late",
                      {.query = [](Query* query) {
                        if (!query->after.empty()) ++query->skip;
                      }}));
  lies.push_back(Make("CountsTheDeleted", "total_size counts deleted records too",
                      {.count = [](Query* query) { query->show_deleted = true; }}));
  lies.push_back(Make("UpdateSkipsAClearedField",
                      "an update that clears a field leaves it as it is",
                      {.mutation = [](repository::Mutation* mutation) {
                        if (mutation->change != repository::Change::kUpdate) return;
                        std::erase_if(mutation->fields, [&](const schema::Field* field) {
                          return field->nullable() &&
                                 !mutation->record->GetReflection()->HasField(*mutation->record,
                                                                              field->descriptor);
                        });
                      }}));
  lies.push_back(Make("AnotherReason", "a unique value that is taken is said to be the id's",
                      {.outcome = [](Write* write) {
                        for (repository::Outcome& outcome : write->outcomes) {
                          if (outcome.status.reason() != "UNIQUE_VIOLATION") continue;
                          outcome.status = Status(Code::kAlreadyExists, "RECORD_EXISTS",
                                                  outcome.status.message());
                        }
                      }}));
  return lies;
}

}  // namespace

const std::vector<Lie>& Lies() {
  static const auto* lies = new std::vector<Lie>(MakeLies());
  return *lies;
}

}  // namespace storegate::test
