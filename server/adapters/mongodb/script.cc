#include "server/adapters/mongodb/script.h"

#include <algorithm>
#include <utility>

#include "server/base/text.h"
#include "server/repository/json_scanner.h"

namespace storegate::mongodb {
namespace {

bool First(const Bson& command, bson_iter_t* at) {
  return bson_iter_init(at, command.get()) && bson_iter_next(at);
}

// Why the element is no command, or "".
std::string WhyNoCommand(std::string_view element, Bson* command) {
  if (!element.starts_with('{')) return "is no object";
  bson_t* read = bson_new_from_json(reinterpret_cast<const uint8_t*>(element.data()),
                                    static_cast<ssize_t>(element.size()), nullptr);
  if (read == nullptr) return "is no Extended JSON";
  *command = Bson(read);
  if (bson_empty(read)) return "names no command";
  if (bson_has_field(read, "$db")) return "has \"$db\", but runs in the database of the URL";
  if (NameOfCommand(*command) == "dropDatabase") {
    return "drops the database, and with it the history of its migrations";
  }
  return "";
}

}  // namespace

int LineAt(std::string_view text, size_t position) {
  return 1 + static_cast<int>(std::ranges::count(text.substr(0, position), '\n'));
}

std::string ReadScript(std::string_view script, std::vector<ScriptElement>* elements, int* line) {
  elements->clear();
  *line = 1;
  if (script.find_first_not_of(" \t\r\n") == std::string_view::npos) return "";
  if (const size_t bad = FindInvalidUtf8(script); bad != std::string_view::npos) {
    *line = LineAt(script, bad);
    return "it is no UTF-8";
  }
  repository::JsonScanner scanner(script);
  if (scanner.Peek() != '[') {
    *line = LineAt(script, scanner.position());
    return "it is no array";
  }
  std::string why;
  const bool read = scanner.Array([&] {
    scanner.Peek();
    ScriptElement element;
    element.begin = scanner.position();
    if (!scanner.Skip()) return false;
    element.end = scanner.position();
    why = WhyNoCommand(script.substr(element.begin, element.end - element.begin),
                       &element.command);
    if (!why.empty()) {
      *line = LineAt(script, element.begin);
      return false;
    }
    elements->push_back(std::move(element));
    return true;
  });
  if (!why.empty()) return "the command " + why;
  if (!read || !scanner.AtEnd()) {
    *line = LineAt(script, std::min(scanner.position(), script.size()));
    return "it is no JSON";
  }
  return "";
}

Result<std::vector<Bson>> ParseScript(const std::string& what, std::string_view script,
                                      std::vector<int>* lines) {
  std::vector<ScriptElement> elements;
  int line;
  const std::string why = ReadScript(script, &elements, &line);
  if (!why.empty()) {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                  "Of " + what + ", nothing ran: in line " + std::to_string(line) + ", " + why +
                      ". It must be a JSON array of MongoDB's commands, such as [{\"create\": "
                      "\"notes\"}].");
  }
  std::vector<Bson> commands;
  for (ScriptElement& element : elements) {
    if (lines != nullptr) lines->push_back(LineAt(script, element.begin));
    commands.push_back(std::move(element.command));
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

std::vector<Bson> IndexesOfCommand(const Bson& command) {
  std::vector<Bson> indexes;
  bson_iter_t at, element;
  if (!bson_iter_init_find(&at, command.get(), "indexes") || !BSON_ITER_HOLDS_ARRAY(&at) ||
      !bson_iter_recurse(&at, &element)) {
    return indexes;
  }
  while (bson_iter_next(&element)) {
    std::optional<Bson> index = DocumentAtIter(element);
    if (index) indexes.push_back(*std::move(index));
  }
  return indexes;
}

std::string UniqueIndexWithFilter(const Bson& command) {
  if (NameOfCommand(command) != "createIndexes") return "";
  for (const Bson& index : IndexesOfCommand(command)) {
    if (!FlagOf(index.get(), "unique")) continue;
    if (!bson_has_field(index.get(), "partialFilterExpression")) continue;
    const std::string name = TextOf(index.get(), "name");
    return name.empty() ? "without a name" : name;
  }
  return "";
}

std::string TextAtIter(const bson_iter_t& at) {
  if (!BSON_ITER_HOLDS_UTF8(&at)) return "";
  uint32_t length;
  const char* text = bson_iter_utf8(&at, &length);
  return std::string(text, length);
}

std::optional<Bson> DocumentAtIter(const bson_iter_t& at) {
  uint32_t length;
  const uint8_t* data;
  if (BSON_ITER_HOLDS_DOCUMENT(&at)) {
    bson_iter_document(&at, &length, &data);
  } else if (BSON_ITER_HOLDS_ARRAY(&at)) {
    bson_iter_array(&at, &length, &data);
  } else {
    return std::nullopt;
  }
  bson_t* document = bson_new_from_data(data, length);
  if (document == nullptr) return std::nullopt;
  return Bson(document);
}

std::string TextOf(const bson_t* document, const char* key) {
  bson_iter_t at;
  return bson_iter_init_find(&at, document, key) ? TextAtIter(at) : std::string();
}

std::optional<Bson> DocumentOf(const bson_t* document, const char* key) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, document, key)) return std::nullopt;
  return DocumentAtIter(at);
}

bool FlagOf(const bson_t* document, const char* key) {
  bson_iter_t at;
  return bson_iter_init_find(&at, document, key) && bson_iter_as_bool(&at);
}

// libbson's blanks are taken out, but for one behind each ":" and ",".
std::string JsonText(const Bson& document) {
  size_t length;
  char* text = bson_as_relaxed_extended_json(document.get(), &length);
  if (text == nullptr) return "";
  std::string json;
  bool quoted = false;
  for (size_t i = 0; i < length; ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      json += c;
      json += text[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (!quoted && c == ' ') continue;
    json += c;
    if (!quoted && (c == ':' || c == ',')) json += ' ';
  }
  bson_free(text);
  return json;
}

std::string ScriptText(const std::vector<Bson>& commands) {
  if (commands.empty()) return "";
  std::string script = "[\n";
  for (size_t i = 0; i < commands.size(); ++i) {
    script += JsonText(commands[i]) + (i + 1 < commands.size() ? ",\n" : "\n");
  }
  return script + "]\n";
}

}  // namespace storegate::mongodb
