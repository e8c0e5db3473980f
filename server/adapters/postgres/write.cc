// Writer: writes that go together. All of them are one pipeline and one transaction:
// one INSERT for the new rows of an entity, one statement for any other change. An
// INSERT leaves out what another row is in the way of, a change finds its row or
// does not; neither is an error, so that one caller's mistake does not take back
// what the others wrote. Those who got no row are run again alone (change.cc), where
// it is found out why. A statement that is an error all the same takes everything
// back; then the others are run again without it.
#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "server/adapters/postgres/session.h"
#include "server/repository/unique_values.h"

namespace storegate::postgres {

using repository::Change;
using repository::Mutation;
using repository::Write;
using schema::Field;

namespace {

// How often the same writes are tried when others are in the way.
constexpr int kAttemptsMax = 4;
// So many that are errors are set aside one by one; then all that is left.
constexpr int kCulpritsMax = 8;

bool CountedId(const schema::Entity& entity) { return entity.id->type == schema::Type::kInt64; }

// Whether one statement does all of the mutation, and tells by its rows how it went.
bool IsOneStatement(const Mutation& mutation) {
  switch (mutation.change) {
    case Change::kInsert:
      // A given id of those that are counted moves the counter, too.
      return IsNull(mutation.id) || !CountedId(*mutation.entity);
    case Change::kUpdate: return true;
    case Change::kUpsert: return !IsNull(mutation.id);
    case Change::kDelete:
    case Change::kPurge: return mutation.check_referrers.empty();
    case Change::kUndelete:
      return mutation.entity->soft_delete() && mutation.check_references.empty();
  }
  return false;
}

void Fail(Write* write, Status status) {
  write->outcomes.assign(write->mutations.size(), {});
  write->outcomes[0].status = std::move(status);
  write->failed = 0;
}

// In the order in which all sessions take rows, so that none waits for another that
// waits for it.
bool Before(const Write* a, const Write* b) {
  const Mutation &x = a->mutations[0], &y = b->mutations[0];
  return std::tie(x.entity->full_name, x.id) < std::tie(y.entity->full_name, y.id);
}

}  // namespace

Status Writer::Run(std::span<Write* const> writes) {
  Deadline deadline = Deadline::min();
  for (Write* write : writes) {
    write->outcomes.clear();
    write->failed.reset();
    deadline = std::max(deadline, write->deadline);
  }
  Writes alone;
  std::vector<Part> parts = MakeParts(writes, &alone);
  size_t together = 0;
  for (const Part& part : parts) together += part.writes.size();
  if (!parts.empty()) {
    Status status = RunParts(std::move(parts), deadline, &alone);
    if (!status.ok() && together == writes.size()) return status;
    if (!status.ok()) {
      // Of these only: the others were not begun.
      for (Write* write : writes) {
        if (write->outcomes.empty() && std::ranges::find(alone, write) == alone.end()) {
          Fail(write, status);
        }
      }
    }
  }
  // In the order in which they came: of two in each other's way the first one has it.
  std::unordered_map<const Write*, size_t> places;
  for (size_t i = 0; i < writes.size(); ++i) places.emplace(writes[i], i);
  std::ranges::sort(alone, {}, [&](const Write* write) { return places.at(write); });
  for (Write* write : alone) RunAlone(write);
  // What happened to a write that was the only one is what happened.
  if (writes.size() == 1 && writes[0]->failed && connection_.lost()) {
    return writes[0]->outcomes[*writes[0]->failed].status;
  }
  return {};
}

std::vector<Writer::Part> Writer::MakeParts(std::span<Write* const> writes, Writes* alone) {
  std::vector<Part> parts;
  Writes changes;
  // Rows of one INSERT: of one entity, with the same references to look at.
  using Group = std::tuple<const schema::Entity*, bool, Fields>;
  std::vector<std::pair<Group, Writes>> inserts;
  std::set<const schema::Entity*> counted;  // of which one alone moves the counter
  repository::UniqueValues taken;
  for (Write* write : writes) {
    if (write->mutations.empty()) continue;
    const Mutation& mutation = write->mutations[0];
    // Two writes to one row never share a transaction: the second sees the first, which may
    // be one that runs alone. And one INSERT may run before another whose rows came first.
    bool behind = taken.Repeats(mutation);
    // An id that is counted behind one that was given is behind it, too.
    behind = behind || (IsNull(mutation.id) && counted.count(mutation.entity) > 0);
    if (write->mutations.size() > 1 || behind || !IsOneStatement(mutation)) {
      if (CountedId(*mutation.entity)) counted.insert(mutation.entity);
      alone->push_back(write);
      continue;
    }
    if (mutation.change != Change::kInsert) {
      changes.push_back(write);
      continue;
    }
    Group group{mutation.entity, IsNull(mutation.id), mutation.check_references};
    auto found = std::ranges::find(inserts, group, &std::pair<Group, Writes>::first);
    if (found == inserts.end() || found->second.size() == kInsertRowsMax) {
      std::erase_if(inserts, [&](auto& full) {
        if (full.first != group) return false;
        parts.push_back({std::move(full.second), {}});
        return true;
      });
      inserts.push_back({std::move(group), {}});
      found = inserts.end() - 1;
    }
    found->second.push_back(write);
  }
  for (auto& [group, rows] : inserts) parts.push_back({std::move(rows), {}});
  for (Write* write : changes) parts.push_back({{write}, {}});
  std::ranges::stable_sort(parts, [](const Part& a, const Part& b) {
    return Before(a.writes[0], b.writes[0]);
  });

  std::erase_if(parts, [&](Part& part) {
    const Mutation& first = part.writes[0]->mutations[0];
    const Plan& plan = plans_.Of(*first.entity);
    Status status;
    switch (first.change) {
      case Change::kInsert: {
        std::vector<const Mutation*> rows;
        for (const Write* write : part.writes) rows.push_back(&write->mutations[0]);
        status = plan.Insert(rows, &part.sql);
        break;
      }
      case Change::kUpdate:
      case Change::kUpsert: status = plan.Update(first, true, &part.sql); break;
      case Change::kUndelete: plan.SetDeleted(first, false, &part.sql); break;
      case Change::kDelete:
      case Change::kPurge:
        repository::DeletesForGood(first) ? plan.Delete(first, &part.sql) : plan.SetDeleted(first, true, &part.sql);
        break;
    }
    if (status.ok()) return false;
    // A value that no column takes: whose it is, is found out.
    alone->insert(alone->end(), part.writes.begin(), part.writes.end());
    return true;
  });
  return parts;
}

Writer::Went Writer::Attempt(std::vector<Part>* parts, Deadline deadline,
                             std::vector<Rows>* answers, size_t* culprit, Status* status) {
  answers->clear();
  connection_.Begin(deadline);
  if (connection_.options().transaction_pooler) {
    connection_.SendBracket("SELECT set_config('lock_timeout', '" +
                            std::to_string(kLockTimeout.count()) + "', true)");
  }
  for (const Part& part : *parts) connection_.Send(part.sql);
  connection_.Sync();
  Rows failed;
  for (size_t i = 0; i < parts->size(); ++i) {
    answers->push_back(connection_.Next());
    if (answers->back() == nullptr) break;
    if (!Failed(answers->back().get())) continue;
    failed = std::move(answers->back());
    *culprit = i;
    break;
  }
  Rows of_commit = connection_.Finish();
  if (failed == nullptr && of_commit == nullptr && !connection_.lost()) return Went::kWell;
  if (failed == nullptr && of_commit == nullptr) {
    // Without all of it the database did not commit.
    *status = connection_.sent() ? CommitUnknown() : ConnectionLost();
    return Went::kBadly;
  }
  const Failure failure = Explain(failed != nullptr ? failed.get() : of_commit.get());
  if (failure.fatal) connection_.Lose();
  *status = failure.status;
  if (connection_.lost()) {
    // An end before the commit's turn leaves nothing; at its turn, nobody knows.
    if (failed == nullptr) *status = CommitUnknown();
    return Went::kBadly;
  }
  switch (failure.what) {
    case Failure::What::kStale:
      connection_.ForgetStatements();
      return Went::kAgain;
    case Failure::What::kAgain: return Went::kAgain;
    case Failure::What::kDatabase: return Went::kBadly;
    default: return failed != nullptr ? Went::kWithoutOne : Went::kBadly;
  }
}

Status Writer::RunParts(std::vector<Part> parts, Deadline deadline, Writes* alone) {
  std::vector<Rows> answers;
  int culprits = 0;
  for (int attempt = 0; !parts.empty();) {
    size_t culprit = 0;
    Status status;
    switch (Attempt(&parts, deadline, &answers, &culprit, &status)) {
      case Went::kWell:
        for (size_t i = 0; i < parts.size(); ++i) {
          TakeAnswer(parts[i], answers[i].get(), alone);
        }
        return {};
      case Went::kBadly: return status;
      case Went::kAgain:
        if (++attempt == kAttemptsMax) return status;
        break;
      case Went::kWithoutOne: {
        const bool all = ++culprits > kCulpritsMax;
        const auto first = parts.begin() + (all ? 0 : static_cast<std::ptrdiff_t>(culprit));
        const auto last = all ? parts.end() : first + 1;
        for (auto part = first; part != last; ++part) {
          alone->insert(alone->end(), part->writes.begin(), part->writes.end());
        }
        parts.erase(first, last);
      }
    }
  }
  return {};
}

void Writer::TakeRow(const PGresult* rows, int row, Write* write) {
  write->outcomes.assign(1, {});
  if (write->sink == nullptr) return;
  const schema::Entity& entity = *write->mutations[0].entity;
  bool more;
  Status status = reader_.Read(rows, row, plans_.Of(entity).columns(true), write->sink,
                               &more);
  if (!status.ok()) Fail(write, status);
}

void Writer::TakeAnswer(Part& part, const PGresult* rows, Writes* alone) {
  const int count = PQntuples(rows);
  if (part.writes[0]->mutations[0].change != Change::kInsert) {
    if (count > 0) return TakeRow(rows, 0, part.writes[0]);
    alone->push_back(part.writes[0]);
    return;
  }
  // Versions are random numbers: they say which row is whose.
  const int version = PQnfields(rows) - 1;
  std::unordered_map<int64_t, int> by_version;
  for (int row = 0; row < count; ++row) {
    by_version.emplace(static_cast<int64_t>(Big64(PQgetvalue(rows, row, version))), row);
  }
  for (Write* write : part.writes) {
    const auto found = by_version.find(write->mutations[0].new_version);
    if (found == by_version.end()) {
      alone->push_back(write);
    } else {
      TakeRow(rows, found->second, write);
    }
  }
}

}  // namespace storegate::postgres
