// Writer: which writes go together. New documents of one entity that stand next to each
// other are one command, in which one that fails does not touch the others. All else
// is a command a write, in the order of the writes.
#include <algorithm>
#include <utility>

#include "server/adapters/mongodb/session.h"
#include "server/repository/row_status.h"
#include "server/repository/unique_values.h"

namespace storegate::mongodb {

using repository::Change;
using repository::Mutation;
using repository::Write;

namespace {

// How often a transaction is tried when others are in the way.
constexpr int kAttemptsMax = 5;

bool IsInsert(const Write& write) {
  return write.mutations.size() == 1 && write.mutations[0].change == Change::kInsert;
}

bool GoTogether(const Write& a, const Write& b) {
  const Mutation &x = a.mutations[0], &y = b.mutations[0];
  return x.entity == y.entity && x.check_references == y.check_references &&
         IsNull(x.id) == IsNull(y.id);
}

bool AnswerMissing(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kUnknown;
}

Status TransactionsUnavailable() {
  return Status(Code::kUnimplemented, "TRANSACTIONS_UNAVAILABLE",
                "This MongoDB has no transactions: several changes are not all or none.");
}

}  // namespace

Status Writer::Run(std::span<Write* const> writes) {
  const bool lost_before = connection_.lost();
  for (Write* write : writes) {
    write->outcomes.assign(write->mutations.size(), {});
    write->failed.reset();
  }
  for (size_t i = 0; i < writes.size();) {
    size_t end = i + 1;
    if (writes[i]->mutations.empty()) {
      i = end;
      continue;
    }
    // Of those that were not begun nothing happened, and none of them need wait as long.
    if (connection_.lost() && !lost_before) {
      Finish(writes[i], 0, DatabaseUnreachable());
      i = end;
      continue;
    }
    if (!IsInsert(*writes[i])) {
      writes[i]->mutations.size() == 1 ? RunOne(writes[i]) : RunTransaction(writes[i]);
      i = end;
      continue;
    }
    repository::UniqueValues taken;
    taken.Repeats(writes[i]->mutations[0]);
    while (end < writes.size() && IsInsert(*writes[end]) &&
           GoTogether(*writes[i], *writes[end]) && !taken.Repeats(writes[end]->mutations[0])) {
      ++end;
    }
    RunInserts(writes.subspan(i, end - i));
    i = end;
  }
  // Where all were lost alike, that is what happened to the call.
  Status lost;
  for (const Write* write : writes) {
    if (write->mutations.empty()) continue;
    if (!write->failed || !AnswerMissing(write->outcomes[*write->failed].status)) return {};
    if (lost.ok()) lost = write->outcomes[*write->failed].status;
    if (write->outcomes[*write->failed].status.code() != lost.code()) return {};
  }
  return lost;
}

void Writer::Finish(Write* write, size_t index, Status status) {
  if (status.ok()) return;
  write->outcomes[index].status = std::move(status);
  write->failed = index;
}

void Writer::Emit(Write* write, size_t index, const Bson& row) {
  if (write->sink == nullptr) return;
  const schema::Entity& entity = *write->mutations[index].entity;
  bool more;
  Finish(write, index,
         plans_.Of(entity).ReadRow(row.get(), Selection(entity, {}, true), write->sink, &more));
}

void Writer::RunInserts(std::span<Write* const> writes) {
  Deadline deadline = Deadline::min();
  for (const Write* write : writes) deadline = std::max(deadline, write->deadline);
  if (Expired(deadline)) {
    for (Write* write : writes) Finish(write, 0, repository::TooLate());
    return;
  }
  connection_.Begin(deadline);
  std::vector<Item> items;
  items.reserve(writes.size());
  for (Write* write : writes) {
    items.push_back(Item{&write->mutations[0], write->mutations[0].id, Bson(), {}, {}});
  }
  InsertAll(items);
  for (size_t i = 0; i < writes.size(); ++i) {
    // Others were in the way of this one.
    if (items[i].status.code() == Code::kAborted) {
      RunOne(writes[i]);
    } else if (items[i].status.ok()) {
      Emit(writes[i], 0, items[i].document);
    } else {
      Finish(writes[i], 0, std::move(items[i].status));
    }
  }
}

void Writer::RunOne(Write* write) {
  if (Expired(write->deadline)) return Finish(write, 0, repository::TooLate());
  connection_.Begin(write->deadline);
  Result<Bson> row = Change(write->mutations[0]);
  if (!row.ok()) return Finish(write, 0, row.status());
  Emit(write, 0, *row);
}

void Writer::RunTransaction(Write* write) {
  if (!transactions_) return Finish(write, 0, TransactionsUnavailable());
  for (int attempt = 1;; ++attempt) {
    if (Expired(write->deadline)) return Finish(write, 0, repository::TooLate());
    connection_.Begin(write->deadline);
    again_ = false;
    std::vector<Bson> rows;
    size_t failed = 0;
    Status status = Attempt(write, &rows, &failed);
    if (status.ok()) {
      for (size_t i = 0; i < rows.size() && !write->failed; ++i) Emit(write, i, rows[i]);
      return;
    }
    if (!again_ || attempt == kAttemptsMax) return Finish(write, failed, std::move(status));
  }
}

// Tries the write once, as a transaction.
Status Writer::Attempt(Write* write, std::vector<Bson>* rows, size_t* failed) {
  Status status = connection_.BeginTransaction();
  if (!status.ok()) return status;
  for (size_t i = 0; i < write->mutations.size(); ++i) {
    Result<Bson> row = ChangeOnce(write->mutations[i]);
    if (!row.ok()) {
      connection_.Abort();
      again_ = again_ || connection_.interrupted();
      *failed = i;
      return row.status();
    }
    rows->push_back(*std::move(row));
  }
  const std::optional<Failure> failure = connection_.Commit();
  if (!failure) return {};
  again_ = failure->what == Failure::What::kAgain;
  return failure->status;
}

}  // namespace storegate::mongodb
