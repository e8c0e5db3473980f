// Where a page begins and how long it is, and what its sink must stop at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"

namespace storegate::service {

struct Paging {
  int64_t size = 0;    // records of a page
  int64_t skip = 0;
  int64_t page = 0;    // from 1; 0 when pages are not numbered
  std::string token;   // as given, sealed
};

// page_size 0 or unset: the entity's default; above the maximum: the maximum.
// INVALID_ARGUMENT: negative, page 0 where it can be told from unset; reason
// PAGING_CONFLICT when two of page_token, page and skip are set.
Result<Paging> ReadPaging(const schema::Method& method, const google::protobuf::Message& request,
                          size_t max_page_size);

// What must be the same when a token comes back: the method, the order, and all
// of the request that says which records are listed. Clears the other fields.
std::string Fingerprint(const schema::Method& method, const query::Order& order,
                        google::protobuf::Message* request);

// Takes rows until one is over the page, by number or by bytes; that one is only
// the proof that another page follows.
class PageSink : public repository::WireSink {
 public:
  PageSink(std::string* out, int list_field, int64_t max_rows, size_t max_bytes)
      : WireSink(out, list_field), out_(out), max_rows_(max_rows), max_bytes_(max_bytes) {}

  void BeginRow() override;
  bool EndRow() override;

  // After the list: takes the row that is over back out.
  void Finish();
  bool more() const { return more_; }
  // Sort keys of the last row that is in the page.
  const std::vector<Value>& last() const { return last_; }

 private:
  std::string* const out_;
  const int64_t max_rows_;
  const size_t max_bytes_;
  size_t kept_bytes_ = 0;
  std::vector<Value> last_;
  bool more_ = false;
};

}  // namespace storegate::service
