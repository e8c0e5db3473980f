#include "server/repository/read_batch.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "server/base/burst.h"
#include "server/base/log.h"

namespace storegate::repository {
namespace {

// More than this is given back after a call.
constexpr size_t kKeptBytesMax = 1 << 20;

auto GroupOf(const PointRead& read) { return std::tuple(read.entity, read.key, read.with_secrets); }

bool Before(const PointRead* a, const PointRead* b) {
  const auto group_a = GroupOf(*a), group_b = GroupOf(*b);
  return group_a != group_b ? group_a < group_b : a->values < b->values;
}

}  // namespace

void ReadBatch::Sort(std::vector<PointRead*>* reads) {
  if (reads->size() > 1) std::sort(reads->begin(), reads->end(), Before);
}

size_t ReadBatch::Fill(std::span<PointRead* const> sorted, size_t keys_max) {
  Clear();
  const auto group = GroupOf(*sorted[0]);
  std::tie(request_.entity, request_.key, request_.with_secrets) = group;
  std::vector<KeyValues>& values = request_.values;
  for (PointRead* read : sorted) {
    if (GroupOf(*read) != group) break;
    if (values.empty() || values.back() != read->values) {
      if (!values.empty() && values.size() >= keys_max) break;
      values.push_back(std::move(read->values));
    }
    request_.deadline = std::max(request_.deadline, read->deadline);
    readers_.push_back({read, values.size() - 1});
  }
  return readers_.size();
}

size_t ReadBatch::FillOne(const ReadBatch& from, size_t begin) {
  Clear();
  const size_t slot = from.readers_[begin].slot;
  request_.entity = from.request_.entity;
  request_.key = from.request_.key;
  request_.with_secrets = from.request_.with_secrets;
  request_.values.push_back(from.request_.values[slot]);
  for (size_t i = begin; i < from.readers_.size() && from.readers_[i].slot == slot; ++i) {
    PointRead* const read = from.readers_[i].read;
    request_.deadline = std::max(request_.deadline, read->deadline);
    readers_.push_back({read, 0});
  }
  return readers_.size();
}

void ReadBatch::Own() {
  owned_.reserve(readers_.size());
  for (Reader& reader : readers_) {
    owned_.push_back(std::move(*reader.read));
    reader.read = &owned_.back();
  }
}

void ReadBatch::Prepare() {
  rows_.clear();
  found_.clear();
  sink_.emplace(&rows_, 0, request_.with_secrets);
  sink_->SetEntity(request_.entity);
}

Status ReadBatch::Checked(Status status) const {
  if (!status.ok() || found_.size() == keys()) return status;
  Log(Level::kError, "session answered another number of keys than it was asked",
      {{"entity", request_.entity->full_name}});
  return Status(Code::kInternal, "DATABASE_ERROR", "The database gave an unexpected answer.");
}

Status ReadBatch::Get(Session* session) {
  Prepare();
  return Checked(session->Get(request_, &*sink_, &found_));
}

Status ReadBatch::StartGet(Session* session) {
  Prepare();
  return session->StartGet(request_);
}

std::optional<Status> ReadBatch::FinishGet(Session* session, Deadline until) {
  std::optional<Status> status = session->FinishGet(until, &*sink_, &found_);
  if (status) status = Checked(*std::move(status));
  return status;
}

void ReadBatch::Answer(const Status& status) {
  const Burst burst(readers_.size());
  const Executor::Gather gather;  // what the answers lead to is handed over once
  const std::string_view rows(rows_);
  for (const Reader& reader : readers_) {
    if (!status.ok()) {
      reader.read->done(status, Found(), {});
      continue;
    }
    const Found& found = found_[reader.slot];
    reader.read->done(status, found,
                      found.found ? rows.substr(found.begin, found.end - found.begin)
                                  : std::string_view());
  }
}

void ReadBatch::MoveTo(std::vector<Task>* tasks) {
  tasks->reserve(tasks->size() + readers_.size());
  for (size_t i = 0; i < readers_.size(); ++i) {
    const auto [read, slot] = readers_[i];
    const bool last = i + 1 == readers_.size() || readers_[i + 1].slot != slot;
    if (last) {
      read->values = std::move(request_.values[slot]);
    } else {
      read->values = request_.values[slot];
    }
    tasks->emplace_back(std::move(*read));
  }
  Clear();
}

bool ReadBatch::AnyUntried() const {
  return std::any_of(readers_.begin(), readers_.end(),
                     [](const Reader& reader) { return !reader.read->tried; });
}

void ReadBatch::SetTried() {
  for (const Reader& reader : readers_) reader.read->tried = true;
}

void ReadBatch::Clear() {
  request_.values.clear();
  request_.deadline = Deadline::min();
  readers_.clear();
  owned_.clear();
  if (rows_.capacity() > kKeptBytesMax) std::string().swap(rows_);
}

}  // namespace storegate::repository
