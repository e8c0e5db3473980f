// Which of a document's fields a read gives.
#pragma once

#include <vector>

#include "server/schema/schema.h"

namespace storegate::mongodb {

// Of one read. Immutable.
class Selection {
 public:
  // `fields` empty: all, but for input-only ones unless `with_secrets`.
  Selection(const schema::Entity& entity, const std::vector<const schema::Field*>& fields,
            bool with_secrets)
      : all_(fields.empty()), secrets_(with_secrets), version_(all_) {
    if (all_) return;
    wanted_.resize(entity.fields.size());
    for (const schema::Field* field : fields) {
      wanted_[static_cast<size_t>(field->index)] = true;
      if (field == entity.etag) version_ = true;
    }
  }

  bool all() const { return all_; }
  bool secrets() const { return secrets_; }
  // What is behind etag.
  bool version() const { return version_; }
  bool Has(const schema::Field& field) const {
    return (all_ || wanted_[static_cast<size_t>(field.index)]) && (secrets_ || !field.input_only);
  }

 private:
  const bool all_, secrets_;
  bool version_;
  std::vector<bool> wanted_;  // by index
};

}  // namespace storegate::mongodb
