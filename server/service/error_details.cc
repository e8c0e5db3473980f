#include "server/service/error_details.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "server/base/text.h"
#include "server/base/wire.h"

namespace storegate::service {
namespace {

constexpr size_t kMaxMessageBytes = 500;
constexpr size_t kMaxMetadataKeyBytes = 64;
constexpr size_t kMaxMetadataValueBytes = 255;
constexpr size_t kMaxMetadataEntries = 16;
constexpr size_t kMaxPathBytes = 300;
constexpr size_t kMaxDescriptionBytes = 400;

// Protobuf refuses strings that are not UTF-8, and a header has a bound: what
// comes from elsewhere is made to fit, never dropped as a whole.
std::string Fit(std::string_view text, size_t max_bytes) {
  std::string out(text.substr(0, max_bytes + 4));
  for (size_t bad = FindInvalidUtf8(out); bad != std::string_view::npos;
       bad = FindInvalidUtf8(out)) {
    // A character cut in two at the end is no mistake of the text.
    if (out.size() < text.size() && out.size() - bad < 4) {
      out.resize(bad);
    } else {
      out[bad] = '?';
    }
  }
  if (out.size() <= max_bytes && out.size() == text.size()) return out;
  static constexpr std::string_view kEllipsis = "…";
  size_t end = std::min(out.size(), max_bytes - kEllipsis.size());
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  out.resize(end);
  out += kEllipsis;
  return out;
}

// Bytes of a length-delimited field with a one-byte tag.
size_t FieldBytes(size_t content) { return 1 + wire::VarintSize(content) + content; }

// Bytes that an Any with this content takes as one of Status.details.
size_t DetailBytes(std::string_view type_name, size_t content) {
  static constexpr size_t kPrefix = std::string_view("type.googleapis.com/").size();
  return FieldBytes(FieldBytes(kPrefix + type_name.size()) + FieldBytes(content));
}

}  // namespace

google::rpc::Status ToRpcStatus(const Status& status, size_t max_bytes) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  if (status.ok()) return out;
  out.set_message(Fit(status.message(), kMaxMessageBytes));

  google::rpc::ErrorInfo info;
  info.set_reason(status.reason());
  info.set_domain(std::string(kErrorDomain));
  size_t total = status.violations().size();
  for (const auto& [key, value] : status.metadata()) {
    if (key == "violations_total") {
      size_t given = 0;
      std::from_chars(value.data(), value.data() + value.size(), given);
      total = std::max(total, given);
      continue;
    }
    if (info.metadata_size() >= static_cast<int>(kMaxMetadataEntries)) continue;
    (*info.mutable_metadata())[Fit(key, kMaxMetadataKeyBytes)] = Fit(value, kMaxMetadataValueBytes);
  }
  if (total > 0) {
    // Both are as long as they can get, so that what is measured below holds.
    (*info.mutable_metadata())["violations_total"] = std::to_string(total);
    (*info.mutable_metadata())["violations_shown"] = std::to_string(total);
  }

  google::rpc::RetryInfo retry;
  if (status.retry_delay()) {
    int64_t millis = status.retry_delay()->count();
    retry.mutable_retry_delay()->set_seconds(millis / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(millis % 1000) * 1000000);
  }

  size_t used = out.ByteSizeLong() +
                DetailBytes(info.GetDescriptor()->full_name(), info.ByteSizeLong()) +
                DetailBytes(retry.GetDescriptor()->full_name(), retry.ByteSizeLong());
  // A small budget (one of many items) gives up metadata before the reason.
  if (used > max_bytes) {
    std::string shown_total = std::to_string(total);
    info.clear_metadata();
    if (total > 0) (*info.mutable_metadata())["violations_total"] = shown_total;
    used = out.ByteSizeLong() + DetailBytes(info.GetDescriptor()->full_name(), info.ByteSizeLong());
  }

  google::rpc::BadRequest bad;
  size_t content = 0;
  for (const Violation& violation : status.violations()) {
    auto* entry = bad.add_field_violations();
    entry->set_field(Fit(violation.field, kMaxPathBytes));
    entry->set_description(Fit(violation.description, kMaxDescriptionBytes));
    size_t grown = content + FieldBytes(entry->ByteSizeLong());
    if (used + DetailBytes(bad.GetDescriptor()->full_name(), grown) > max_bytes) {
      bad.mutable_field_violations()->RemoveLast();
      break;
    }
    content = grown;
  }
  if (total > 0) {
    (*info.mutable_metadata())["violations_shown"] = std::to_string(bad.field_violations_size());
  }

  out.add_details()->PackFrom(info);
  if (bad.field_violations_size() > 0) out.add_details()->PackFrom(bad);
  if (status.retry_delay()) out.add_details()->PackFrom(retry);
  return out;
}

}  // namespace storegate::service
