// Where a page begins and how long it is, and what its sink must stop at.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"
#include "server/service/listing.h"

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

// The rows of one page on their way from the database into an answer.
struct Page {
  std::string rows;          // as the response holds them
  bool more = false;         // others follow
  std::vector<Value> last;   // sort keys of the last row
  size_t row_bytes = 0;      // of a row as it was read, about
  // Sort keys of each row, where what a row becomes is not known yet.
  std::vector<std::vector<Value>> keys;
};

// The page that `list` begins, of `size` rows and `max_bytes` at most, the first row
// whatever its size; sets the query's limit. REQUIRES: the method returns records.
Result<Page> ReadPage(const CallState& call, ListQuery* list, int64_t size, size_t max_bytes,
                      repository::Session* session);

// Makes of the rows what the answer has of them (include.h). A page that has more than
// `max_bytes` then ends earlier. Calls `done` once, at once where there is nothing to do.
void FillPage(const CallPtr& call, const Selection& selection, size_t max_bytes,
              std::shared_ptr<Page> page, std::function<void(const Status&)> done);

// Takes rows until one is over the page, by number or by bytes; that one is only
// the proof that another page follows.
class PageSink : public repository::WireSink {
 public:
  PageSink(std::string* out, int list_field, int64_t max_rows, size_t max_bytes)
      : WireSink(out, list_field), out_(out), max_rows_(max_rows), max_bytes_(max_bytes) {}

  // Keeps the sort keys of each row that is in the page.
  void KeepKeys(std::vector<std::vector<Value>>* keys) { keys_ = keys; }

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
  std::vector<std::vector<Value>>* keys_ = nullptr;
  bool more_ = false;
};

}  // namespace storegate::service
