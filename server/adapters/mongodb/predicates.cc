#include "server/adapters/mongodb/predicates.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/keys.h"
#include "server/adapters/mongodb/object_ids.h"
#include "server/adapters/mongodb/types.h"
#include "server/base/text.h"

namespace storegate::mongodb {

using query::Compare;
using query::Path;
using query::Predicate;
using schema::Presence;
using schema::Type;

namespace {

// MongoDB compiles no pattern of more than 32,764 bytes.
// Source: the server's src/mongo/db/matcher, "Regular expression is too long".
constexpr size_t kPatternMax = 30000;

std::string_view OperatorOf(Compare op) {
  switch (op) {
    case Compare::kLt: return "$lt";
    case Compare::kLe: return "$lte";
    case Compare::kGt: return "$gt";
    case Compare::kGe: return "$gte";
    default: return "$eq";
  }
}

bool Fits(const Value& value, Type type) {
  const bool whole = std::holds_alternative<int64_t>(value);
  const bool real = std::holds_alternative<double>(value);
  const bool text = std::holds_alternative<std::string>(value);
  const bool flag = std::holds_alternative<bool>(value);
  switch (type) {
    case Type::kBool: return flag;
    case Type::kInt32:
    case Type::kInt64:
    case Type::kUint32:
    case Type::kTimestamp:
    case Type::kDuration: return whole;
    case Type::kFloat:
    case Type::kDouble: return whole || real;
    case Type::kString:
    case Type::kEnum: return text;
    case Type::kBytes: return std::holds_alternative<Bytes>(value);
    case Type::kValue: return whole || real || text || flag;
    default: return false;
  }
}

bool HoldsObjectIds(const Path& path) {
  return path.below.empty() && KeepsObjectIds(*path.field);
}

// Appends a value that a field of that type is compared with. False when it is none.
// Numbers are equal in MongoDB whatever their types are, so a number that the field
// cannot hold is only greater or less.
bool AddConstant(std::string_view key, const Value& value, Type type, Bson* to) {
  if (!Fits(value, type)) return false;
  AppendValue(key, value, type, to->get());
  return true;
}

// The same for what is at a path.
bool AddConstant(std::string_view key, const Value& value, const Path& path, Bson* to) {
  if (!HoldsObjectIds(path)) return AddConstant(key, value, path.type, to);
  if (!Fits(value, path.type)) return false;
  AppendValue(key, value, *path.field, to->get());
  return true;
}

// The text as a pattern of itself, for PCRE and Java's.
std::string Escaped(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// Maps' keys are texts, whatever they are in the proto.
std::optional<std::string> KeyText(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::nullopt;
}

// Where a path leads.
struct Place {
  std::string name;  // "column.key.key", escaped
  // What is on the way and might be an array, which MongoDB would look into.
  std::vector<std::string> guarded;
  // The value may be of any type, an array too.
  bool any = false;
};

// Empty when the schema has no such place.
std::optional<Place> PlaceOf(const Path& path) {
  Place place{std::string(NameOf(*path.field)), {}, false};
  const schema::Shape* shape = path.field;
  Type type = shape->type;
  Presence presence = shape->presence;
  for (const std::string& part : path.below) {
    const bool single = presence == Presence::kPlain || presence == Presence::kOptional;
    place.name += '.';
    if (presence == Presence::kMap) {
      presence = Presence::kOptional;
      place.name += EscapeKey(part);
    } else if (single && type == Type::kMessage) {
      shape = shape->message->Find(part);
      if (shape == nullptr) return std::nullopt;
      type = shape->type;
      presence = shape->presence;
      place.name += part;
    } else if (single && (type == Type::kStruct || type == Type::kValue)) {
      if (type == Type::kValue) {
        place.guarded.push_back(place.name.substr(0, place.name.size() - 1));
      }
      type = Type::kValue;
      place.name += EscapeKey(part);
    } else {
      return std::nullopt;
    }
  }
  place.any = type == Type::kValue && presence != Presence::kRepeated && presence != Presence::kMap;
  return place;
}

// {name: condition}, the way to it free of arrays.
Bson At(const Place& place, const Bson& condition) {
  Bson filter;
  for (const std::string& name : place.guarded) {
    filter.AddDocument(name, Document("$not", IsArray()));
  }
  filter.AddDocument(place.name, condition);
  return filter;
}

// The same of the value itself, not of an element of it.
Bson AtSingle(const Place& place, Bson condition) {
  if (place.any) condition.AddDocument("$not", IsArray());
  return At(place, condition);
}

// Each is empty for what cannot be.
using Filter = std::optional<Bson>;

Filter Compiled(const Predicate& predicate);

// An empty list: all match in $and, none in $or, as in SQL.
Filter Joined(std::string_view with, const std::vector<Predicate>& children) {
  BsonArray list;
  for (const Predicate& child : children) {
    Filter filter = Compiled(child);
    if (!filter) return std::nullopt;
    list.Add(*filter);
  }
  if (list.size() > 0) return List(with, list);
  return with == "$and" ? Bson() : Nothing();
}

// A value in a column of its own or inside one.
bool IsSingle(const Path& path) {
  return path.presence != Presence::kRepeated && path.presence != Presence::kMap;
}

// Comparisons match values of their own type only: a text that is no ObjectId is before or
// behind the ObjectIds that it would be before or behind as a text. Empty for one that is.
Filter CompareIdsWith(const Path& path, Compare op, const std::string& text) {
  if (IsObjectId(text) || op == Compare::kEq || op == Compare::kNe) return std::nullopt;
  const bool below = op == Compare::kLt || op == Compare::kLe;
  const std::optional<std::string> next = ObjectIdBehind(text);
  if (!next && !below) return Nothing();
  Bson condition;
  if (next) {
    AppendValue(below ? "$lt" : "$gte", *next, *path.field, condition.get());
  } else {
    condition.AddText("$type", "objectId");
  }
  return Document(NameOf(*path.field), condition);
}

Filter CompareWith(const Path& path, Compare op, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value);
      text != nullptr && HoldsObjectIds(path)) {
    if (Filter filter = CompareIdsWith(path, op, *text)) return filter;
  }
  const std::optional<Place> place = PlaceOf(path);
  Bson condition;
  if (!place || !IsSingle(path) || !AddConstant(OperatorOf(op), value, path, &condition)) {
    return std::nullopt;
  }
  Bson filter = AtSingle(*place, std::move(condition));
  return op == Compare::kNe ? NotOf(filter) : std::move(filter);
}

// {$in: values}.
Filter OneOf(const std::vector<Value>& values, const Path& path) {
  BsonArray list;
  for (const Value& value : values) {
    if (!AddConstant(list.NextKey(), value, path, &list.bson())) return std::nullopt;
  }
  return List("$in", list);
}

Filter In(const Path& path, const std::vector<Value>& values) {
  const std::optional<Place> place = PlaceOf(path);
  Filter condition = OneOf(values, path);
  if (!place || !IsSingle(path) || !condition) return std::nullopt;
  return AtSingle(*place, *std::move(condition));
}

// $eq, as some servers let $in look into lists that are elements.
Filter HasElement(const Place& place, const std::vector<Value>& values) {
  std::vector<Bson> filters;
  for (const Value& value : values) {
    Bson equal;
    if (!AddConstant("$eq", value, Type::kValue, &equal)) return std::nullopt;
    filters.push_back(At(place, Document("$elemMatch", equal)));
  }
  return AnyOf(std::move(filters));
}

// In a map a key may have null; in a Struct that is as if it were not there.
Filter HasKey(Path path, const std::vector<Value>& values) {
  const bool in_map = path.presence == Presence::kMap;
  std::vector<Bson> filters;
  for (const Value& value : values) {
    std::optional<std::string> key = KeyText(value);
    if (!key) return std::nullopt;
    path.below.push_back(*std::move(key));
    const std::optional<Place> place = PlaceOf(path);
    path.below.pop_back();
    if (!place) return std::nullopt;
    filters.push_back(At(*place, Flag("$exists", true)));
    if (in_map) continue;
    filters.back() = At(*place, NotNull());
    filters.push_back(At(*place, IsArray()));  // one with a null in it is not null
  }
  return AnyOf(std::move(filters));
}

Filter Has(const Path& path, const std::vector<Value>& values) {
  const std::optional<Place> place = PlaceOf(path);
  if (!place) return std::nullopt;
  if (path.presence == Presence::kMap) return HasKey(path, values);
  if (path.presence == Presence::kRepeated) {
    if (path.type == Type::kValue) return HasElement(*place, values);
    Filter condition = OneOf(values, path);
    if (!condition) return std::nullopt;
    return At(*place, *condition);
  }
  if (path.type == Type::kStruct) return HasKey(path, values);
  if (path.type == Type::kListValue) return HasElement(*place, values);
  if (path.type != Type::kValue) return std::nullopt;
  Filter element = HasElement(*place, values), key = HasKey(path, values);
  if (!element || !key) return std::nullopt;
  std::vector<Bson> either;
  either.push_back(*std::move(element));
  either.push_back(*std::move(key));
  return AnyOf(std::move(either));
}

Filter IsSet(const Path& path) {
  const std::optional<Place> place = PlaceOf(path);
  if (!place) return std::nullopt;
  if (path.presence == Presence::kRepeated) {
    Place first = *place;
    first.name += ".0";
    return At(first, Flag("$exists", true));
  }
  if (path.presence == Presence::kMap) {
    BsonArray without;
    bson_append_null(without.bson().get(), without.NextKey().data(), -1);
    without.Add(Bson());
    return At(*place, List("$nin", without));
  }
  if (path.type == Type::kListValue) return At(*place, IsArray());
  if (path.below.empty()) {
    // A plain field that another program left out reads as its zero.
    if (path.presence == Presence::kPlain) return Bson();
    // The null that a field of type Value holds is a value.
    if (path.type == Type::kValue) return At(*place, Flag("$exists", true));
  }
  if (!place->any) return At(*place, NotNull());
  std::vector<Bson> either;
  either.push_back(At(*place, NotNull()));
  either.push_back(At(*place, IsArray()));
  return AnyOf(std::move(either));
}

// $indexOfBytes: for texts that are too long for a pattern.
Bson ContainsLong(const std::string& column, const std::string& text) {
  Bson literal;
  literal.AddText("$literal", text);
  BsonArray there_or_empty;
  there_or_empty.bson().AddText(there_or_empty.NextKey(), "$" + column);
  there_or_empty.bson().AddText(there_or_empty.NextKey(), "");
  BsonArray where;
  where.Add(List("$ifNull", there_or_empty)).Add(literal);
  BsonArray compared;
  compared.Add(List("$indexOfBytes", where));
  compared.bson().AddInt32(compared.NextKey(), 0);
  return Document("$expr", List("$gte", compared));
}

Filter Contains(const Path& path, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return std::nullopt;
  // No stored text has a NUL, and no pattern can.
  if (text->find('\0') != std::string::npos) return Nothing();
  const std::string column = path.field->folded_column();
  Bson condition;
  if (text->empty()) {
    condition.AddText("$type", "string");
    return Document(column, condition);
  }
  const std::string pattern = Escaped(*text);
  if (pattern.size() > kPatternMax) return ContainsLong(column, *text);
  condition.AddText("$regex", pattern);
  return Document(column, condition);
}

// By a pattern of the text itself. "\z" is the very end; "$" is also before a last line break.
Filter HasText(const Predicate& predicate) {
  const std::optional<Place> place = PlaceOf(predicate.path);
  const auto* text = std::get_if<std::string>(&predicate.value);
  if (!place || text == nullptr || !IsSingle(predicate.path)) return std::nullopt;
  std::string pattern = Escaped(*text);
  if (predicate.kind == Predicate::Kind::kEndsWith) pattern += "\\z";
  Bson condition;
  condition.AddText("$regex", pattern);
  if (!place->any) return At(*place, condition);
  // Some servers match the digits of a number, too.
  Bson is_text;
  is_text.AddText("$type", "string");
  return Both(AtSingle(*place, std::move(is_text)), At(*place, condition));
}

Filter Compiled(const Predicate& predicate) {
  switch (predicate.kind) {
    case Predicate::Kind::kTrue: return Bson();
    case Predicate::Kind::kFalse: return Nothing();
    case Predicate::Kind::kAnd: return Joined("$and", predicate.children);
    case Predicate::Kind::kOr: return Joined("$or", predicate.children);
    case Predicate::Kind::kNot: {
      if (predicate.children.size() != 1) return std::nullopt;
      Filter filter = Compiled(predicate.children[0]);
      if (!filter) return std::nullopt;
      return NotOf(*filter);
    }
    case Predicate::Kind::kCompare:
      return CompareWith(predicate.path, predicate.op, predicate.value);
    case Predicate::Kind::kIn: return In(predicate.path, predicate.values);
    case Predicate::Kind::kHas: return Has(predicate.path, predicate.values);
    case Predicate::Kind::kIsSet: return IsSet(predicate.path);
    case Predicate::Kind::kContains: return Contains(predicate.path, predicate.value);
    case Predicate::Kind::kEndsWith:
    case Predicate::Kind::kIncludes: return HasText(predicate);
    // Collections are not joined.
    case Predicate::Kind::kRelated: return std::nullopt;
  }
  return std::nullopt;
}

// Appends the condition that the key is null or equal to the value.
void AddEqual(const query::SortKey& key, const Value& value, Bson* filter) {
  if (IsNull(value)) {
    filter->AddNull(NameOf(*key.field));
    return;
  }
  Bson equal;
  AppendValue("$eq", value, *key.field, equal.get());
  filter->AddDocument(NameOf(*key.field), equal);
}

// Appends that the key comes after the value, or also that it is the same. False when
// nothing does; a filter to which nothing was appended means all.
bool AddAfter(const query::SortKey& key, const Value& value, bool or_same, Bson* filter) {
  const std::string_view name = NameOf(*key.field);
  if (IsNull(value)) {
    // Ascending, nulls come first: behind them is all that is not null. Descending
    // they come last: nothing is behind them.
    if (key.descending && or_same) filter->AddNull(name);
    if (!key.descending && !or_same) filter->AddDocument(name, NotNull());
    return !key.descending || or_same;
  }
  Bson condition;
  if (!key.descending || key.field == key.field->entity->id) {
    const std::string_view op = key.descending ? (or_same ? "$lte" : "$lt")
                                               : (or_same ? "$gte" : "$gt");
    AppendValue(op, value, *key.field, condition.get());
  } else {
    // What is not greater is less or null, in one range of an index.
    Bson greater;
    AppendValue(or_same ? "$gt" : "$gte", value, *key.field, greater.get());
    condition.AddDocument("$not", greater);
  }
  filter->AddDocument(name, condition);
  return true;
}

// Appends what the predicate says as conditions that a partial index may have.
bool AddPartial(const Predicate& predicate, BsonArray* list) {
  if (predicate.kind == Predicate::Kind::kTrue) return true;
  if (predicate.kind == Predicate::Kind::kAnd) {
    for (const Predicate& child : predicate.children) {
      if (!AddPartial(child, list)) return false;
    }
    return true;
  }
  const Path& path = predicate.path;
  if (path.field == nullptr || path.field->nested() || !path.below.empty() || !IsSingle(path)) {
    return false;
  }
  if (predicate.kind == Predicate::Kind::kIsSet) {
    if (path.field->nullable()) list->Add(Document(NameOf(*path.field), Flag("$exists", true)));
    return true;
  }
  if (predicate.kind != Predicate::Kind::kCompare || predicate.op == Compare::kNe) return false;
  Filter filter = Compiled(predicate);
  if (filter) list->Add(*filter);
  return filter.has_value();
}

}  // namespace

Result<Bson> FilterOf(const Predicate& predicate) {
  Filter filter = Compiled(predicate);
  if (filter) return *std::move(filter);
  return Status(Code::kInternal, "UNSUPPORTED_PREDICATE",
                "MongoDB cannot answer the predicate " + query::Describe(predicate) + ".");
}

Bson BehindOf(const query::Order& order, const std::vector<Value>& after) {
  // a <= x AND (a < x OR (a = x AND b > y) OR (a = x AND b = y AND c > z))
  Bson bound;
  if (order.size() > 1) AddAfter(order[0], after[0], true, &bound);
  std::vector<Bson> either;
  for (size_t i = 0; i < order.size(); ++i) {
    Bson filter;
    for (size_t same = 0; same < i; ++same) AddEqual(order[same], after[same], &filter);
    if (AddAfter(order[i], after[i], false, &filter)) either.push_back(std::move(filter));
  }
  return Both(std::move(bound), AnyOf(std::move(either)));
}

Bson SortOf(const query::Order& order) {
  Bson sort;
  for (const query::SortKey& key : order) {
    sort.AddInt32(NameOf(*key.field), key.descending ? -1 : 1);
  }
  return sort;
}

std::optional<Bson> PartialFilterOf(const Predicate& predicate) {
  BsonArray list;
  if (!AddPartial(predicate, &list)) return std::nullopt;
  if (list.size() == 0) return Bson();
  if (list.size() > 1) return List("$and", list);
  bson_iter_t at;
  const uint8_t* data;
  uint32_t length;
  bson_iter_init_find(&at, list.bson().get(), "0");
  bson_iter_document(&at, &length, &data);
  return Bson(bson_new_from_data(data, length));
}

}  // namespace storegate::mongodb
