// update_mask: which fields an update sets. Paths name fields of the record and
// reach into messages (address.street), maps (links.home) and Structs
// (settings.theme.color); a key that is no plain word stands in backquotes, with
// a backquote in it doubled (links.`a.b`). Source: google.aip.dev/134 and 161.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/schema/schema.h"
#include "server/service/violations.h"

namespace storegate::service {

inline constexpr size_t kMaxMaskPaths = 1000;

struct MaskPath {
  const schema::Field* field = nullptr;
  std::vector<std::string> below;  // names of fields, keys of maps and Structs
};

struct Mask {
  // Set as a whole, in order of the fields, each once.
  std::vector<const schema::Field*> whole;
  // Into fields that are not set as a whole.
  std::vector<MaskPath> nested;

  bool empty() const { return whole.empty() && nested.empty(); }
};

// `paths` as given in the request's field `mask_name`. "*", alone, means all
// fields but the id, those that the gateway sets, output-only and immutable ones,
// and input-only ones that `record` does not set. INVALID_ARGUMENT, reason
// UPDATE_MASK_REQUIRED, when there is no path; else reason INVALID_UPDATE_MASK or
// BATCH_TOO_LARGE, with each path that is wrong: unknown, malformed, not to be
// written, into a list or a scalar.
Result<Mask> ParseMask(const std::vector<std::string>& paths, std::string_view mask_name,
                       const schema::Entity& entity, const google::protobuf::Message& record);

// Makes what `path` names in `to` what it is in `from`; what `from` does not have
// there is removed. REQUIRES: both of the path's entity.
void ApplyMaskPath(const MaskPath& path, const google::protobuf::Message& from,
                   google::protobuf::Message* to);

}  // namespace storegate::service
