// Forwards everything, so that a fault or a policy is an override or two.
#pragma once

#include <memory>
#include <utility>

#include "server/repository/backend.h"

namespace storegate::repository {

class ForwardingSession : public Session {
 public:
  explicit ForwardingSession(std::unique_ptr<Session> to) : to_(std::move(to)) {}

  Status Get(const GetRequest& request, WireSink* sink, std::vector<Found>* found) override {
    return to_->Get(request, sink, found);
  }
  Status StartGet(const GetRequest& request) override { return to_->StartGet(request); }
  std::optional<Status> FinishGet(Deadline until, WireSink* sink,
                                  std::vector<Found>* found) override {
    return to_->FinishGet(until, sink, found);
  }
  bool Fresh() override { return to_->Fresh(); }
  bool Aged() override { return to_->Aged(); }
  Status List(const Query& query, Sink* sink) override { return to_->List(query, sink); }
  Result<int64_t> Count(const Query& query) override { return to_->Count(query); }
  Status Aggregate(const AggregateQuery& query, Sink* sink) override {
    return to_->Aggregate(query, sink);
  }
  Status Native(const NativeQuery& query, Sink* sink) override {
    return to_->Native(query, sink);
  }
  Result<std::string> Explain(const Query& query) override { return to_->Explain(query); }
  Status Apply(std::span<Write* const> writes) override { return to_->Apply(writes); }
  int64_t statements() const override { return to_->statements(); }

 protected:
  Session& to() { return *to_; }

 private:
  std::unique_ptr<Session> to_;
};

class ForwardingBackend : public Backend {
 public:
  explicit ForwardingBackend(std::unique_ptr<Backend> to) : to_(std::move(to)) {}

  std::string_view kind() const override { return to_->kind(); }
  Capabilities capabilities() const override { return to_->capabilities(); }
  Result<std::unique_ptr<Session>> Connect(Use use) override { return to_->Connect(use); }
  Result<std::string> KeepSecret(std::string_view name, std::string_view proposed) override {
    return to_->KeepSecret(name, proposed);
  }
  Migrator* migrator() override { return to_->migrator(); }

 protected:
  Backend& to() { return *to_; }

 private:
  std::unique_ptr<Backend> to_;
};

}  // namespace storegate::repository
