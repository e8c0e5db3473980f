#include "tests/support/random_filter.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/query/predicate.h"
#include "tests/support/message_fields.h"

namespace storegate::test {
namespace {

using google::protobuf::Descriptor;

constexpr size_t kMaxPaths = 400;
constexpr int kMaxDepth = 3;
constexpr size_t kMaxText = 200;

bool IsWellKnown(const Descriptor* type) {
  return type->file()->package() == "google.protobuf";
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '*') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// A name as it stands in a path, or a key in quotes.
std::string Part(const std::string& key) {
  const bool plain = !key.empty() && std::ranges::all_of(key, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
  return plain ? key : Quoted(key);
}

std::string Number(double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string KeyOf(const Message& entry) {
  const Value key = GetValue(entry, entry.GetDescriptor()->map_key());
  if (const auto* flag = std::get_if<bool>(&key)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&key)) return std::to_string(*number);
  const auto* text = std::get_if<std::string>(&key);
  return text == nullptr ? "" : *text;
}

}  // namespace

RandomFilter::RandomFilter(const schema::Entity& entity, Random* random)
    : entity_(entity), random_(*random) {
  AddPaths(entity.descriptor, "", 0);
  texts_ = HostileTexts();
  for (const std::string& key : HostileKeys()) texts_.push_back(key);
  std::erase_if(texts_, [](const std::string& text) { return text.size() > kMaxText; });
  literals_[Literal::kWhole] = {"0", "1", "-1", "2147483647", "-2147483648", "4294967295",
                                "9223372036854775807", "-9223372036854775808"};
  literals_[Literal::kReal] = {"0", "0.1", "-2.5", "1e300", "-1e-300", "3.4e38", "5"};
  literals_[Literal::kBool] = {"true", "false"};
  literals_[Literal::kTime] = {"\"2026-01-31T23:59:59.123Z\"", "\"0001-01-01T00:00:00Z\"",
                               "\"9999-12-31T23:59:59.999Z\""};
  literals_[Literal::kDuration] = {"0s", "1.5s", "\"-0.000001s\"", "315576000000s"};
  literals_[Literal::kBytes] = {"\"\"", "\"+/8=\"", "\"AA==\""};
}

void RandomFilter::AddPaths(const Descriptor* type, const std::string& prefix, int depth) {
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->enum_type() != nullptr) {
      for (int j = 0; j < field->enum_type()->value_count(); ++j) {
        texts_.push_back(field->enum_type()->value(j)->name());
      }
    }
    const std::string path = prefix + field->name();
    // Other records are no part of this one.
    const schema::Field* own = depth == 0 ? entity_.Find(field->name()) : nullptr;
    if (own != nullptr && !own->stored()) continue;
    if (depth > 0 || entity_.Find(field->name()) != nullptr) paths_.push_back(path);
    if (field->is_repeated() || field->message_type() == nullptr) continue;
    if (!IsWellKnown(field->message_type()) && depth + 1 < kMaxDepth) {
      AddPaths(field->message_type(), path + ".", depth + 1);
    }
  }
}

void RandomFilter::LeaveOutMade() {
  for (const schema::Field& field : entity_.fields) {
    const bool time = field.role == schema::Role::kCreateTime ||
                      field.role == schema::Role::kUpdateTime ||
                      field.role == schema::Role::kDeleteTime;
    if (time || field.role == schema::Role::kId || field.references) LeaveOut(field.name);
  }
}

void RandomFilter::Learn(const Message& record) {
  for (int i = 0; i < record.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = record.GetDescriptor()->field(i);
    LearnField(record, field, field->name());
  }
}

void RandomFilter::LearnField(const Message& message, const FieldDescriptor* field,
                              const std::string& path) {
  const google::protobuf::Reflection* reflection = message.GetReflection();
  const auto inside = [&](const Message& within, const std::string& prefix) {
    const Descriptor* type = within.GetDescriptor();
    if (type->full_name() == "google.protobuf.Value" || type->full_name() == "google.protobuf.Struct") {
      for (int i = 0; i < type->field_count(); ++i) LearnField(within, type->field(i), prefix);
      return;
    }
    for (int i = 0; i < type->field_count(); ++i) {
      LearnField(within, type->field(i), prefix + "." + type->field(i)->name());
    }
  };
  if (field->is_map()) {
    for (const Message* entry : Elements(message, field)) {
      const std::string key = KeyOf(*entry);
      const std::string below = path + "." + Part(key);
      if (key.size() <= kMaxText) texts_.push_back(key);
      if (paths_.size() < kMaxPaths && !left_out_.contains(path.substr(0, path.find('.'))) && std::ranges::find(paths_, below) == paths_.end()) {
        paths_.push_back(below);
      }
      LearnField(*entry, entry->GetDescriptor()->map_value(), below);
    }
    return;
  }
  const bool scalar = field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
                      IsTimestamp(field) || IsDuration(field) || IsWrapper(field);
  if (field->is_repeated()) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
        field->type() == FieldDescriptor::TYPE_STRING) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        texts_.push_back(reflection->GetRepeatedString(message, field, i));
      }
    }
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        literals_[Literal::kWhole].push_back(
            std::to_string(reflection->GetRepeatedInt32(message, field, i)));
      }
    }
    return;
  }
  if (field->has_presence() && !reflection->HasField(message, field)) return;
  if (!scalar) return inside(reflection->GetMessage(message, field), path);
  const Value value = GetValue(message, field);
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (text->size() <= kMaxText) texts_.push_back(*text);
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    literals_[Literal::kBytes].push_back(Quoted(Base64(bytes->data)));
  } else if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) literals_[Literal::kReal].push_back(Number(*real));
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    if (IsTimestamp(field)) {
      literals_[Literal::kTime].push_back(Quoted(FormatTimestamp(*number)));
    } else if (IsDuration(field)) {
      literals_[Literal::kDuration].push_back(Quoted(FormatDuration(*number)));
    } else {
      literals_[Literal::kWhole].push_back(std::to_string(*number));
    }
  }
}

void RandomFilter::LeaveOut(const std::string& field) {
  left_out_.insert(field);
  std::erase_if(paths_, [&](const std::string& path) {
    return path.substr(0, path.find('.')) == field;
  });
}

std::vector<std::string> RandomFilter::Paths() { return paths_; }

const std::vector<std::string>& RandomFilter::Operators() {
  static const std::vector<std::string> operators = {"=",  "!=", "<", "<=", ">",  ">=",
                                                     ":",  "IN", "*", "a*", "*a", "*a*"};
  return operators;
}

bool RandomFilter::IsGood(const std::string& filter) const {
  return query::Template::Parse(filter, entity_, nullptr, nullptr).ok();
}

// Some part of a text that is there; or a whole one.
std::string RandomFilter::AnyText() {
  const std::string text = random_.Pick(texts_);
  if (text.empty() || random_.Chance(40)) return text;
  const auto size = static_cast<int64_t>(text.size());
  size_t from = static_cast<size_t>(random_.Between(int64_t{0}, size - 1));
  size_t to = static_cast<size_t>(random_.Between(static_cast<int64_t>(from), size));
  if (random_.Chance(50)) from = 0;
  if (random_.Chance(30)) to = text.size();
  const auto within = [&](size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  while (from > 0 && within(from)) --from;
  while (within(to)) ++to;
  return text.substr(from, to - from);
}

std::string RandomFilter::TextLiteral(const std::string& text, bool star_before,
                                      bool star_behind) {
  std::string literal = Quoted(text);
  if (star_before) literal.insert(1, "*");
  if (star_behind) literal.insert(literal.size() - 1, "*");
  return literal;
}

std::string RandomFilter::Of(Literal kind) {
  return kind == Literal::kText ? TextLiteral(random_.Pick(texts_), false, false)
                                : random_.Pick(literals_[kind]);
}

std::string RandomFilter::AnyLiteral() {
  if (random_.Chance(50)) return Of(Literal::kText);
  return Of(static_cast<Literal>(random_.Between(int64_t{1}, int64_t{6})));
}

std::string RandomFilter::Comparison(const std::string& path, const std::string& op) {
  if (op == "*") {
    const std::string filter = path + " : *";
    return IsGood(filter) ? filter : "";
  }
  // A literal that fits is found by trying.
  for (int i = 0; i < 40; ++i) {
    std::string filter = path;
    if (op.find('a') != std::string::npos) {
      filter += (random_.Chance(70) ? " = " : " != ") +
                TextLiteral(AnyText(), op.front() == '*', op.back() == '*');
    } else if (op == "IN") {
      filter += " IN (";
      const auto kind = static_cast<Literal>(random_.Between(int64_t{0}, int64_t{6}));
      const int64_t count = random_.Between(int64_t{1}, int64_t{5});
      for (int64_t j = 0; j < count; ++j) filter += (j > 0 ? ", " : "") + Of(kind);
      filter += ")";
    } else {
      filter += " " + op + " " + AnyLiteral();
    }
    if (IsGood(filter)) return filter;
  }
  return "";
}

std::string RandomFilter::Any(int depth) {
  if (depth > 0 && random_.Chance(60)) {
    std::string text;
    const std::string with = random_.Chance(50) ? " AND " : " OR ";
    const int64_t count = random_.Between(int64_t{2}, int64_t{3});
    for (int64_t i = 0; i < count; ++i) text += (i > 0 ? with : "") + Any(depth - 1);
    const bool negated = random_.Chance(25);
    return (negated ? (random_.Chance(50) ? "NOT " : "-") : "") + ("(" + text + ")");
  }
  for (int i = 0; i < 300 && !paths_.empty(); ++i) {
    const std::string filter = Comparison(random_.Pick(paths_), random_.Pick(Operators()));
    if (!filter.empty()) return random_.Chance(15) ? "NOT " + filter : filter;
  }
  return "id : *";
}

}  // namespace storegate::test
