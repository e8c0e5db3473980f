// What changes of entities mean for rows that are there.
#include <map>
#include <set>
#include <utility>

#include "server/base/text.h"
#include "server/schema/compatibility_parts.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kBool: return "bool";
    case Type::kInt32: return "int32";
    case Type::kInt64: return "int64";
    case Type::kUint32: return "uint32";
    case Type::kFloat: return "float";
    case Type::kDouble: return "double";
    case Type::kString: return "string";
    case Type::kBytes: return "bytes";
    case Type::kEnum: return "enum";
    case Type::kTimestamp: return "google.protobuf.Timestamp";
    case Type::kDuration: return "google.protobuf.Duration";
    case Type::kStruct: return "google.protobuf.Struct";
    case Type::kValue: return "google.protobuf.Value";
    case Type::kListValue: return "google.protobuf.ListValue";
    case Type::kMessage: return "message";
  }
  return "";
}

std::string_view PresenceName(Presence presence) {
  switch (presence) {
    case Presence::kPlain: return "never null";
    case Presence::kOptional: return "nullable";
    case Presence::kRepeated: return "a list";
    case Presence::kMap: return "a map";
  }
  return "";
}

// Whether each value of the one is one of the other, read back as what it was.
bool Widens(Type before, Type after) {
  switch (before) {
    case Type::kInt32:
    case Type::kUint32: return after == Type::kInt64;
    case Type::kFloat: return after == Type::kDouble;
    case Type::kEnum: return after == Type::kString;  // kept by name
    default: return false;
  }
}

// Keys of maps are kept as text.
bool KeyReads(const pb::FieldDescriptor* before, const pb::FieldDescriptor* after) {
  using Field = pb::FieldDescriptor;
  if (before->cpp_type() == after->cpp_type()) return true;
  if (after->cpp_type() == Field::CPPTYPE_STRING) return true;
  return after->cpp_type() == Field::CPPTYPE_INT64 &&
         (before->cpp_type() == Field::CPPTYPE_INT32 ||
          before->cpp_type() == Field::CPPTYPE_UINT32);
}

// Compares what one column holds, messages within messages included.
class ColumnComparison {
 public:
  ColumnComparison(const Field& was, std::vector<Incompatibility>* out) : was_(was), out_(out) {}

  // `nested`: a field of a message in the column.
  void CompareValues(const Shape& was, const Shape& now, bool nested) {
    if (!ComparePresence(was, now, nested)) return;
    if (was.presence == Presence::kMap && !KeyReads(was.key, now.key)) {
      Report("TYPE_CHANGED", now, "keys were " + std::string(was.key->type_name()) + " and are " +
                                      now.key->type_name() + Instead());
    }
    if (was.type != now.type) {
      if (Widens(was.type, now.type)) return;
      Report("TYPE_CHANGED", now, "values were " + std::string(TypeName(was.type)) + " and are " +
                                      std::string(TypeName(now.type)) + Instead());
      return;
    }
    // A column of its own type; within JSON and documents it is text as all others.
    if (!nested && now.format == Format::kUuid && was.format != Format::kUuid) {
      Report("TYPE_CHANGED", now, "values were any text and are UUIDs" + Instead());
    }
    if (!nested && (now.format == Format::kObjectId) != (was.format == Format::kObjectId)) {
      const bool now_ids = now.format == Format::kObjectId;
      Report("TYPE_CHANGED", now, std::string("values were ") +
                                      (now_ids ? "text and are ObjectIds" : "ObjectIds and are text") +
                                      Instead());
    }
    if (was.type == Type::kEnum) CompareEnums(*was.enum_type, now);
    if (was.type == Type::kMessage && was.message != nullptr && now.message != nullptr) {
      CompareMessages(*was.message, *now.message);
    }
  }

  void Report(std::string_view rule, const Shape& now, std::string message) {
    Report(rule, now.location, now.descriptor->full_name(), std::move(message));
  }
  void Report(std::string_view rule, const Location& where, const std::string& element,
              std::string message) {
    Incompatibility found;
    found.kind = Incompatibility::Kind::kData;
    found.rule = rule;
    found.element = element;
    found.message = std::move(message);
    found.location = where;
    found.table = was_.entity->collection;
    found.column = was_.column;
    out_->push_back(std::move(found));
  }

  static std::string Instead() {
    return ", while rows hold the old ones; add another field, fill it, and remove this one later";
  }

 private:
  bool ComparePresence(const Shape& was, const Shape& now, bool nested) {
    if (was.presence == now.presence) return true;
    if (was.presence == Presence::kPlain && now.presence == Presence::kOptional) return true;
    if (was.presence == Presence::kOptional && now.presence == Presence::kPlain) {
      if (nested) return true;  // what is absent reads as zero, as on the wire
      Report("CARDINALITY_CHANGED", now,
             "the field was nullable and is not, while rows may hold null; keep `optional`, or "
             "fill the column first");
      return true;
    }
    Report("CARDINALITY_CHANGED", now,
           "the field was " + std::string(PresenceName(was.presence)) + " and is " +
               std::string(PresenceName(now.presence)) + Instead());
    return false;
  }

  void CompareEnums(const EnumType& was, const Shape& now) {
    for (int i = 0; i < was.descriptor->value_count(); ++i) {
      const pb::EnumValueDescriptor* value = was.descriptor->value(i);
      // Of aliases the first is what is kept.
      if (was.NameOf(value->number()) != value->name()) continue;
      if (now.enum_type->NumberOf(value->name())) continue;
      const pb::EnumDescriptor* type = now.enum_type->descriptor;
      Report("ENUM_VALUE_REMOVED", LocationIn(type->file(), type),
             type->full_name() + "." + value->name(),
             "the value is gone or has another name, while rows may hold its name in " +
                 was_.entity->collection + "." + was_.column +
                 "; keep it, as an alias of its new name where it was renamed (`option "
                 "allow_alias = true;`)");
    }
  }

  // Fields within messages are kept by their names.
  void CompareMessages(const MessageType& was, const MessageType& now) {
    if (!seen_.emplace(&was, &now).second) return;
    for (const Shape& field : was.fields) {
      const Shape* same = now.Find(field.name);
      if (same != nullptr) {
        CompareValues(field, *same, true);
        continue;
      }
      Report("FIELD_REMOVED", LocationIn(now.descriptor->file(), now.descriptor),
             field.descriptor->full_name(),
             "the field is gone or has another name, while rows may hold it in " +
                 was_.entity->collection + "." + was_.column + ", under its name; keep it");
    }
  }

  const Field& was_;
  std::vector<Incompatibility>* out_;
  std::set<std::pair<const MessageType*, const MessageType*>> seen_;
};

class EntityComparison {
 public:
  EntityComparison(const Entity& was, const Entity& now, std::vector<Incompatibility>* out)
      : was_(was), now_(now), out_(out) {}

  void Run() {
    for (const Field* field : now_.stored) by_column_[field->column] = field;
    if (was_.collection != now_.collection) {
      ReportTable("COLLECTION_CHANGED",
                  "the collection was " + Quoted(was_.collection) + " and is " +
                      Quoted(now_.collection) + ", where the rows are not; say `collection: \"" +
                      was_.collection + "\"`, or rename it with a migration (--rename)");
    }
    CompareId();
    for (const Field* field : was_.stored) CompareField(*field);
    CompareOneofs();
  }

 private:
  void ReportTable(std::string_view rule, std::string message) {
    Incompatibility found;
    found.kind = Incompatibility::Kind::kData;
    found.rule = rule;
    found.element = now_.full_name;
    found.message = std::move(message);
    found.location = now_.location;
    found.table = was_.collection;
    out_->push_back(std::move(found));
  }

  void CompareId() {
    if (was_.id->column == now_.id->column && was_.id->type == now_.id->type) return;
    ReportTable("ID_CHANGED", "the id was " + was_.id->column + ", " +
                                  std::string(TypeName(was_.id->type)) + ", and is " +
                                  now_.id->column + ", " + std::string(TypeName(now_.id->type)) +
                                  "; make another entity, and copy the rows");
  }

  // By its column, which is where its values are.
  void CompareField(const Field& was) {
    if (was.role == Role::kId && was_.id->type != now_.id->type) return;  // said
    ColumnComparison column(was, out_);
    const Field* now = Kept(was);
    if (now != nullptr) {
      column.CompareValues(was, *now, false);
      CompareMeaning(was, *now, &column);
      return;
    }
    if (was.role == Role::kId) return;  // said
    const Field* named = now_.Find(was.name);
    const Field* same = named != nullptr && named->stored() ? named : ByNumber(was);
    if (same != nullptr) {
      column.Report("COLUMN_CHANGED", *same,
                    "its column was " + Quoted(was.column) + " and is " + Quoted(same->column) +
                        ", where the values are not; say `column: \"" + was.column +
                        "\"`, or rename it with a migration (--rename)");
      return;
    }
    const pb::FieldDescriptor* reused = now_.descriptor->FindFieldByNumber(was.number);
    const std::string advice = "; keep the field, marked `deprecated = true`, and remove it with a "
                               "migration when nobody needs what is in it";
    if (reused != nullptr && reused->name() != was.name) {
      column.Report("NUMBER_REUSED", LocationIn(reused->file(), reused),
                    was.descriptor->full_name(),
                    "nobody reads the column " + was_.collection + "." + was.column +
                        " any more, and its number is that of " + reused->name() + " now" + advice);
      return;
    }
    const std::string risk =
        was.role == Role::kDeleteTime ? "; what was deleted softly comes back to life" : "";
    column.Report("FIELD_REMOVED", LocationIn(now_.descriptor->file(), now_.descriptor),
                  was.descriptor->full_name(),
                  "nobody reads the column " + was_.collection + "." + was.column + " any more" +
                      risk + advice);
  }

  // The field that has its column now; null when there is none.
  const Field* Kept(const Field& was) const {
    auto found = by_column_.find(was.column);
    return found == by_column_.end() ? nullptr : found->second;
  }
  // That took its number, and holds the like: it was renamed.
  const Field* ByNumber(const Field& was) const {
    const pb::FieldDescriptor* found = now_.descriptor->FindFieldByNumber(was.number);
    for (const Field* field : now_.stored) {
      if (field->descriptor != found || field->presence != was.presence) continue;
      if (field->type == was.type || Widens(was.type, field->type)) return field;
    }
    return nullptr;
  }

  void CompareMeaning(const Field& was, const Field& now, ColumnComparison* column) {
    if (was.password != now.password) {
      column->Report("MEANING_CHANGED", now,
                     was.password ? "the column holds hashes of passwords, and the field is none "
                                    "now: callers would read the hashes; add another field"
                                  : "the column holds plain text, and the field is a password "
                                    "now, of which hashes are kept; add another field");
    }
    if (now.lower_case && !was.lower_case) {
      column->Report("MEANING_CHANGED", now,
                     "the field is lower_case, and was not: rows that hold capital letters are "
                     "not found by it; write them in lower case first");
    }
  }

  // Two columns that a row may have both of, and that exclude each other now.
  void CompareOneofs() {
    std::map<std::string, const Field*> first;  // by name of the new oneof
    for (const Field* was : was_.stored) {
      const Field* now = Kept(*was);
      if (now == nullptr || now->oneof.empty()) continue;
      auto [place, is_new] = first.emplace(now->oneof, was);
      const Field& other = *place->second;
      if (is_new || (!was->oneof.empty() && was->oneof == other.oneof)) continue;
      ColumnComparison(*was, out_).Report(
          "ONEOF_CHANGED", *now,
          "the field is in oneof " + now->oneof + " with " + Kept(other)->name +
              ", while rows may hold both; leave it out of the oneof");
    }
  }

  const Entity& was_;
  const Entity& now_;
  std::vector<Incompatibility>* out_;
  std::map<std::string, const Field*> by_column_;
};

}  // namespace

void CompareData(const SchemaPair& pair, std::vector<Incompatibility>* out) {
  std::map<std::string_view, const Entity*> by_collection;
  for (const Entity& now : pair.after().entities) by_collection[now.collection] = &now;
  for (const Entity& was : pair.before().entities) {
    const Entity* now = pair.after().FindEntity(pair.NewName(was.descriptor));
    if (now == nullptr) {
      auto found = by_collection.find(was.collection);
      if (found != by_collection.end()) now = found->second;
    }
    if (now != nullptr) {
      EntityComparison(was, *now, out).Run();
      continue;
    }
    Incompatibility gone;
    gone.kind = Incompatibility::Kind::kData;
    gone.rule = "ENTITY_REMOVED";
    gone.element = was.full_name;
    gone.message = "no entity has the collection " + Quoted(was.collection) +
                   " any more, so nobody reads its rows; keep the entity, or drop the table with "
                   "a migration";
    gone.location = was.location;
    gone.table = was.collection;
    out->push_back(std::move(gone));
  }
}

}  // namespace storegate::schema
