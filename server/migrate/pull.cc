#include "server/migrate/pull.h"

#include <set>

#include "server/base/text.h"
#include "server/migrate/pull_plan.h"
#include "server/schema/names.h"

namespace storegate::migrate {
namespace {

// Appends lines, with "$X" for the entity's name, "$Xs" for its plural, "$x" and "$xs" for
// the same in snake_case.
class Text {
 public:
  explicit Text(const PlannedEntity& entity) : entity_(entity) {}

  Text& Line(const std::string& line = "") {
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] != '$') {
        text_ += line[i];
        continue;
      }
      const bool camel = line[++i] == 'X';
      const bool many = i + 1 < line.size() && line[i + 1] == 's';
      if (many) ++i;
      text_ += camel ? (many ? entity_.plural : entity_.name)
                     : (many ? entity_.records : entity_.record);
    }
    text_ += "\n";
    return *this;
  }
  // As it stands: names of a database may hold anything.
  Text& Raw(const std::string& line) {
    text_ += line + "\n";
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  const PlannedEntity& entity_;
  std::string text_;
};

// Control characters would end a comment early.
std::string Comment(const std::string& text) {
  std::string line;
  for (char c : text) line += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  return line;
}

std::string Imports(const PlannedEntity& entity) {
  std::set<std::string> files = {"google/protobuf/empty.proto", "google/protobuf/field_mask.proto",
                                 "google/rpc/status.proto", "storegate/v1/page.proto",
                                 "storegate/v1/schema.proto"};
  if (!entity.soft_delete) files.erase("google/protobuf/empty.proto");
  for (const PlannedField& field : entity.fields) {
    if (field.type == "google.protobuf.Timestamp") files.insert("google/protobuf/timestamp.proto");
    if (field.type == "google.protobuf.Struct" || field.type == "google.protobuf.Value" ||
        field.type == "google.protobuf.ListValue") {
      files.insert("google/protobuf/struct.proto");
    }
  }
  std::string text;
  for (const std::string& file : files) text += "import \"" + file + "\";\n";
  return text;
}

std::string FieldText(const PlannedField& field, int number) {
  std::vector<std::string> options = field.options;
  if (field.column != nullptr && field.column->name != field.name) {
    options.push_back("column: \"" + field.column->name + "\"");
  }
  std::string text = std::string("  ") +
                     (field.repeated ? "repeated " : field.optional ? "optional " : "") +
                     field.type + " " + field.name + " = " + std::to_string(number);
  if (options.empty()) return text + ";";
  std::string all;
  for (const std::string& option : options) all += (all.empty() ? "" : " ") + option;
  const std::string line = text + " [(storegate.v1.field) = { " + all + " }];";
  if (line.size() <= 100) return line;
  text += " [(storegate.v1.field) = {\n";
  for (const std::string& option : options) text += "    " + option + "\n";
  return text + "  }];";
}

void WriteMessage(const PlannedEntity& entity, Text* text) {
  text->Raw("// A row of " + entity.table->name + ".");
  for (const std::string& line : entity.left_out) text->Raw("// Left out: " + Comment(line) + ".");
  text->Line("message $X {");
  std::vector<std::string> options;
  if (schema::SnakeCase(entity.plural) != entity.table->name) {
    options.push_back("collection: \"" + entity.table->name + "\"");
  }
  for (const std::string& index : entity.indexes) options.push_back("index: { " + index + " }");
  if (options.empty()) {
    text->Raw("  option (storegate.v1.entity) = {};");
  } else {
    text->Raw("  option (storegate.v1.entity) = {");
    for (const std::string& option : options) text->Raw("    " + option);
    text->Raw("  };");
  }
  text->Line();
  for (const PlannedEnum& each : entity.enums) {
    // The words are stored as they are, hence no prefix.
    text->Raw("  enum " + each.name + " {");
    text->Raw("    " + each.zero + " = 0;");
    for (size_t i = 0; i < each.values.size(); ++i) {
      text->Raw("    " + each.values[i] + " = " + std::to_string(i + 1) + ";");
    }
    text->Raw("  }");
    text->Line();
  }
  int number = 0;
  for (const PlannedField& field : entity.fields) {
    if (!field.comment.empty()) text->Raw("  // " + Comment(field.comment));
    const bool said = field.column != nullptr && !field.column->default_value.empty() &&
                      field.name != "id" && field.name.find("_time") == std::string::npos;
    if (said) text->Raw("  // The database's own default: " + Comment(field.column->default_value));
    text->Raw(FieldText(field, ++number));
  }
  text->Line("}").Line();
}

// Numbers and bools are optional in requests: zero is a value there.
std::string RequestField(const PlannedField& field, const std::string& entity) {
  const bool nested = field.type.find('.') != std::string::npos;
  const bool is_enum = !nested && field.type[0] >= 'A' && field.type[0] <= 'Z';
  const bool presence = field.type == "string" || nested || is_enum || field.name == "id";
  return (presence ? "" : "optional ") + (is_enum ? entity + "." + field.type : field.type) + " " +
         field.name;
}

void WriteService(const PlannedEntity& entity, Text* text) {
  text->Raw("// Keeps rows of " + entity.table->name + ".");
  text->Line("service $XStore {")
      .Line("  rpc Create$X(Create$XRequest) returns ($X);")
      .Line("  rpc BatchCreate$Xs(BatchCreate$XsRequest) returns (BatchCreate$XsResponse);")
      .Line("  rpc Get$X(Get$XRequest) returns ($X);")
      .Line("  rpc BatchGet$Xs(BatchGet$XsRequest) returns (BatchGet$XsResponse);")
      .Line("  rpc List$Xs(List$XsRequest) returns (List$XsResponse);")
      .Line("  rpc Update$X(Update$XRequest) returns ($X);")
      .Line("  rpc Delete$X(Delete$XRequest) returns ($X);");
  if (entity.soft_delete) {
    text->Line("  rpc Undelete$X(Undelete$XRequest) returns ($X);")
        .Line("  rpc Purge$X(Purge$XRequest) returns (google.protobuf.Empty);");
  }
  text->Line("}").Line();
}

// `fields` without what the request has already.
std::vector<std::string> Numbered(const std::vector<std::string>& fields, int from) {
  std::vector<std::string> lines;
  for (const std::string& field : fields) {
    lines.push_back("  " + field + " = " + std::to_string(from++) + ";");
  }
  return lines;
}

void WriteReads(const PlannedEntity& entity, Text* text) {
  static const std::set<std::string> taken = {
      "page_size", "page_token", "skip", "page", "order_by", "filter", "show_deleted",
      "include_total_size", "search", "include", "read_mask"};
  const std::string id = RequestField(entity.fields[0], entity.name);
  std::vector<std::string> keys, filters;
  for (const PlannedField& field : entity.fields) {
    if (field.column == nullptr || taken.count(field.name) > 0) continue;
    const bool time = field.type == "google.protobuf.Timestamp";
    if ((field.unique || field.name == "id") && !time) {
      keys.push_back(RequestField(field, entity.name));
    }
    const bool is_enum = field.type[0] >= 'A' && field.type[0] <= 'Z';
    if (field.refers || is_enum) filters.push_back(RequestField(field, entity.name));
  }
  const std::vector<std::string> deleted =
      entity.soft_delete ? std::vector<std::string>{"bool show_deleted"}
                         : std::vector<std::string>{};
  keys.insert(keys.end(), deleted.begin(), deleted.end());
  text->Line("message Get$XRequest {");
  if (keys.size() > 1 + deleted.size()) text->Raw("  // The fields of exactly one key are set.");
  for (const std::string& line : Numbered(keys, 1)) text->Raw(line);
  text->Line("}").Line();

  std::vector<std::string> batch = {"repeated " + entity.fields[0].type + " ids"};
  batch.insert(batch.end(), deleted.begin(), deleted.end());
  text->Line("message BatchGet$XsRequest {");
  for (const std::string& line : Numbered(batch, 1)) text->Raw(line);
  text->Line("}").Line();
  text->Line("message BatchGet$XsResponse {")
      .Line("  repeated $X $xs = 1;")
      .Line("  repeated " + entity.fields[0].type + " missing_ids = 2;")
      .Line("}")
      .Line();

  std::vector<std::string> list = {"int32 page_size", "string page_token", "int32 skip",
                                   "int32 page", "string filter", "string order_by",
                                   "bool include_total_size"};
  list.insert(list.end(), deleted.begin(), deleted.end());
  text->Line("message List$XsRequest {");
  for (const std::string& line : Numbered(list, 1)) text->Raw(line);
  if (!filters.empty()) text->Line().Raw("  // Each of these narrows the list when it is set.");
  for (const std::string& line : Numbered(filters, 10)) text->Raw(line);
  text->Line("}").Line();
  text->Line("message List$XsResponse {")
      .Line("  repeated $X $xs = 1;")
      .Line("  string next_page_token = 2;")
      .Line("  int64 total_size = 3;")
      .Line("  storegate.v1.PageInfo page_info = 4;")
      .Line("}")
      .Line();
}

void WriteWrites(const PlannedEntity& entity, Text* text) {
  const std::string id = "  " + RequestField(entity.fields[0], entity.name) + " = 1;";
  text->Line("message Create$XRequest {").Line("  $X $x = 1;").Line("}").Line();
  text->Line("message BatchCreate$XsRequest {")
      .Line("  repeated Create$XRequest requests = 1;")
      .Line("  // Each request on its own: those that fail are in failed_requests.")
      .Line("  bool allow_partial = 2;")
      .Line("}")
      .Line();
  text->Line("message BatchCreate$XsResponse {")
      .Line("  repeated $X $xs = 1;")
      .Line("  map<int32, google.rpc.Status> failed_requests = 2;")
      .Line("}")
      .Line();
  text->Line("message Update$XRequest {")
      .Line("  $X $x = 1;")
      .Line("  google.protobuf.FieldMask update_mask = 2;")
      .Line("  bool allow_missing = 3;")
      .Line("}")
      .Line();
  text->Line("message Delete$XRequest {")
      .Raw(id)
      .Line("  string etag = 2;")
      .Line("  bool allow_missing = 3;")
      .Line("}");
  if (!entity.soft_delete) return;
  text->Line().Line("message Undelete$XRequest {").Raw(id).Line("  string etag = 2;").Line("}");
  text->Line()
      .Line("message Purge$XRequest {")
      .Raw(id)
      .Line("  string etag = 2;")
      .Line("  bool allow_missing = 3;")
      .Line("}");
}

std::string FileText(const PlannedEntity& entity, const std::string& package) {
  Text text(entity);
  text.Raw("// The table " + entity.table->name + ", as `storegate schema pull` found it.")
      .Raw("syntax = \"proto3\";")
      .Raw("")
      .Raw("package " + package + ";")
      .Raw("")
      .Raw(Imports(entity));
  WriteMessage(entity, &text);
  WriteService(entity, &text);
  WriteReads(entity, &text);
  WriteWrites(entity, &text);
  return text.Take();
}

}  // namespace

Result<PullResult> WriteProtos(const PulledDatabase& database, const std::string& package) {
  if (!IsPackage(package)) {
    return Status(Code::kInvalidArgument, "INVALID_PACKAGE",
                  "the package " + Quoted(package) +
                      " cannot be; it must be names joined by dots, as \"library.v1\", and none of "
                      "them google, grpc or storegate");
  }
  PullResult result;
  const std::vector<PlannedEntity> entities = PlanEntities(database, &result.left_out);
  if (entities.empty()) {
    Status status(Code::kFailedPrecondition, "NOTHING_TO_PULL",
                  "the database has no table that a proto can describe");
    for (const std::string& line : result.left_out) status.WithViolation("", line);
    return status;
  }
  std::string folder = package;
  for (char& c : folder) c = c == '.' ? '/' : c;
  for (const PlannedEntity& entity : entities) {
    result.files.emplace_back(folder + "/" + entity.record + "_store.proto",
                              FileText(entity, package));
  }
  return result;
}

}  // namespace storegate::migrate
