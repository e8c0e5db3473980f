// All that is wrong with a request, gathered in order.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/service/reasons.h"

namespace storegate::service {

// A place in a request, made of nodes on the stack; becomes text only when
// something is wrong there.
class Path {
 public:
  Path() = default;  // the request itself
  // `parent` outlives this; so do the characters of `name`.
  Path(const Path& parent, std::string_view name) : parent_(&parent), name_(name) {}
  Path(const Path& parent, int index) : parent_(&parent), index_(index) {}
  // The value of a map's entry, whose key field is `key`.
  Path(const Path& parent, const google::protobuf::Message& entry,
       const google::protobuf::FieldDescriptor* key)
      : parent_(&parent), entry_(&entry), key_(key) {}

  // "requests[3].book.titles[0]", "author.links[\"home\"]"
  std::string ToString() const;

 private:
  const Path* parent_ = nullptr;
  std::string_view name_;
  int index_ = -1;
  const google::protobuf::Message* entry_ = nullptr;
  const google::protobuf::FieldDescriptor* key_ = nullptr;
};

class Violations {
 public:
  // Kept of them: more than anybody is ever shown. The rest is counted.
  static constexpr size_t kKept = 200;

  void Add(const Path& at, std::string description,
           std::string_view reason = reason::kInvalidField);
  void Add(std::string field, std::string description,
           std::string_view reason = reason::kInvalidField);
  // Cheap test before making a description that nobody will see.
  bool full() const { return kept_.size() >= kKept; }
  void CountOnly() { ++total_; }

  bool empty() const { return total_ == 0; }
  size_t total() const { return total_; }
  // OK when empty, else INVALID_ARGUMENT with the violations and their total. The
  // reason is theirs where all have one, else INVALID_FIELD.
  Status ToStatus() const;

 private:
  std::vector<Violation> kept_;
  std::string_view reason_;
  size_t total_ = 0;
};

// INVALID_ARGUMENT with this one violation.
Status Invalid(std::string field, std::string description,
               std::string_view reason = reason::kInvalidField);

}  // namespace storegate::service
