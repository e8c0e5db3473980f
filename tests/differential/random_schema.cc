#include "tests/differential/random_schema.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "server/schema/loader.h"
#include "tests/support/random_text.h"

namespace storegate::test {
namespace {

// What the fields of an entity may be messages of.
constexpr const char* kMessages = R"(
enum Color {
  COLOR_UNSPECIFIED = 0;
  RED = 1;
  Green = 2;
  amber = -7;
}

message Deep {
  string text = 1;
  optional int64 number = 2;
  repeated string words = 3;
}

message Inner {
  string note = 1;
  optional int32 count = 2;
  map<string, string> labels = 3;
  Deep deep = 4;
  repeated Deep deeps = 5;
  google.protobuf.Timestamp when = 6;
  Color color = 7;
  double real = 8;
  bytes raw = 9;
  google.protobuf.Struct extra = 10;
  oneof one {
    string one_text = 11;
    bool one_bool = 12;
  }
  map<int64, Deep> deep_by_number = 13;
  google.protobuf.Duration took = 14;
}
)";

struct FieldSpec {
  std::string name;
  std::string type;      // "int64", "Inner", "google.protobuf.Struct"
  std::string presence;  // "", "optional ", "repeated ", "map", "oneof"
  std::string key;       // of a map
  bool indexed = false;
  bool secret = false;   // input only: in no index, order or filter
};

bool IsMessageType(const std::string& type) {
  return type.find('.') != std::string::npos || type == "Inner";
}

const std::map<std::string, std::string>& Wrappers() {
  static const auto* wrappers = new std::map<std::string, std::string>{
      {"google.protobuf.StringValue", "string"},
      {"google.protobuf.Int64Value", "int64"},
      {"google.protobuf.BoolValue", "bool"},
      {"google.protobuf.DoubleValue", "double"}};
  return *wrappers;
}

// One value that sorts.
bool IsScalarType(const std::string& type) {
  return !IsMessageType(type) || type == "google.protobuf.Timestamp" ||
         type == "google.protobuf.Duration" || Wrappers().count(type) > 0;
}

class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) {}

  std::string Write() {
    text_ = R"(syntax = "proto3";

package random.v1;

import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/rpc/status.proto";
import "storegate/v1/page.proto";
import "storegate/v1/schema.proto";
)";
    text_ += kMessages;
    WriteEntity("Parent", false);
    WriteEntity("Child", true);
    return std::move(text_);
  }

 private:
  bool Chance(int percent) { return random_.Chance(percent); }
  std::string Pick(const std::vector<std::string>& of) { return random_.Pick(of); }

  std::string ScalarType() {
    return Pick({"bool", "int32", "sint32", "int64", "int64", "uint32", "fixed32", "sfixed64",
                 "float", "double", "double", "string", "string", "string", "string", "bytes",
                 "Color", "google.protobuf.Timestamp", "google.protobuf.Duration"});
  }

  FieldSpec RandomField(int i) {
    FieldSpec field;
    field.name = "f" + std::to_string(i);
    const int64_t dice = random_.Between(int64_t{1}, int64_t{100});
    if (dice <= 60) {
      field.type = ScalarType();
      if (!IsMessageType(field.type) && Chance(50)) field.presence = "optional ";
    } else if (dice <= 66) {
      field.type = Pick({"google.protobuf.StringValue", "google.protobuf.Int64Value",
                         "google.protobuf.BoolValue", "google.protobuf.DoubleValue"});
    } else if (dice <= 76) {
      field.type = Chance(75) ? ScalarType() : "Inner";
      field.presence = "repeated ";
    } else if (dice <= 86) {
      field.presence = "map";
      field.key = Pick({"string", "string", "string", "int32", "int64", "bool", "uint32"});
      field.type = Chance(75) ? ScalarType()
                              : Pick({"Inner", "google.protobuf.Struct", "google.protobuf.Value"});
    } else {
      field.type = Pick({"google.protobuf.Struct", "google.protobuf.Struct", "Inner", "Inner",
                         "google.protobuf.Value", "google.protobuf.ListValue"});
    }
    return field;
  }

  static bool Single(const FieldSpec& field) {
    return IsScalarType(field.type) && field.presence != "repeated " && field.presence != "map";
  }

  void WriteEntity(const std::string& name, bool child) {
    std::vector<FieldSpec> fields;
    for (int i = 1, count = static_cast<int>(random_.Between(int64_t{5}, int64_t{11})); i <= count;
         ++i) {
      fields.push_back(RandomField(i));
    }
    const std::string id_format = Chance(25) ? "UUID" : Chance(25) ? "OBJECT_ID" : "";
    const bool number = id_format.empty() && Chance(45);
    const bool times = Chance(80);
    const bool soft = Chance(65);
    const bool etag = Chance(80);
    const std::string id_type = number ? "int64" : "string";
    const std::string format =
        id_format.empty() ? "" : " [(storegate.v1.field).format = " + id_format + "]";
    std::vector<std::vector<std::string>> keys;  // of the unique indexes, as Get names them

    const std::string indexes = Indexes(&fields, &keys);
    if (!child) parent_ = {id_type, id_format, ""};
    std::string body;
    int tag = 1;
    body += "  " + id_type + " id = " + std::to_string(tag++) + format + ";\n";
    bool in_oneof = false;
    for (FieldSpec& field : fields) {
      // Some neighbours are members of a oneof.
      const bool may = field.presence.empty() && !field.indexed;
      if (!in_oneof && may && Chance(20)) {
        body += "  oneof choice" + std::to_string(tag) + " {\n";
        in_oneof = true;
      } else if (in_oneof && (!may || Chance(40))) {
        body += "  }\n";
        in_oneof = false;
      }
      if (in_oneof) field.presence = "oneof";
      body += Declaration(&field, tag++, in_oneof);
    }
    if (in_oneof) body += "  }\n";
    if (!child) {
      const bool slug = Chance(50);
      if (slug) {
        parent_.by = "slug";
        body += "  string slug = " + std::to_string(tag++) +
                " [(storegate.v1.field) = { required: true immutable: true unique: ALL max_len: 60 "
                "}];\n";
        keys.push_back({"string slug"});
      }
    } else {
      const bool by_slug = parent_.by == "slug";
      reference_type_ = by_slug ? "string" : parent_.id_type;
      body += "  optional " + reference_type_ + " parent = " + std::to_string(tag++) +
              " [(storegate.v1.field) = { references: \"Parent." + (by_slug ? "slug" : "id") +
              "\" }];\n";
    }
    for (const char* time : {"create_time", "update_time"}) {
      if (times) {
        body += "  google.protobuf.Timestamp " + std::string(time) + " = " +
                std::to_string(tag++) + ";\n";
      }
    }
    if (soft) body += "  google.protobuf.Timestamp delete_time = " + std::to_string(tag++) + ";\n";
    if (etag) body += "  string etag = " + std::to_string(tag++) + ";\n";
    std::string options = indexes;
    if (child) options += "    plural: \"Children\"\n";
    if (Chance(50)) {
      for (const FieldSpec& field : fields) {
        if (!Single(field) || field.secret || field.type == "bytes") continue;
        options += "    default_order_by: \"" + field.name + (Chance(50) ? " desc" : "") + "\"\n";
        break;
      }
    }
    if (Chance(30)) options += "    default_page_size: 3\n";
    text_ += "\nmessage " + name + " {\n  option (storegate.v1.entity) = {\n" + options + "  };\n" +
             body + "}\n";
    WriteStore(name, fields, keys, id_type, child, soft, etag, times);
  }

  // Strings and bytes in an index have a length; those of a key over several are plain.
  std::string Indexes(std::vector<FieldSpec>* fields, std::vector<std::vector<std::string>>* keys) {
    std::string text;
    auto unique = [&] { return std::string(Chance(50) ? "LIVE" : "ALL"); };
    std::vector<FieldSpec*> single;
    std::vector<FieldSpec*> plain;
    for (FieldSpec& field : *fields) {
      if (!Single(field)) continue;
      single.push_back(&field);
      if (field.presence.empty() && !IsMessageType(field.type) && field.type != "Color") {
        plain.push_back(&field);
      }
    }
    if (plain.size() >= 2 && Chance(45)) {
      plain[0]->indexed = plain[1]->indexed = true;
      text += "    index: { fields: \"" + plain[0]->name + "\" fields: \"" + plain[1]->name +
              "\" unique: " + unique() + " }\n";
      keys->push_back({KeyField(*plain[0]), KeyField(*plain[1])});
    }
    for (FieldSpec* field : single) {
      if (!field->indexed && IsKeyType(field->type) && Chance(20)) {
        field->indexed = true;
        text += "    index: { fields: \"" + field->name + "\" unique: " + unique() + " }\n";
        keys->push_back({KeyField(*field)});
      }
    }
    for (int i = 0; i < 2 && single.size() >= 2; ++i) {
      FieldSpec* one = single[static_cast<size_t>(i)];
      FieldSpec* other = single[single.size() - 1 - static_cast<size_t>(i)];
      if (one == other || !Chance(60) || one->indexed || other->indexed) continue;
      one->indexed = other->indexed = true;
      text += "    index: { fields: \"" + one->name + (Chance(50) ? " desc" : "") +
              "\" fields: \"" + other->name + "\"";
      if (one->type == "int64" && Chance(50)) text += " where: \"" + one->name + " > 0\"";
      text += " }\n";
    }
    return text;
  }

  static bool IsKeyType(const std::string& type) {
    return type == "string" || type == "int64" || type == "int32";
  }

  // Zero is a number like others: it must be told from unset.
  static std::string KeyField(const FieldSpec& field) {
    const bool text = field.type == "string" || field.type == "bytes";
    return (text ? "" : "optional ") + field.type + " " + field.name;
  }

  std::string Declaration(FieldSpec* field, int tag, bool in_oneof) {
    std::vector<std::string> rules;
    const std::string& type = field->type;
    const bool single = Single(*field);
    const bool text = type == "string" || type == "google.protobuf.StringValue";
    if (field->indexed && (text || type == "bytes")) {
      rules.push_back("max_len: 80");
    } else if (text && Chance(15)) {
      rules.push_back("max_len: 3000");
    }
    if (type == "string" && single && Chance(15)) rules.push_back("lower_case: true");
    if (type == "string" && single && !in_oneof && Chance(20)) {
      rules.push_back("searchable: true");
      searchable_ = true;
    }
    const bool plain = field->presence.empty();
    if (type == "string" && plain && Chance(10)) rules.push_back("required: true");
    if (field->presence == "optional " && Chance(25)) {
      if (type == "string") rules.push_back("default: \"it's\"");
      if (type == "int64") rules.push_back("default: \"-9007199254740993\"");
      if (type == "bool") rules.push_back("default: \"true\"");
      if (type == "double") rules.push_back("default: \"0.1\"");
    }
    if (type == "int64" && field->presence.empty() && Chance(15)) rules.push_back("gte: -5");
    if (Chance(5)) rules.push_back("immutable: true");
    if (!field->indexed && type != "string" && Chance(5)) {
      rules.push_back("input_only: true");
      field->secret = true;
    }
    if (Chance(10)) rules.push_back("column: \"Other_" + field->name + "\"");
    std::string line = "  ";
    if (field->presence == "map") {
      line += "map<" + field->key + ", " + type + "> ";
    } else {
      line += (in_oneof ? "" : field->presence) + type + " ";
    }
    line += field->name + " = " + std::to_string(tag);
    std::string all;
    for (const std::string& rule : rules) all += rule + " ";
    if (!all.empty()) line += " [(storegate.v1.field) = { " + all + "}]";
    return line + ";\n";
  }

  // A field of the List request with its predicate.
  void Predicate(const std::string& type, std::string where) {
    const bool list = Chance(20) && where.find("!=") == std::string::npos;
    std::string presence = list ? "repeated " : IsMessageType(type) ? "" : "optional ";
    std::string escaped;
    for (char c : where) escaped += c == '"' ? "\\\"" : std::string(1, c);
    const std::string tag = std::to_string(next_predicate_++);
    predicates_ += "  " + presence + type + " p" + tag + " = " + tag +
                   " [(storegate.v1.where) = \"" + escaped + "\"];\n";
  }

  std::string Operator(const std::string& type) {
    if (type == "bool" || type == "bytes" || type == "Color") return Pick({" = ", " != "});
    return Pick({" = ", " != ", " != ", " < ", " <= ", " > ", " >= "});
  }

  void PredicatesOf(const FieldSpec& field) {
    if (field.secret) return;
    auto wrapped = Wrappers().find(field.type);
    const std::string type = wrapped == Wrappers().end() ? field.type : wrapped->second;
    const std::string key = Pick({"a", "\"a.b\"", "\"$\"", "\"0\""});
    if (Single(field)) {
      Predicate(type, field.name + Operator(type) + "$");
      if (Chance(40)) Predicate(type, field.name + Operator(type) + "$");
    } else if (field.presence == "repeated ") {
      if (IsScalarType(field.type)) Predicate(type, field.name + " : $");
    } else if (field.presence == "map") {
      Predicate(field.key, field.name + " : $");
      if (field.key != "string" || type == "google.protobuf.Duration") return;
      if (IsScalarType(type)) Predicate(type, field.name + "." + key + Operator(type) + "$");
      if (type == "Inner") Predicate("string", field.name + "." + key + ".note = $");
    } else if (type == "google.protobuf.Struct" || type == "google.protobuf.Value") {
      Predicate("string", field.name + " : $");
      Predicate("string", field.name + "." + key + Operator("string") + "$");
      Predicate("double", field.name + "." + key + Operator("double") + "$");
      if (Chance(50)) Predicate("bool", field.name + ".a" + Operator("bool") + "$");
      if (Chance(50)) Predicate("string", field.name + ".a." + key + " != $");
    } else if (type == "Inner") {
      Predicate("string", field.name + ".note" + Operator("string") + "$");
      Predicate("int32", field.name + ".count" + Operator("int32") + "$");
      if (Chance(50)) Predicate("string", field.name + ".labels : $");
      if (Chance(50)) Predicate("string", field.name + ".labels." + key + " != $");
      if (Chance(50)) Predicate("int64", field.name + ".deep.number" + Operator("int64") + "$");
      if (Chance(50)) Predicate("string", field.name + ".deep.words : $");
      if (Chance(50)) Predicate("Color", field.name + ".color != $");
      if (Chance(50)) {
        Predicate("google.protobuf.Timestamp", field.name + ".when" + Operator("") + "$");
      }
      if (Chance(50)) Predicate("double", field.name + ".real" + Operator("double") + "$");
      if (Chance(50)) Predicate("bytes", field.name + ".raw = $");
      if (Chance(50)) Predicate("string", field.name + ".extra." + key + " != $");
      if (Chance(50)) Predicate("bool", field.name + ".one_bool != $");
    }
  }

  void WriteStore(const std::string& name, const std::vector<FieldSpec>& fields,
                  const std::vector<std::vector<std::string>>& keys, const std::string& id_type,
                  bool child, bool soft, bool etag, bool times) {
    const std::string many = child ? "Children" : "Parents";
    const std::string lower = child ? "child" : "parent";
    predicates_.clear();
    next_predicate_ = 20;
    for (const FieldSpec& field : fields) PredicatesOf(field);
    if (child) {
      predicates_ += "  optional " + reference_type_ + " parent = 12;\n";
    }
    if (times) {
      predicates_ += "  google.protobuf.Timestamp since = 13 [(storegate.v1.where) = "
                     "\"create_time >= $\"];\n  google.protobuf.Timestamp until = 14 "
                     "[(storegate.v1.where) = \"update_time < $\"];\n";
    }
    std::string get = "  " + id_type + " id = 1;\n";
    int tag = 2;
    std::map<std::string, bool> named;
    for (const std::vector<std::string>& key : keys) {
      for (const std::string& field : key) {
        if (!named.try_emplace(field, true).second) continue;
        get += "  " + field + " = " + std::to_string(tag++) + ";\n";
      }
    }
    const std::string show_deleted = soft ? "  bool show_deleted = 100;\n" : "";
    const std::string with_etag = etag ? "  string etag = 2;\n" : "";
    const std::string plural = child ? "children" : "parents";
    auto message = [&](const std::string& title, const std::string& body) {
      text_ += "message " + title + " {\n" + body + "}\n";
    };
    text_ += "\nservice " + name + "Store {\n";
    auto rpc = [&](const std::string& title, const std::string& answer) {
      text_ += "  rpc " + title + "(" + title + "Request) returns (" + answer + ");\n";
    };
    rpc("Create" + name, name);
    rpc("BatchCreate" + many, "BatchCreate" + many + "Response");
    rpc("Get" + name, name);
    rpc("BatchGet" + many, "BatchGet" + many + "Response");
    rpc("List" + many, "List" + many + "Response");
    rpc("Update" + name, name);
    rpc("Delete" + name, Chance(50) ? name : "google.protobuf.Empty");
    if (soft) rpc("Undelete" + name, name);
    rpc("Purge" + name, "google.protobuf.Empty");
    text_ += "}\n";
    const std::string record = "  " + name + " " + lower + " = 1;\n";
    const std::string records = "  repeated " + name + " " + plural + " = 1;\n";
    message("Create" + name + "Request", record);
    message("BatchCreate" + many + "Request",
            "  repeated Create" + name + "Request requests = 1;\n  bool allow_partial = 2;\n");
    message("BatchCreate" + many + "Response",
            records + "  map<int32, google.rpc.Status> failed_requests = 2;\n");
    message("Get" + name + "Request", get + show_deleted);
    message("BatchGet" + many + "Request", "  repeated " + id_type + " ids = 1;\n" + show_deleted);
    message("BatchGet" + many + "Response",
            records + "  repeated " + id_type + " missing_ids = 2;\n");
    message("List" + many + "Request",
            "  int32 page_size = 1;\n  string page_token = 2;\n  int32 skip = 3;\n  int32 page = "
            "4;\n  string order_by = 5;\n  bool include_total_size = 6;\n" +
                std::string(searchable_ ? "  string search = 7;\n" : "") +
                "  string filter = 99;\n" + show_deleted + predicates_);
    message("List" + many + "Response",
            records + "  string next_page_token = 2;\n  int64 total_size = 3;\n  "
                      "storegate.v1.PageInfo page_info = 4;\n");
    message("Update" + name + "Request",
            record + "  google.protobuf.FieldMask update_mask = 2;\n  bool allow_missing = 3;\n");
    const std::string by_id = "  " + id_type + " id = 1;\n" + with_etag;
    message("Delete" + name + "Request", by_id + "  bool allow_missing = 3;\n");
    if (soft) message("Undelete" + name + "Request", by_id);
    message("Purge" + name + "Request", by_id + "  bool allow_missing = 3;\n");
    searchable_ = false;
  }

  struct ParentSpec {
    std::string id_type;
    std::string format;
    std::string by;  // "slug", else its id
  };

  Random random_;
  std::string text_;
  ParentSpec parent_;
  std::string reference_type_;
  bool searchable_ = false;
  std::string predicates_;
  int next_predicate_ = 20;
};

}  // namespace

std::string RandomProto(uint64_t seed) { return Writer(seed).Write(); }

const NamedSchema& RandomSchema(uint64_t seed) {
  static auto* schemas = new std::map<uint64_t, NamedSchema>;
  auto [found, fresh] = schemas->try_emplace(seed);
  if (!fresh) return found->second;
  const std::string text = RandomProto(seed);
  schema::LoadResult result = schema::LoadEmbedded({{"random/v1/random.proto", text}});
  if (result.schema == nullptr) {
    std::fprintf(stderr, "%s\nThe random schema of seed %llu does not load:\n", text.c_str(),
                 static_cast<unsigned long long>(seed));
    for (const schema::Diagnostic& diagnostic : result.diagnostics) {
      std::fprintf(stderr, "  %s\n", diagnostic.ToString().c_str());
    }
    std::exit(1);
  }
  found->second = {"random " + std::to_string(seed), result.schema.release()};
  return found->second;
}

}  // namespace storegate::test
