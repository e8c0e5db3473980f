// A small schema, and short ways to write and read its rows through a Session, for
// the tests of adapters.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/sqlite/backend.h"
#include "server/repository/backend.h"
#include "server/schema/schema.h"

namespace storegate::test {

// Author (text id, unique fields, references itself), Book (counted id, refers to
// Author.slug, unique pair), Note (deleted for good, JSON of all kinds), Genre (of many
// books, by BookGenre), Loan (what aggregates and native queries are about).
const schema::Schema& Library();
const schema::Entity& Author();
const schema::Entity& Book();
const schema::Entity& Note();
const schema::Entity& Genre();
const schema::Entity& BookGenre();
const schema::Entity& Loan();
const schema::Method& LoanMethod(const std::string& name);

// Matches a status of this reason.
MATCHER_P(HasReason, reason, "") {
  *result_listener << arg.ToString();
  return arg.reason() == reason;
}

// A database of its own with the library's tables, or any other schema's.
std::unique_ptr<repository::Backend> OpenBackend(const sqlite::Options& options,
                                                 const schema::Schema& schema = Library());
std::unique_ptr<repository::Backend> OpenMemory(const schema::Schema& schema = Library());
std::unique_ptr<repository::Session> Writer(repository::Backend& backend);
std::unique_ptr<repository::Session> Reader(repository::Backend& backend);

// A record from protobuf's text format.
std::unique_ptr<google::protobuf::Message> Record(const schema::Entity& entity,
                                                  const std::string& text);

// Mutations with what their kind needs. The record must live until they are
// applied. References to entities of the schema are checked, all of them.
repository::Mutation Insert(const google::protobuf::Message& record);
// `fields` as "name,email".
repository::Mutation Update(const google::protobuf::Message& record, std::string_view fields);
repository::Mutation Change(repository::Change change, const schema::Entity& entity, Value id);

// Applies the mutations as one write; the status of the one that failed.
Status Apply(repository::Session& session, std::vector<repository::Mutation> mutations,
             std::string* rows = nullptr);
Status InsertText(repository::Session& session, const schema::Entity& entity,
                  const std::string& text);

// Rows as text format on one line, in the order that they come.
Result<std::vector<std::string>> Rows(repository::Session& session,
                                      const repository::Query& query);
Result<std::vector<std::string>> Rows(repository::Session& session,
                                      const repository::AggregateQuery& query);
Result<std::vector<std::string>> Rows(repository::Session& session,
                                      const repository::NativeQuery& query);
query::Predicate Parsed(std::string_view text, const schema::Entity& entity);
// `names` as "name,email".
std::vector<const schema::Field*> Fields(const schema::Entity& entity, std::string_view names);
repository::Query All(const schema::Entity& entity, std::string_view order_by = "");
// The ids of the rows where the predicate holds, in order of id.
std::vector<std::string> Where(repository::Session& session, const schema::Entity& entity,
                               std::string_view predicate);
std::vector<std::string> Where(repository::Session& session, const schema::Entity& entity,
                               query::Predicate predicate);

// What Get says: "living", "deleted" or "none", and the row's text format.
struct Got {
  std::string state;
  std::string row;
};
std::vector<Got> Get(repository::Session& session, const schema::Entity& entity,
                     std::string_view key_fields, std::vector<repository::KeyValues> values,
                     std::string_view mask = "");

}  // namespace storegate::test
