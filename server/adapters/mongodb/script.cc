#include "server/adapters/mongodb/script.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/base/text.h"
#include "server/repository/json_scanner.h"

namespace storegate::mongodb {
namespace {

Status Unreadable(const std::string& what, const std::string& why) {
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                "Of " + what + ", nothing ran: " + why + ". It must be a JSON array of MongoDB's "
                "commands, such as [{\"create\": \"notes\"}].");
}

std::string LineAt(std::string_view script, size_t position) {
  return "line " + std::to_string(1 + std::ranges::count(script.substr(0, position), '\n'));
}

// The value that `at` stands on, when it is a document.
std::optional<Bson> DocumentAt(const bson_iter_t& at) {
  if (!BSON_ITER_HOLDS_DOCUMENT(&at)) return std::nullopt;
  uint32_t length;
  const uint8_t* data;
  bson_iter_document(&at, &length, &data);
  bson_t* document = bson_new_from_data(data, length);
  if (document == nullptr) return std::nullopt;
  return Bson(document);
}

bool First(const Bson& command, bson_iter_t* at) {
  return bson_iter_init(at, command.get()) && bson_iter_next(at);
}

// Why the element is no command, or "".
std::string WhyNoCommand(std::string_view element, std::vector<Bson>* commands) {
  if (!element.starts_with('{')) return "is no object";
  bson_t* command = bson_new_from_json(reinterpret_cast<const uint8_t*>(element.data()),
                                       static_cast<ssize_t>(element.size()), nullptr);
  if (command == nullptr) return "is no Extended JSON";
  commands->emplace_back(command);
  if (bson_empty(command)) return "names no command";
  if (bson_has_field(command, "$db")) return "has \"$db\", but runs in the database of the URL";
  return "";
}

}  // namespace

Result<std::vector<Bson>> ParseScript(const std::string& what, std::string_view script) {
  std::vector<Bson> commands;
  if (script.find_first_not_of(" \t\r\n") == std::string_view::npos) return commands;
  if (const size_t bad = FindInvalidUtf8(script); bad != std::string_view::npos) {
    return Unreadable(what, "it is no UTF-8 in " + LineAt(script, bad));
  }
  repository::JsonScanner scanner(script);
  if (scanner.Peek() != '[') return Unreadable(what, "it is no array");
  std::string why;
  const bool read = scanner.Array([&] {
    scanner.Peek();
    const size_t begin = scanner.position();
    if (!scanner.Skip()) return false;
    why = WhyNoCommand(script.substr(begin, scanner.position() - begin), &commands);
    if (!why.empty()) why = "the command in " + LineAt(script, begin) + " " + why;
    return why.empty();
  });
  if (!why.empty()) return Unreadable(what, why);
  if (!read || !scanner.AtEnd()) {
    return Unreadable(what, "it is no JSON in " +
                                LineAt(script, std::min(scanner.position(), script.size())));
  }
  return commands;
}

std::string_view NameOfCommand(const Bson& command) {
  bson_iter_t at;
  return First(command, &at) ? bson_iter_key(&at) : std::string_view();
}

std::string_view TargetOfCommand(const Bson& command) {
  bson_iter_t at;
  if (!First(command, &at) || !BSON_ITER_HOLDS_UTF8(&at)) return {};
  uint32_t length;
  const char* text = bson_iter_utf8(&at, &length);
  return {text, length};
}

std::string UniqueIndexWithFilter(const Bson& command) {
  bson_iter_t at, indexes;
  if (NameOfCommand(command) != "createIndexes" ||
      !bson_iter_init_find(&at, command.get(), "indexes") || !BSON_ITER_HOLDS_ARRAY(&at) ||
      !bson_iter_recurse(&at, &indexes)) {
    return "";
  }
  while (bson_iter_next(&indexes)) {
    const std::optional<Bson> index = DocumentAt(indexes);
    if (!index) continue;
    bson_iter_t part;
    const bool unique = bson_iter_init_find(&part, index->get(), "unique") &&
                        bson_iter_as_bool(&part);
    if (!unique || !bson_has_field(index->get(), "partialFilterExpression")) continue;
    if (bson_iter_init_find(&part, index->get(), "name") && BSON_ITER_HOLDS_UTF8(&part)) {
      return bson_iter_utf8(&part, nullptr);
    }
    return "without a name";
  }
  return "";
}

}  // namespace storegate::mongodb
