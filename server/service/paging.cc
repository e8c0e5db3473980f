#include "server/service/paging.h"

#include <algorithm>
#include <utility>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sodium.h>

#include "server/base/wire_fields.h"
#include "server/service/include.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/violations.h"

namespace storegate::service {

Result<Paging> ReadPaging(const schema::Method& method, const Message& request,
                          size_t max_page_size) {
  Paging paging;
  Violations violations;
  const auto read = [&](const FieldDescriptor* field) {
    const int64_t value = GetInteger(request, field);
    if (value < 0) {
      violations.Add(field->name(), "must not be negative; got " + std::to_string(value));
    }
    return value;
  };
  paging.size = read(method.page_size);
  paging.skip = read(method.skip);
  paging.page = read(method.page);
  paging.token = GetString(request, method.page_token);
  if (method.page != nullptr && method.page->has_presence() && IsSet(request, method.page) &&
      paging.page == 0) {
    violations.Add(method.page->name(), "pages count from 1; got 0");
  }
  if (!violations.empty()) return violations.ToStatus();

  std::vector<std::string> set;
  if (!paging.token.empty()) set.push_back(method.page_token->name());
  if (paging.page != 0) set.push_back(method.page->name());
  if (paging.skip != 0) set.push_back(method.skip->name());
  if (set.size() > 1) {
    return Invalid(set[1], "not together with " + set[0] + ": each says where the page begins",
                   reason::kPagingConflict);
  }

  const auto max = static_cast<int64_t>(max_page_size);
  if (paging.size == 0) paging.size = method.entity->default_page_size;
  paging.size = std::clamp<int64_t>(paging.size, 1, max);
  if (paging.page != 0 &&
      __builtin_mul_overflow(paging.page - 1, paging.size, &paging.skip)) {
    return Invalid(method.page->name(), "too large; got " + std::to_string(paging.page));
  }
  return paging;
}

std::string Fingerprint(const schema::Method& method, const query::Order& order,
                        Message* request) {
  for (const FieldDescriptor* field :
       {method.page_size, method.page_token, method.skip, method.page, method.order_by,
        method.include_total_size}) {
    if (field != nullptr) request->GetReflection()->ClearField(request, field);
  }
  request->DiscardUnknownFields();
  std::string text = method.full_name;
  for (const query::SortKey& key : order) {
    text += key.descending ? '-' : '+';
    text += key.field->name;
  }
  text += '\0';
  {
    google::protobuf::io::StringOutputStream stream(&text);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request->SerializeToCodedStream(&coded);
  }
  unsigned char hash[crypto_generichash_BYTES];
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return std::string(reinterpret_cast<const char*>(hash), sizeof hash);
}

void PageSink::BeginRow() {
  kept_bytes_ = size();
  if (rows() > 0) last_ = last_values();
  WireSink::BeginRow();
}

bool PageSink::EndRow() {
  const bool go_on = WireSink::EndRow();
  // The first row is in whatever its size: a page makes progress.
  more_ = static_cast<int64_t>(rows()) > max_rows_ || (rows() > 1 && size() > max_bytes_);
  if (keys_ != nullptr && !more_) keys_->push_back(last_values());
  return go_on && !more_;
}

void PageSink::Finish() {
  if (more_) {
    out_->resize(kept_bytes_);
  } else {
    last_ = last_values();
  }
}

Result<Page> ReadPage(const CallState& call, ListQuery* list, int64_t size, size_t max_bytes,
                      repository::Session* session) {
  Page page;
  PageSink sink(&page.rows, call.method().records->number(), size, max_bytes);
  sink.SetEntity(&call.entity());
  sink.Remember(&list->query.order);
  if (!list->selection.trivial()) sink.KeepKeys(&page.keys);
  list->query.limit = size + 1;  // one more shows that another page follows
  if (Status status = session->List(list->query, &sink); !status.ok()) return status;
  page.row_bytes = page.rows.size() / std::max<size_t>(sink.rows(), 1) + 1;
  sink.Finish();
  page.more = sink.more();
  page.last = sink.last();
  return page;
}

void FillPage(const CallPtr& call, const Selection& selection, size_t max_bytes,
              std::shared_ptr<Page> page, std::function<void(const Status&)> done) {
  if (selection.trivial()) return done({});
  auto rows = std::make_shared<std::vector<std::string>>();
  wire::Field row;
  for (std::string_view in = page->rows; wire::NextField(&in, &row);) {
    rows->emplace_back(row.content);
  }
  const int list_field = call->method().records->number();
  FillIncluded(call, selection, rows,
               [page, rows, list_field, max_bytes, done = std::move(done)](const Status& status) {
                 if (!status.ok()) return done(status);
                 page->rows.clear();
                 for (size_t i = 0; i < rows->size(); ++i) {
                   if (i > 0 && page->rows.size() + (*rows)[i].size() > max_bytes) {
                     page->more = true;
                     break;
                   }
                   wire::AppendBytes(list_field, (*rows)[i], &page->rows);
                   page->last = page->keys[i];
                 }
                 done({});
               });
}

}  // namespace storegate::service
