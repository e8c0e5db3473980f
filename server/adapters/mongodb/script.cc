#include "server/adapters/mongodb/script.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace storegate::mongodb {
namespace {

// libbson reads objects, so the array is put into one.
constexpr std::string_view kBefore = "{\"s\":";

Status Unreadable(const std::string& what, const std::string& why) {
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                "Of " + what + ", nothing ran: " + why + ". It must be a JSON array of MongoDB's "
                "commands, such as [{\"create\": \"notes\"}].");
}

// The byte where libbson stopped, which its messages end in: `position 12: "…"`.
size_t PositionIn(std::string_view message, size_t size) {
  constexpr std::string_view kWord = "position ";
  const size_t found = message.rfind(kWord);
  size_t position = size;
  if (found != std::string_view::npos) {
    const char* begin = message.data() + found + kWord.size();
    std::from_chars(begin, message.data() + message.size(), position);
  }
  return std::min(position - std::min(position, kBefore.size()), size);
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

}  // namespace

Result<std::vector<Bson>> ParseScript(const std::string& what, std::string_view script) {
  std::vector<Bson> commands;
  if (script.find_first_not_of(" \t\r\n") == std::string_view::npos) return commands;
  std::string text(kBefore);
  text += script;
  text += '}';
  bson_error_t error{};
  bson_t* parsed = bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                                      static_cast<ssize_t>(text.size()), &error);
  if (parsed == nullptr) {
    return Unreadable(what, "it is no JSON, or no Extended JSON, at " +
                                LineAt(script, PositionIn(error.message, script.size())));
  }
  const Bson whole(parsed);
  bson_iter_t at, element;
  if (!First(whole, &at) || !BSON_ITER_HOLDS_ARRAY(&at) || bson_count_keys(whole.get()) != 1 ||
      !bson_iter_recurse(&at, &element)) {
    return Unreadable(what, "it is no array");
  }
  while (bson_iter_next(&element)) {
    std::optional<Bson> command = DocumentAt(element);
    const std::string place = "element " + std::to_string(commands.size() + 1);
    if (!command) return Unreadable(what, place + " is no object");
    if (command->empty()) return Unreadable(what, place + " names no command");
    if (bson_has_field(command->get(), "$db")) {
      return Unreadable(what, place + " has \"$db\", but runs in the database of the URL");
    }
    commands.push_back(*std::move(command));
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
