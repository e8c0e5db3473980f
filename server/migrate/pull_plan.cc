#include "server/migrate/pull_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "server/base/text.h"
#include "server/schema/names.h"

namespace storegate::migrate {
namespace {

constexpr int kMaxIdLength = 255;
constexpr int kDefaultIndexedLength = 255;
// What an index entry may have (schema/indexes.cc), 4 bytes a character, an id behind.
constexpr int kMaxIndexedCharacters = 500;
constexpr char kTimestamp[] = "google.protobuf.Timestamp";

bool IsMessage(const std::string& type) { return type.find('.') != std::string::npos; }
bool IsInteger(const std::string& type) { return type == "int32" || type == "int64"; }

bool HasFormat(const PulledColumn& column) { return column.uuid || column.object_id; }

// The names that columns of times have in databases that others made.
const std::map<std::string, std::string>& TimeNames() {
  static const std::map<std::string, std::string> names = {
      {"create_time", "create_time"}, {"created_at", "create_time"},
      {"created", "create_time"},     {"created_on", "create_time"},
      {"inserted_at", "create_time"}, {"update_time", "update_time"},
      {"updated_at", "update_time"},  {"updated", "update_time"},
      {"updated_on", "update_time"},  {"modified_at", "update_time"},
      {"delete_time", "delete_time"}, {"deleted_at", "delete_time"},
  };
  return names;
}

// `WHERE ("deleted_at" IS NULL)`, whatever its brackets and quotes.
bool IsNullCheck(const std::string& where, const std::string& column) {
  std::string plain;
  for (char c : where) {
    if (c != '(' && c != ')' && c != '"' && c != ' ' && c != ';') plain += c;
  }
  return schema::AsciiLower(plain) == schema::AsciiLower(column) + "isnull";
}

class Planner {
 public:
  Planner(const PulledDatabase& database, std::vector<std::string>* left_out)
      : database_(database), left_out_(left_out) {}

  std::vector<PlannedEntity> Run() {
    for (const PulledTable& table : database_.tables) {
      names_in_database_.insert(schema::AsciiLower(table.name));
      for (const std::string& name : table.index_names) {
        names_in_database_.insert(schema::AsciiLower(name));
      }
    }
    std::set<std::string> collections;
    for (const PulledTable& table : database_.tables) {
      std::string why = WhyNoEntity(table);
      if (why.empty() && !collections.insert(schema::AsciiLower(table.name)).second) {
        why = "another differs from it in capitals alone";
      }
      if (why.empty()) {
        Plan(table);
      } else {
        left_out_->push_back(Quoted(table.name) + ": " + why);
      }
    }
    for (PlannedEntity& entity : entities_) PlanReferences(&entity);
    for (PlannedEntity& entity : entities_) {
      PlanUniques(&entity);
      for (const std::string& line : entity.left_out) {
        left_out_->push_back(entity.table->name + "." + line);
      }
    }
    return std::move(entities_);
  }

 private:
  static std::string WhyNoEntity(const PulledTable& table) {
    if (!table.why.empty()) return table.why;
    std::string bad = schema::WhyBadCollection(table.name);
    if (!bad.empty()) return "its name " + bad;
    if (table.primary_key.empty()) return "it has no primary key";
    if (table.primary_key.size() > 1) return "its primary key has more than one column";
    for (const PulledColumn& column : table.columns) {
      if (column.name != table.primary_key[0] || !column.why.empty()) continue;
      bad = schema::WhyBadColumn(column.name, false);
      if (!bad.empty()) return "the name of its key " + bad;
      if (!column.repeated && (IsInteger(column.type) || column.type == "string")) return "";
      return "its key is " + (column.found.empty() ? column.type : column.found) +
             ", while an id is a text, a uuid or an integer";
    }
    return "its primary key is no column";
  }

  void Plan(const PulledTable& table) {
    PlannedEntity entity;
    entity.table = &table;
    NameEntity(&entity);
    NameSet names;
    for (const char* name : {"id", "create_time", "update_time", "delete_time", "etag"}) {
      names.Take(name);
    }
    std::set<std::string> columns;
    std::map<std::string, PlannedField> times;
    std::vector<PlannedField> data;
    for (const PulledColumn& column : table.columns) {
      PlannedField field;
      field.column = &column;
      field.type = column.type;
      field.repeated = column.repeated;
      const bool taken =
          column.why.empty() && !columns.insert(schema::AsciiLower(column.name)).second;
      if (column.name == table.primary_key[0] && column.why.empty()) {
        entity.fields.push_back(PlanId(column));
        continue;
      }
      std::string why = WhyNoField(column, taken);
      if (!why.empty()) {
        std::string line = Quoted(column.name);
        if (!column.found.empty()) line += " (" + column.found + ")";
        line += ": " + why;
        if (!column.nullable && column.default_value.empty() && column.why.empty()) {
          line += "; it is NOT NULL without a default, so that no record can be created";
        }
        entity.left_out.push_back(line);
        continue;
      }
      auto time = TimeNames().find(FieldName(column.name));
      const bool is_time = time != TimeNames().end() && column.type == kTimestamp &&
                           !column.repeated && times.count(time->second) == 0 &&
                           (time->second != "delete_time" || column.nullable);
      if (is_time) {
        field.name = time->second;
        times[field.name] = field;
        continue;
      }
      field.name = names.Take(FieldName(column.name));
      PlanField(&field);
      data.push_back(std::move(field));
    }
    for (PlannedField& field : data) entity.fields.push_back(std::move(field));
    for (const char* name : {"create_time", "update_time", "delete_time"}) {
      if (times.count(name) > 0) entity.fields.push_back(times[name]);
    }
    entity.soft_delete = times.count("delete_time") > 0;
    PlannedField etag;
    etag.name = "etag";
    etag.type = "string";
    entity.fields.push_back(etag);
    PlanEnums(&entity);
    entities_.push_back(std::move(entity));
  }

  void NameEntity(PlannedEntity* entity) {
    // What a store's methods have of their own in the same messages.
    static const std::set<std::string> others = {
        "request", "requests", "update_mask", "allow_missing", "allow_partial", "failed_requests",
        "missing_ids", "missing_id", "next_page_token", "total_size", "page_info",
        "failed_request"};
    std::string name = MessageName(entity->table->name);
    if (others.count(schema::SnakeCase(name)) > 0) name += "Record";
    for (int number = 1;; ++number) {
      entity->name = number == 1   ? name
                     : number == 2 ? name + "Record"
                                   : name + "Record" + std::to_string(number);
      entity->plural = schema::Plural(entity->name);
      const std::string& one = entity->name;
      const std::string& many = entity->plural;
      const std::vector<std::string> made = {
          one, one + "Store", "Create" + one + "Request", "BatchCreate" + many + "Request",
          "BatchCreate" + many + "Response", "Get" + one + "Request", "BatchGet" + many + "Request",
          "BatchGet" + many + "Response", "List" + many + "Request", "List" + many + "Response",
          "Update" + one + "Request", "Delete" + one + "Request", "Undelete" + one + "Request",
          "Purge" + one + "Request"};
      const bool free = std::none_of(made.begin(), made.end(), [&](const std::string& each) {
        return messages_.count(each) > 0;
      });
      if (!free) continue;
      messages_.insert(made.begin(), made.end());
      break;
    }
    entity->record = schema::SnakeCase(entity->name);
    entity->records = schema::SnakeCase(entity->plural);
  }

  static std::string WhyNoField(const PulledColumn& column, bool taken) {
    if (!column.why.empty()) return column.why;
    std::string bad = schema::WhyBadColumn(column.name, false);
    if (!bad.empty()) return "its name " + bad;
    if (taken) return "another differs from it in capitals alone";
    return column.type.empty() ? "storegate has no type that holds it" : "";
  }

  static void AddFormat(const PulledColumn& column, PlannedField* field) {
    if (column.uuid) field->Add("format: UUID");
    if (column.object_id) field->Add("format: OBJECT_ID");
  }

  static PlannedField PlanId(const PulledColumn& column) {
    PlannedField id;
    id.column = &column;
    id.name = "id";
    id.type = column.type == "string" ? "string" : "int64";
    if (column.type == "string" && !column.uuid && column.max_len > 0 &&
        column.max_len < kMaxIdLength) {
      id.Add("max_len: " + std::to_string(column.max_len));
    }
    AddFormat(column, &id);
    if (column.type == "int32") id.Add(column.small ? "lte: 32767" : "lte: 2147483647");
    return id;
  }

  static void PlanField(PlannedField* field) {
    const PulledColumn& column = *field->column;
    if (IsMessage(field->type) && !field->repeated) {
      if (!column.nullable) field->Add("required: true");
    } else if (!field->repeated) {
      field->optional = column.nullable;
      // Plain, "" would be its zero, which is no uuid.
      if (HasFormat(column) && !column.nullable) field->Add("required: true");
    }
    const std::string lower = schema::AsciiLower(column.name);
    if (field->type == "string" && !field->repeated &&
        (lower.find("password") != std::string::npos ||
         lower.find("passwd") != std::string::npos)) {
      field->Add("input_only: true");
      field->comment = "Never returned, whatever it holds.";
    }
    if (column.max_len > 0 && !column.uuid && field->type == "string") {
      field->Add("max_len: " + std::to_string(column.max_len));
    }
    AddFormat(column, field);
    if (column.small) {
      field->Add("gte: -32768");
      field->Add("lte: 32767");
    }
  }

  // Texts of which a few are allowed, where all are names that an enum's values can have.
  static void PlanEnums(PlannedEntity* entity) {
    std::set<std::string> symbols;
    for (const PlannedField& field : entity->fields) symbols.insert(field.name);
    for (PlannedField& field : entity->fields) {
      if (field.column == nullptr || field.column->values.empty() || field.name == "id") continue;
      PlannedEnum made;
      made.name = MessageName(field.name);
      made.zero = field.name;
      for (char& c : made.zero) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      made.zero += "_UNSPECIFIED";
      made.values = field.column->values;
      std::set<std::string> mine = {made.name, made.zero};
      bool good = made.name != entity->name && field.type == "string" && !field.repeated;
      for (const std::string& value : made.values) {
        good = good && IsEnumValue(value) && mine.insert(value).second;
      }
      for (const std::string& symbol : mine) good = good && symbols.count(symbol) == 0;
      if (!good) {
        std::vector<std::string> quoted;
        for (const std::string& value : field.column->values) quoted.push_back(Quoted(value));
        field.comment = "The database takes " + schema::Listed(quoted) + " only.";
        continue;
      }
      symbols.insert(mine.begin(), mine.end());
      field.type = made.name;
      field.Remove("max_len");
      if (!field.optional) field.Add("required: true");
      entity->enums.push_back(std::move(made));
    }
  }

  PlannedEntity* ByTable(const std::string& table) {
    for (PlannedEntity& entity : entities_) {
      if (entity.table->name == table) return &entity;
    }
    return nullptr;
  }

  // Whether no two rows have the same in this column alone.
  static bool IsKey(const PlannedEntity& entity, const PlannedField& field) {
    if (field.name == "id") return true;
    if (field.Is("input_only") || field.column == nullptr) return false;
    return std::any_of(entity.table->uniques.begin(), entity.table->uniques.end(),
                       [&](const PulledUnique& unique) {
                         return unique.where.empty() && unique.columns.size() == 1 &&
                                unique.columns[0] == field.column->name;
                       });
  }

  void PlanReferences(PlannedEntity* entity) {
    for (const PulledReference& reference : entity->table->references) {
      PlannedField* field = entity->ByColumn(reference.column);
      PlannedEntity* other = ByTable(reference.table);
      if (field == nullptr || other == nullptr || field->refers) continue;
      PlannedField* target = other->ByColumn(reference.target);
      if (target == nullptr || field->name == "id" || field->repeated || target->repeated) continue;
      const bool same = field->type == target->type ? field->type == "string" ||
                                                          IsInteger(field->type)
                                                    : IsInteger(field->type) &&
                                                          IsInteger(target->type);
      const bool alike = field->column->uuid == target->column->uuid &&
                         field->column->object_id == target->column->object_id;
      const std::string path = other->name + "." + target->name;
      if (!same || !alike || !IsKey(*other, *target)) {
        field->comment = "The database lets it refer to " + path + ".";
        continue;
      }
      field->type = target->type;
      field->refers = true;
      field->Remove("max_len");
      field->Remove("format");
      if (target->name != "id" && !target->Is("immutable")) target->Add("immutable: true");
      if (!field->optional && !field->Is("required")) field->Add("required: true");
      if (field->type != "string") field->optional = true;
      field->Add("references: \"" + path + "\"");
      // The gateway looks there for what refers to a row that is to go.
      const std::string& table = entity->table->name;
      const std::string name = schema::IndexName(false, table, {reference.column});
      if (names_in_database_.count(schema::AsciiLower(name)) > 0) {
        entity->indexes.push_back("fields: \"" + field->name + "\" name: \"" + FreeName(name) +
                                  "\"");
      }
    }
  }

  // A name for an index that nothing in the database has.
  std::string FreeName(const std::string& wanted) {
    std::string name = wanted;
    for (int number = 2; !names_in_database_.insert(schema::AsciiLower(name)).second; ++number) {
      const std::string tail = "_" + std::to_string(number);
      name = wanted.substr(0, 63 - tail.size()) + tail;
    }
    return name;
  }

  void PlanUniques(PlannedEntity* entity) {
    std::set<std::vector<std::string>> done;
    for (const PulledUnique& unique : entity->table->uniques) {
      std::vector<std::string> key = unique.columns;
      key.push_back(unique.where);
      if (!done.insert(key).second || unique.columns == entity->table->primary_key) continue;
      std::string why = PlanUnique(entity, unique);
      if (why.empty()) continue;
      entity->left_out.push_back("unique " + schema::Listed(unique.columns) + ": " + why +
                                 "; the database goes on to keep it");
    }
  }

  // "" or why it is left out.
  std::string PlanUnique(PlannedEntity* entity, const PulledUnique& unique) {
    std::string kind = "ALL";
    if (!unique.where.empty()) {
      const PlannedField* deleted = nullptr;
      for (const PlannedField& field : entity->fields) {
        if (field.name == "delete_time") deleted = &field;
      }
      if (deleted == nullptr || !IsNullCheck(unique.where, deleted->column->name)) {
        return "it holds for some rows only";
      }
      kind = "LIVE";
    }
    std::vector<PlannedField*> fields;
    int characters = 0;
    for (const std::string& column : unique.columns) {
      PlannedField* field = entity->ByColumn(column);
      if (field == nullptr) return column + " is left out";
      const bool known = field->name == "create_time" || field->name == "update_time" ||
                         field->name == "delete_time";
      if (known || field->name == "id" || field->repeated || field->type == "bytes" ||
          (IsMessage(field->type) && field->type != kTimestamp) || field->Is("input_only")) {
        return column + " cannot be in an index of the gateway's";
      }
      const bool nullable = field->optional || IsMessage(field->type);
      if (unique.columns.size() > 1 && nullable) return field->name + " can be unset";
      if (field->type == "string" && !HasFormat(*field->column)) {
        characters += field->column->max_len > 0 ? field->column->max_len : kDefaultIndexedLength;
      }
      fields.push_back(field);
    }
    if (characters > kMaxIndexedCharacters) return "its texts are too long for the gateway's index";
    for (PlannedField* field : fields) {
      if (field->type == "string" && !HasFormat(*field->column) && !field->Is("max_len") &&
          !field->refers) {
        field->Add("max_len: " + std::to_string(kDefaultIndexedLength));
        field->comment = "Longer ones than max_len are read, but no longer written.";
      }
    }
    const std::string wanted = schema::IndexName(true, entity->table->name, unique.columns);
    const std::string name = FreeName(wanted);
    if (fields.size() == 1 && name == wanted) {
      fields[0]->Add("unique: " + kind);
    } else {
      std::string text;
      for (const PlannedField* field : fields) text += "fields: \"" + field->name + "\" ";
      text += "unique: " + kind;
      if (name != wanted) text += " name: \"" + name + "\"";
      entity->indexes.push_back(text);
    }
    if (fields.size() == 1) fields[0]->unique = true;
    return "";
  }

  const PulledDatabase& database_;
  std::vector<std::string>* left_out_;
  std::vector<PlannedEntity> entities_;
  std::set<std::string> messages_;           // names of the package
  std::set<std::string> names_in_database_;  // of tables and indexes, in lower case
};

}  // namespace

bool PlannedField::Is(const std::string& option) const {
  return std::any_of(options.begin(), options.end(), [&](const std::string& each) {
    return each.rfind(option + ":", 0) == 0;
  });
}

void PlannedField::Add(std::string option) { options.push_back(std::move(option)); }

void PlannedField::Remove(const std::string& prefix) {
  std::erase_if(options,
                [&](const std::string& each) { return each.rfind(prefix + ":", 0) == 0; });
}

PlannedField* PlannedEntity::ByColumn(const std::string& column) {
  for (PlannedField& field : fields) {
    if (field.column != nullptr && field.column->name == column) return &field;
  }
  return nullptr;
}

std::vector<PlannedEntity> PlanEntities(const PulledDatabase& database,
                                        std::vector<std::string>* left_out) {
  return Planner(database, left_out).Run();
}

}  // namespace storegate::migrate
