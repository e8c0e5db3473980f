// One text as a filter: what must hold of whatever it is. For random texts, and for
// libFuzzer (tests/fuzz).
#pragma once

#include <memory>
#include <string>

#include "server/base/text.h"
#include "server/query/evaluate.h"
#include "server/query/predicate.h"
#include "tests/unit/query/test_schema.h"

namespace storegate::query {

class FilterTarget {
 public:
  // Calls `broken` with what does not hold. True when the text was taken.
  template <typename Broken>
  bool Try(const std::string& text, const Broken& broken) const {
    const Result<Template> parsed =
        Template::Parse(text, Book(), Values(), Values()->FindFieldByName("opt_text"));
    if (!parsed.ok()) {
      const Status& status = parsed.status();
      if (status.reason() != "INVALID_FILTER") broken("reason " + status.reason());
      const auto position = status.metadata().find("position");
      if (position == status.metadata().end() ||
          std::stoul(position->second) > std::max<size_t>(text.size(), 65536)) {
        broken("no position within the text");
      }
      if (FindInvalidUtf8(status.message()) != std::string::npos) broken("the message is no UTF-8");
      return false;
    }
    const Result<Predicate> bound = parsed->Bind(request_.get());
    if (!bound.ok()) {
      broken("cannot be bound: " + bound.status().ToString());
      return false;
    }
    if (Describe(*bound).empty()) broken("has no description");
    for (const auto* book : {full_.get(), empty_.get()}) {
      if (Matches(*bound, *book) == Matches(Predicate::Not(*bound), *book)) {
        broken("is not two-valued");
      }
    }
    return true;
  }

 private:
  std::unique_ptr<google::protobuf::Message> request_ = Make("Values", R"({
    "flag": true, "i32": 5, "text": "x", "texts": ["a", "b"], "time": "2026-01-01T00:00:00Z",
    "color": "RED", "colors": ["RED", "GREEN"], "f64s": [1, 2], "optText": "y"})");
  std::unique_ptr<google::protobuf::Message> empty_ = MakeBook("{}");
  std::unique_ptr<google::protobuf::Message> full_ = MakeBook(R"({
    "flag": true, "i32": 5, "text": "x", "extra": {"a": {"b": [1, {"c": null}]}},
    "any": [1, "x"], "many": [1], "inner": {"inner": {"title": "x", "sizes": {"a": 1}}},
    "tags": ["a"], "numbers": [5], "labels": {"a": "b"}, "byNumber": {"5": "x"},
    "byFlag": {"true": {"title": "t"}}, "extraOf": {"m": {"a": 1}}})");
};

}  // namespace storegate::query
