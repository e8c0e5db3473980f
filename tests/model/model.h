// The contract of a store on a std::map: what each operation must answer and what
// must be there afterwards. Says in plain code what the gateway does on a
// database; records come from the gateway's answers where it makes things up
// (times, etags, ids).
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/query/order.h"
#include "server/query/predicate.h"
#include "tests/support/message_fields.h"

namespace storegate::test {

struct Wrong {
  Code code;
  std::string reason;
  std::string where;  // "fields" or "field" of the metadata, where one is due

  auto operator<=>(const Wrong&) const = default;
};
// The errors that would be right; empty: it must be OK. Where several things are
// wrong with one write, any of them may be said.
using Errors = std::set<Wrong>;

struct Row {
  MessagePtr record;  // as the gateway showed it last
  bool deleted = false;
};

class Model {
 public:
  // `parents` are the values that references may have: those of living records.
  Model(const schema::Entity* entity,
        const std::map<const schema::Field*, std::vector<Value>>* parents)
      : entity_(entity), parents_(parents) {}
  Model(const Model& other);

  const std::map<Value, Row>& rows() const { return rows_; }
  const Row* Find(const Value& id) const;

  Errors Create(const Message& sent) const;
  // `etag` is empty where none was sent.
  Errors Update(const Message& sent, const std::string& etag,
                const std::vector<const schema::Field*>& mask, bool allow_missing) const;
  Errors Delete(const Value& id, const std::string& etag, bool allow_missing) const;
  Errors Undelete(const Value& id, const std::string& etag) const;
  Errors Purge(const Value& id, const std::string& etag, bool allow_missing) const;
  Errors Get(const Value& id, bool show_deleted) const;

  // The data of the record after an update that is right.
  MessagePtr Updated(const Message& sent, const std::vector<const schema::Field*>& mask) const;

  // Records that a list sees, in order.
  std::vector<const Message*> List(const query::Predicate& where, const query::Order& order,
                                   bool show_deleted) const;

  // Takes a row over as it is now; null: it is gone.
  void Put(const Message& record, bool deleted);
  void Remove(const Value& id) { rows_.erase(id); }

 private:
  // What is wrong with `record` beside the others: unique values, references.
  void Check(const Message& record, const Value& id, Errors* errors) const;
  std::optional<Errors> Version(const Row& row, const std::string& etag) const;

  const schema::Entity* entity_;
  const std::map<const schema::Field*, std::vector<Value>>* parents_;
  std::map<Value, Row> rows_;
};

}  // namespace storegate::test
