// ReadBatch: Gets put together into one call to a session, and the answers taken
// apart again. Used by one thread at a time; its memory is used again and again.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/repository/backend.h"
#include "server/repository/task.h"
#include "server/repository/wire_sink.h"

namespace storegate::repository {

class ReadBatch {
 public:
  ReadBatch() = default;
  // The sink writes into rows_.
  ReadBatch(const ReadBatch&) = delete;
  ReadBatch& operator=(const ReadBatch&) = delete;

  // Brings reads that can go together side by side, in the order of their keys.
  static void Sort(std::vector<PointRead*>* reads);

  // Takes as many of the first of `sorted` as one call can answer, with at most
  // `keys_max` distinct keys, and returns how many; at least one. Moves their
  // values into the request; the reads themselves stay where they are until they
  // have been answered, moved out or owned. REQUIRES: !sorted.empty().
  size_t Fill(std::span<PointRead* const> sorted, size_t keys_max);
  // Takes the first readers of one key out of another batch, from reader `begin`
  // on; returns how many.
  size_t FillOne(const ReadBatch& from, size_t begin);

  // From here on the batch itself holds the reads.
  void Own();

  // What Session's functions of these names say; INTERNAL too when the session
  // answered another number of keys than it was asked.
  Status Get(Session* session);
  Status StartGet(Session* session);
  std::optional<Status> FinishGet(Session* session, Deadline until);

  // Calls each read's `done`, with its row where `status` is OK.
  void Answer(const Status& status);
  // Or: makes them what they were, to be run again elsewhere.
  void MoveTo(std::vector<Task>* tasks);

  // Whether there is one that may run again after its connection was lost; once
  // told that all have been tried, there is none.
  bool AnyUntried() const;
  void SetTried();

  void Clear();

  size_t keys() const { return request_.values.size(); }
  size_t readers() const { return readers_.size(); }
  Deadline deadline() const { return request_.deadline; }
  const schema::Method* method() const { return readers_[0].read->method; }

 private:
  struct Reader {
    PointRead* read;
    size_t slot;  // which of GetRequest::values it asked for
  };

  void Prepare();
  Status Checked(Status status) const;

  GetRequest request_;
  std::vector<Reader> readers_;  // in the order of their slots
  std::vector<PointRead> owned_;
  std::vector<Found> found_;
  std::string rows_;
  std::optional<WireSink> sink_;
};

}  // namespace storegate::repository
