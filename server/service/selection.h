// Selection: what of a record the caller wants, from `include` and `read_mask`.
//
// `include` names fields with `embed` or `count`, also below others: "owner" fills it
// with all that it has, "owner.name" with its name alone, "owner.team" with all that it
// has and its own team. `read_mask` names the fields of the answer: whole fields of the
// record, and embeds as `include` does. What `include` names is in the answer whatever
// the read mask says. Source of the notation: google.aip.dev/157 and 161.
#pragma once

#include <memory>
#include <vector>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/repository/wire_sink.h"
#include "server/schema/schema.h"

namespace storegate::service {

// Embeds below embeds, at most.
inline constexpr size_t kMaxIncludeDepth = 5;
inline constexpr int kMaxSelectionPaths = 100;

class Selection {
 public:
  // A field that is filled: an embed with what is wanted of its records, or a count.
  struct Part {
    const schema::Field* field = nullptr;
    std::unique_ptr<Selection> of;  // null for a count
  };

  // All that is stored, and nothing filled.
  Selection() = default;
  Selection(Selection&&) = default;
  Selection& operator=(Selection&&) = default;

  // Nothing to do: the answer is what is stored.
  bool trivial() const { return whole_ && parts_.empty(); }
  const std::vector<Part>& parts() const { return parts_; }

  // What has to be read so that the answer can be made; empty: all.
  const std::vector<const schema::Field*>& read() const { return read_; }
  // The same, with what else `also` names.
  std::vector<const schema::Field*> ReadWith(std::vector<const schema::Field*> also) const;

  // Appends of the record's wire bytes what is in the answer.
  void AppendAnswer(std::string_view record, std::string* out) const;
 private:
  friend class SelectionReader;
  bool whole_ = true;
  std::vector<const schema::Field*> answer_, read_;  // in order; empty when whole
  std::vector<Part> parts_;
};

// Of a request of `method`. INVALID_ARGUMENT, reason INVALID_MASK, naming each path that
// is wrong: unknown, not filled on request (in `include`), never returned, into a field
// that has no parts of its own, too deep, too many.
Result<Selection> ReadSelection(const schema::Method& method,
                                const google::protobuf::Message& request);

}  // namespace storegate::service
