#include "server/adapters/mongodb/script_steps.h"

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/script.h"
#include "server/adapters/mongodb/script_backfill.h"
#include "server/base/text.h"

namespace storegate::mongodb {

using repository::Step;

namespace {

constexpr std::string_view kOurs = "storegate.";

Status Invalid(const std::string& file, int line, const std::string& why) {
  return Status(Code::kInvalidArgument, "INVALID_MIGRATION",
                file + ":" + std::to_string(line) + ": " + why + ".");
}

bool HasOneKey(const Bson& command) { return bson_count_keys(command.get()) == 1; }

// 0 where it says neither a number nor "this".
int NeedsOf(const Bson& command) {
  if (TargetOfCommand(command) == "this") return migrate::Script::kNeedsThis;
  bson_iter_t at;
  if (!bson_iter_init_find(&at, command.get(), "storegate.needs") || !BSON_ITER_HOLDS_INT(&at)) {
    return 0;
  }
  const int64_t number = bson_iter_as_int64(&at);
  return number < 1 || number > std::numeric_limits<int>::max() ? 0 : static_cast<int>(number);
}

// Cuts a file; one use.
class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text) {}

  // Why the element cannot be, or "".
  std::string Add(const ScriptElement& element) {
    const std::string_view name = NameOfCommand(element.command);
    if (name == "storegate.needs") return AddNeeds(element);
    if (name.starts_with(kOurs)) {
      Close();
      return AddOurs(name, element);
    }
    const bool alone = name == "createIndexes" || name == "renameCollection";
    if (alone) Close();
    if (!open_) begin_ = element.begin;
    open_ = true;
    end_ = element.end;
    if (alone) Close(Step::Kind::kNoTransaction);
    return "";
  }

  migrate::Script Take() {
    Close();
    return std::move(script_);
  }

 private:
  void Close(Step::Kind kind = Step::Kind::kTransaction) {
    if (!open_) return;
    open_ = false;
    Step step;
    step.kind = kind;
    step.script = "[" + std::string(text_.substr(begin_, end_ - begin_)) + "]";
    step.line = LineAt(text_, begin_);
    script_.steps.push_back(std::move(step));
  }

  std::string AddNeeds(const ScriptElement& element) {
    const int needs = NeedsOf(element.command);
    if (needs == 0 || !HasOneKey(element.command)) {
      return "storegate.needs stands alone and gives the number of a migration, or \"this\", as "
             "in {\"storegate.needs\": 7}";
    }
    if (script_.needs != 0) return "storegate.needs is there twice";
    script_.needs = needs;
    // Commands before and behind it are two steps: without it their text is not one.
    Close();
    return "";
  }

  std::string AddOurs(std::string_view name, const ScriptElement& element) {
    Step step;
    step.line = LineAt(text_, element.begin);
    if (name == "storegate.backfill") {
      Backfill backfill;
      const std::string why = ReadBackfill(element.command, &backfill);
      if (!why.empty()) return "the backfill " + why;
      step.kind = Step::Kind::kRepeat;
      step.script = std::string(text_.substr(element.begin, element.end - element.begin));
      step.total = JsonText(backfill.CountCommand());
    } else if (name == "storegate.refold") {
      const std::string_view target = TargetOfCommand(element.command);
      const size_t dot = target.rfind('.');
      if (!HasOneKey(element.command) || dot == std::string_view::npos || dot == 0 ||
          dot + 1 == target.size()) {
        return "storegate.refold stands alone and names a collection and a field, as in "
               "{\"storegate.refold\": \"books.title\"}";
      }
      step.kind = Step::Kind::kRefold;
      step.table = std::string(target.substr(0, dot));
      step.column = std::string(target.substr(dot + 1));
    } else {
      return Quoted(name) + " is none of storegate.backfill, storegate.refold and "
                            "storegate.needs";
    }
    script_.steps.push_back(std::move(step));
    return "";
  }

  const std::string_view text_;
  migrate::Script script_;
  bool open_ = false;  // commands from begin_ to end_ are of no step yet
  size_t begin_ = 0, end_ = 0;
};

}  // namespace

Result<migrate::Script> StepsOf(const std::string& file, std::string_view text) {
  std::vector<ScriptElement> elements;
  int line;
  const std::string why = ReadScript(text, &elements, &line);
  if (!why.empty()) {
    return Invalid(file, line, why + "; the file must be a JSON array of MongoDB's commands, "
                                     "such as [{\"create\": \"notes\"}]");
  }
  Cutter cutter(text);
  for (const ScriptElement& element : elements) {
    const std::string wrong = cutter.Add(element);
    if (!wrong.empty()) return Invalid(file, LineAt(text, element.begin), wrong);
  }
  return cutter.Take();
}

std::string SignificantOf(std::string_view text) {
  std::string kept;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!quoted && blank) continue;
    kept += c;
    if (quoted && c == '\\' && i + 1 < text.size()) {
      kept += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    }
  }
  return kept;
}

}  // namespace storegate::mongodb
