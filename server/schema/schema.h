// The schema: what the protos say, as plain values. Built and checked once at
// start (loader.h), then only read: any thread, no locks. Everything is owned by
// the Schema and lives as long as it does; pointers between parts are stable.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

namespace re2 {
class RE2;
}

namespace storegate::schema {

// What a value is, whatever its presence. sint32, sfixed32 … are kInt32 and so
// on; how it travels is in Shape::descriptor->type().
enum class Type {
  kBool,
  kInt32,
  kInt64,
  kUint32,
  kFloat,
  kDouble,
  kString,
  kBytes,
  kEnum,
  kTimestamp,
  kDuration,
  kStruct,
  kValue,
  kListValue,
  kMessage,
};

enum class Presence {
  kPlain,     // NOT NULL, zero by default
  kOptional,  // nullable: `optional`, member of a oneof, message, wrapper
  kRepeated,
  kMap,
};

struct MessageType;

// Where something is written. Lines and columns count from 1; 0 where unknown (a
// descriptor set without source info).
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

// Names and numbers of an enum. Aliases: every name is known, the first declared
// of a number is the one that is stored and shown.
struct EnumType {
  const google::protobuf::EnumDescriptor* descriptor;
  std::unordered_map<int, std::string> names;
  std::unordered_map<std::string, int> numbers;

  // Empty when the number has no name.
  std::string_view NameOf(int number) const;
  std::optional<int> NumberOf(std::string_view name) const;
};

enum class Format { kNone, kUuid, kEmail, kUri, kObjectId };

// How a field's value is encoded, as wire bytes and as JSON, and what it must
// be. Shared by the fields of entities and of the messages inside them. Lengths,
// pattern, format and bounds are those of each value: of a list's elements, of a
// map's values.
struct Shape {
  std::string name;
  int number = 0;
  Type type = Type::kBool;  // of the value; of an element; of a map's value
  Presence presence = Presence::kPlain;
  bool wrapper = false;  // google.protobuf.*Value around `type`
  const google::protobuf::FieldDescriptor* descriptor = nullptr;
  // The field whose type() says how one value travels: `descriptor` itself, the
  // wrapper's `value`, or the map's value field.
  const google::protobuf::FieldDescriptor* value = nullptr;
  // The map's key field; null otherwise.
  const google::protobuf::FieldDescriptor* key = nullptr;
  const EnumType* enum_type = nullptr;    // when kEnum
  const MessageType* message = nullptr;   // when kMessage
  std::string oneof;                      // name of the oneof it is a member of
  Location location;

  bool required = false;
  int min_len = 0;
  int max_len = 0;  // 0: no bound of its own
  int min_items = 0;
  int max_items = 0;
  Format format = Format::kNone;
  std::string pattern_text;
  std::shared_ptr<const re2::RE2> pattern;
  std::optional<double> gte, lte, gt, lt;
};

// A message inside an entity.
struct MessageType {
  const google::protobuf::Descriptor* descriptor;
  std::vector<Shape> fields;  // in order of declaration
  std::unordered_map<std::string_view, const Shape*> by_name;

  const Shape* Find(std::string_view name) const;
};

enum class Role {
  kData,
  kId,
  kCreateTime,
  kUpdateTime,
  kDeleteTime,
  kEtag,
  kEmbed,  // not stored
  kCount,  // not stored
};

enum class Unique { kNo, kAll, kLive };

struct Entity;
struct Field;

// "Author.name" on a field, resolved.
struct Reference {
  const Entity* entity = nullptr;
  const Field* field = nullptr;
};

// What the name of a folded column begins with, the name of the other behind it.
inline constexpr std::string_view kFoldedPrefix = "_folded_";

struct Field : Shape {
  const Entity* entity = nullptr;
  int index = 0;  // position in Entity::fields
  std::string column;
  Role role = Role::kData;

  bool immutable = false;
  bool input_only = false;
  bool output_only = false;
  bool lower_case = false;
  bool searchable = false;
  bool password = false;
  // Deleted rows aside or not; set also by a one-field unique index.
  Unique unique = Unique::kNo;

  std::optional<std::string> default_text;  // checked against the type at start

  std::optional<Reference> references;

  // Role kEmbed. `embed` is the reference field: of this entity (to one), or of
  // the embedded entity or of `via` (to many).
  const Entity* embed_entity = nullptr;
  const Field* embed = nullptr;
  const Entity* via = nullptr;
  std::string embed_order_by;
  int embed_limit = 0;
  // Role kCount: the reference field whose records are counted.
  const Field* count = nullptr;

  bool stored() const { return role != Role::kEmbed && role != Role::kCount; }
  // A value of its own column that a row can lack.
  bool nullable() const { return presence == Presence::kOptional; }
  // One value that sorts: not repeated, not a map, not a message or Struct.
  bool sortable() const;
  // Kept as JSON text (SQL) or as a nested value (MongoDB).
  bool nested() const;
  // Name of the folded column of a searchable field: "_folded_<column>".
  std::string folded_column() const { return std::string(kFoldedPrefix) + column; }
};

struct IndexField {
  const Field* field;
  bool descending = false;
};

struct Index {
  std::string name;
  std::vector<IndexField> fields;
  Unique unique = Unique::kNo;
  // Text of the predicate; compiled by who needs it (query/predicate.h). It was
  // parsed at start, so it is known to be good.
  std::string where;
  Location location;
};

// A set of fields whose values name at most one row: the id, or the fields of a
// unique index without `where`. keys[0] is always the id.
struct Key {
  std::vector<const Field*> fields;
  const Index* index = nullptr;  // null for the id
  Unique unique = Unique::kAll;
};

struct Entity {
  std::string name;       // "Book"
  std::string full_name;  // "library.v1.Book"
  std::string plural;     // "Books"
  std::string collection; // "books"
  const google::protobuf::Descriptor* descriptor = nullptr;
  // The empty message to make others from. Owned by the Schema's factory.
  const google::protobuf::Message* prototype = nullptr;

  std::deque<Field> fields;           // all, in order of field number
  std::vector<const Field*> stored;   // those with a column, etag aside
  std::vector<const Field*> searchable;
  std::deque<Index> indexes;          // declared ones and those of `unique` fields
  std::deque<Key> keys;
  // Fields of this and other entities that refer to this one.
  std::vector<const Field*> referrers;

  const Field* id = nullptr;
  const Field* create_time = nullptr;  // null when it has none, as the next two
  const Field* update_time = nullptr;
  const Field* delete_time = nullptr;
  const Field* etag = nullptr;

  std::string default_order_by;
  int default_page_size = 50;
  bool search_index = false;  // searchable fields have an index for `search`
  Location location;

  bool soft_delete() const { return delete_time != nullptr; }
  const Field* Find(std::string_view name) const;
};

enum class Operation {
  kCreate,
  kBatchCreate,
  kGet,
  kBatchGet,
  kList,
  kUpdate,
  kDelete,
  kUndelete,
  kPurge,
  kVerifyPassword,
  kStream,
  kAggregate,
  kNative,
};

struct Store;

// Rows that a query computes: one element of the response's repeated message. As an
// entity that no table keeps, so that what reads rows, compiles predicates and sorts
// works on it: its columns are the fields' names, and it has no id and no collection.
// A field that a row may lack is kOptional, whatever the message says.
struct ComputedRow {
  Entity entity;
};

// One value that records are grouped by.
struct GroupBy {
  enum class Unit { kValue, kYear, kMonth, kDay, kHour };
  const Field* field = nullptr;
  Unit unit = Unit::kValue;
  // Of parts of a time: an IANA name, "" for UTC; or the request's string that has it.
  std::string time_zone;
  const google::protobuf::FieldDescriptor* time_zone_field = nullptr;
  const Field* into = nullptr;  // of the row
};

// One value that is computed of a group.
struct Compute {
  enum class Function { kCount, kSum, kAverage, kMinimum, kMaximum, kDistinct };
  Function function = Function::kCount;
  const Field* field = nullptr;  // null for kCount
  const Field* into = nullptr;   // of the row
};

struct Aggregate {
  ComputedRow row;
  std::string filter, having;  // checked at start; the second is over the row
  std::string order_by;        // over the row
  std::vector<GroupBy> groups;
  std::vector<Compute> computes;
  int limit = 0;  // 0: as many as there are
};

// A query in a database's own language. Empty: none for that kind.
struct Native {
  ComputedRow row;
  std::string postgres, sqlite, mongodb;
  // What $1, $2 … are: the request's fields in order of number.
  std::vector<const google::protobuf::FieldDescriptor*> parameters;
};

// A field of a List request that filters: its predicate applies when it is set.
struct RequestPredicate {
  const google::protobuf::FieldDescriptor* field;
  std::string where;  // "age >= $"; checked at start
  Location location;
};

// One rpc. The FieldDescriptors are of the request or response message and null
// where it does not have such a field.
struct Method {
  std::string name;
  std::string full_name;  // "library.v1.BookStore.GetBook"
  std::string path;       // "/library.v1.BookStore/GetBook"
  Operation operation = Operation::kGet;
  const Store* store = nullptr;
  const Entity* entity = nullptr;
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  const google::protobuf::Message* request = nullptr;   // prototypes
  const google::protobuf::Message* response = nullptr;
  std::string when;
  // Of kAggregate and kNative; else null.
  std::shared_ptr<const Aggregate> aggregate;
  std::shared_ptr<const Native> native;
  Location location;

  // Request. `record` is the entity in Create and Update; `requests` the list of
  // Create requests in BatchCreate, and `item` the method that it is a batch of.
  const google::protobuf::FieldDescriptor* record = nullptr;
  const google::protobuf::FieldDescriptor* requests = nullptr;
  const google::protobuf::FieldDescriptor* item_record = nullptr;  // entity in one of `requests`
  const google::protobuf::FieldDescriptor* allow_partial = nullptr;
  const google::protobuf::FieldDescriptor* update_mask = nullptr;
  const google::protobuf::FieldDescriptor* allow_missing = nullptr;
  const google::protobuf::FieldDescriptor* id = nullptr;   // Delete, Undelete, Purge
  const google::protobuf::FieldDescriptor* ids = nullptr;  // BatchGet
  const google::protobuf::FieldDescriptor* etag = nullptr;
  const google::protobuf::FieldDescriptor* show_deleted = nullptr;
  const google::protobuf::FieldDescriptor* page_size = nullptr;
  const google::protobuf::FieldDescriptor* page_token = nullptr;
  const google::protobuf::FieldDescriptor* skip = nullptr;
  const google::protobuf::FieldDescriptor* page = nullptr;
  const google::protobuf::FieldDescriptor* filter = nullptr;
  const google::protobuf::FieldDescriptor* order_by = nullptr;
  const google::protobuf::FieldDescriptor* include_total_size = nullptr;
  const google::protobuf::FieldDescriptor* search = nullptr;
  const google::protobuf::FieldDescriptor* include = nullptr;    // FieldMasks
  const google::protobuf::FieldDescriptor* read_mask = nullptr;
  const google::protobuf::FieldDescriptor* password = nullptr;
  std::vector<RequestPredicate> predicates;

  // Get and VerifyPassword: the keys that the request can name, each with the
  // request fields in the order of Key::fields.
  struct RequestKey {
    const Key* key;
    std::vector<const google::protobuf::FieldDescriptor*> fields;
  };
  std::vector<RequestKey> keys;

  // Response. `records` is the entity, repeated, in lists and batches, and the computed
  // row in aggregates and native queries; `result` the entity in VerifyPassword's.
  bool returns_record = false;  // the response is the entity itself
  bool returns_empty = false;   // google.protobuf.Empty
  const google::protobuf::FieldDescriptor* records = nullptr;
  const google::protobuf::FieldDescriptor* missing_ids = nullptr;
  // map<int32, google.rpc.Status>
  const google::protobuf::FieldDescriptor* failed_requests = nullptr;
  const google::protobuf::FieldDescriptor* next_page_token = nullptr;
  const google::protobuf::FieldDescriptor* total_size = nullptr;
  const google::protobuf::FieldDescriptor* page_info = nullptr;
  const google::protobuf::FieldDescriptor* valid = nullptr;
  const google::protobuf::FieldDescriptor* result = nullptr;
};

struct Store {
  std::string name;       // "BookStore"
  std::string full_name;  // "library.v1.BookStore"
  const google::protobuf::ServiceDescriptor* descriptor = nullptr;
  const Entity* entity = nullptr;
  std::string database;  // that it prefers; "" for none
  std::deque<Method> methods;
};

class Schema {
 public:
  Schema();
  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  std::deque<Entity> entities;  // in order of full name
  std::deque<Store> stores;     // in order of full name
  std::deque<MessageType> messages;
  std::deque<EnumType> enums;

  // Each is null when there is none. FindMethod takes "/package.Service/Method".
  const Entity* FindEntity(std::string_view full_name) const;
  // All entities, in their order.
  std::vector<const Entity*> AllEntities() const;
  const Store* FindStore(std::string_view full_name) const;
  const Method* FindMethod(std::string_view path) const;

  // The files that describe all of it, dependencies included, for reflection.
  const google::protobuf::DescriptorPool* pool = nullptr;
  std::vector<const google::protobuf::FileDescriptor*> files;

 private:
  friend class Builder;
  struct Sources;  // importer, pools, message factory: what owns the descriptors
  std::unique_ptr<Sources> sources_;
  std::unordered_map<std::string_view, const Method*> methods_by_path_;
};

}  // namespace storegate::schema
