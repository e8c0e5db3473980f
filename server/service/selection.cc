#include "server/service/selection.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/base/text.h"
#include "server/base/wire_fields.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/violations.h"

namespace storegate::service {

using schema::Field;
using schema::Role;

namespace {

void AddOnce(const Field* field, std::vector<const Field*>* fields) {
  if (std::ranges::find(*fields, field) == fields->end()) fields->push_back(field);
}

void Sort(std::vector<const Field*>* fields) {
  std::ranges::sort(*fields, {}, &Field::index);
}

// The field of this entity whose value says what is filled into `field`.
const Field* Leading(const Field& field) {
  if (field.role == Role::kCount) return field.count->references->field;
  const bool many = field.presence == schema::Presence::kRepeated;
  return many ? field.embed->references->field : field.embed;
}

}  // namespace

std::vector<const Field*> Selection::ReadWith(std::vector<const Field*> also) const {
  if (read_.empty()) return {};
  std::vector<const Field*> fields = read_;
  for (const Field* field : also) AddOnce(field, &fields);
  Sort(&fields);
  return fields;
}

void Selection::AppendAnswer(std::string_view record, std::string* out) const {
  if (whole_) {
    out->append(record);
    return;
  }
  wire::Field field;
  while (wire::NextField(&record, &field)) {
    const bool wanted = std::ranges::any_of(answer_, [&field](const Field* known) {
      return static_cast<uint64_t>(known->number) == field.number;
    });
    if (wanted) out->append(field.whole);
  }
}

// Reads the paths of both masks into one selection.
class SelectionReader {
 public:
  SelectionReader(const schema::Entity& entity, Violations* violations)
      : entity_(entity), violations_(*violations) {}

  void Include(const std::string& name, const std::string& path, Selection* selection) {
    mask_ = name;
    path_ = path;
    Add(entity_, path, 0, selection);
  }

  // Paths of a read mask; "*" alone is all.
  void Answer(const std::string& name, const std::vector<std::string>& paths,
              Selection* selection) {
    mask_ = name;
    if (paths.empty() || (paths.size() == 1 && paths[0] == "*")) return;
    selection->whole_ = false;
    for (const std::string& path : paths) {
      path_ = path;
      Add(entity_, path, 0, selection, /*stored=*/true);
    }
  }

  // What has to be read follows from what is wanted.
  static void Finish(Selection* selection) {
    Sort(&selection->answer_);
    if (!selection->whole_) {
      selection->read_ = selection->answer_;
      for (const Selection::Part& part : selection->parts_) {
        AddOnce(Leading(*part.field), &selection->read_);
      }
      Sort(&selection->read_);
    }
    for (Selection::Part& part : selection->parts_) {
      if (part.of != nullptr) Finish(part.of.get());
    }
  }

 private:
  void Refuse(const std::string& why) {
    violations_.Add(mask_, Quoted(path_) + ": " + why, reason::kInvalidMask);
  }

  // `stored`: a path that ends at a field that is stored narrows the answer to it.
  void Add(const schema::Entity& entity, std::string_view path, size_t depth, Selection* selection,
           bool stored = false) {
    const size_t dot = std::min(path.find('.'), path.size());
    const std::string_view name = path.substr(0, dot);
    const bool ends = dot == path.size();
    const Field* field = entity.Find(name);
    if (field == nullptr) return Refuse(entity.name + " has no field " + Quoted(name));
    if (field->input_only || field->password) {
      return Refuse(entity.name + "." + field->name + " is never returned");
    }
    if (field->stored()) {
      if (!stored) {
        return Refuse(entity.name + "." + field->name +
                      " is stored with the record and not filled on request");
      }
      if (!ends) {
        return Refuse("the mask names whole fields; write " + Quoted(field->name));
      }
      selection->whole_ = false;
      return AddOnce(field, &selection->answer_);
    }
    if (!ends && field->role == Role::kCount) {
      return Refuse(entity.name + "." + field->name + " is a number");
    }
    if (depth + 1 > kMaxIncludeDepth) {
      return Refuse("too deep; at most " + std::to_string(kMaxIncludeDepth) + " embeds");
    }
    Selection::Part* part = PartOf(field, selection);
    if (!ends) Add(*field->embed_entity, path.substr(dot + 1), depth + 1, part->of.get(), true);
  }

  static Selection::Part* PartOf(const Field* field, Selection* selection) {
    for (Selection::Part& part : selection->parts_) {
      if (part.field == field) return &part;
    }
    Selection::Part& part = selection->parts_.emplace_back();
    part.field = field;
    if (field->role == Role::kEmbed) part.of = std::make_unique<Selection>();
    return &part;
  }

  const schema::Entity& entity_;
  Violations& violations_;
  std::string mask_, path_;
};

Result<Selection> ReadSelection(const schema::Method& method, const Message& request) {
  Selection selection;
  Violations violations;
  SelectionReader reader(*method.entity, &violations);
  const auto paths_of = [&](const FieldDescriptor* mask) {
    std::vector<std::string> paths = MaskPaths(request, mask);
    if (paths.size() > static_cast<size_t>(kMaxSelectionPaths)) {
      violations.Add(mask->name(), "has " + std::to_string(paths.size()) + " paths; at most " +
                                       std::to_string(kMaxSelectionPaths),
                     reason::kInvalidMask);
      paths.clear();
    }
    return paths;
  };
  if (method.read_mask != nullptr) {
    reader.Answer(method.read_mask->name(), paths_of(method.read_mask), &selection);
  }
  if (method.include != nullptr) {
    for (const std::string& path : paths_of(method.include)) {
      reader.Include(method.include->name(), path, &selection);
    }
  }
  if (!violations.empty()) return violations.ToStatus();
  SelectionReader::Finish(&selection);
  return selection;
}

}  // namespace storegate::service
