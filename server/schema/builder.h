// Builder: descriptors and options → Schema, checking everything on the way.
// Each file of this folder that implements a part of it says which. A mistake is
// reported and the building goes on, so that all are found in one run; the
// schema is thrown away at the end when there was any.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "server/schema/loader.h"
#include "server/schema/proto_files.h"
#include "server/schema/schema.h"
#include "storegate/v1/schema.pb.h"

namespace storegate::schema {

class Builder {
 public:
  static LoadResult Load(ProtoFiles* files);

 private:
  using Descriptor = google::protobuf::Descriptor;
  using EnumDescriptor = google::protobuf::EnumDescriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;
  using FileDescriptor = google::protobuf::FileDescriptor;
  using MethodDescriptor = google::protobuf::MethodDescriptor;
  using ServiceDescriptor = google::protobuf::ServiceDescriptor;

  Builder(Schema* schema, std::vector<Diagnostic>* diagnostics)
      : schema_(schema), diagnostics_(diagnostics) {}

  void Build(const std::vector<const FileDescriptor*>& files);
  void Error(const Location& where, std::string message);

  // entities.cc: which messages are entities, which services are stores.
  void FindEntities(const std::vector<const FileDescriptor*>& files);
  void FindEntity(const Descriptor* message);
  void FindStore(const ServiceDescriptor* service);
  void MakeEntities();
  void MakeEntity(Entity* entity);
  void CheckCollections();
  // The message that `name` means where it is used within `package`: looked up as
  // protobuf does, from the innermost package outwards. Null when there is none.
  const Descriptor* ResolveMessage(const std::string& name, std::string package) const;
  Entity* EntityOf(const Descriptor* message) const;
  const google::protobuf::Message* Prototype(const Descriptor* message);

  // fields.cc: fields of entities and of the messages inside them.
  void AddFields(Entity* entity);
  void AddField(Entity* entity, const FieldDescriptor* descriptor);
  void SetRole(Field* field);
  // False, and reported, when the type is one that cannot be stored.
  bool FillShape(const FieldDescriptor* descriptor, Shape* shape);
  bool FillType(const FieldDescriptor* value, Shape* shape);
  const MessageType* MessageTypeOf(const Descriptor* message);
  const EnumType* EnumTypeOf(const EnumDescriptor* descriptor);
  void FillMessageTypes();
  void RefuseEntity(const Shape& shape);
  void MarkUniqueFields(Entity* entity);
  void CheckColumns(const Entity& entity);
  void CheckUnusedRules(const std::vector<const FileDescriptor*>& files);
  void CheckUnusedRules(const Descriptor* message);

  // rules.cc: what a value must be.
  void ApplyRules(const v1::FieldOptions& options, Shape* shape);
  void ApplyLengths(const v1::FieldOptions& options, Shape* shape);
  void ApplyBounds(const v1::FieldOptions& options, Shape* shape);
  void ApplyPattern(const v1::FieldOptions& options, Shape* shape);
  void RefuseUnknown(const google::protobuf::Message& options, const Location& where);

  // field_options.cc: what a field means, what callers may do with it.
  void ApplyFieldOptions(const v1::FieldOptions& options, Field* field);
  void ApplyNestedOptions(const v1::FieldOptions& options, Shape* shape);
  void CheckMeaning(const Field& field);
  void CheckDefault(const Field& field);

  // references.cc: fields that point to other entities.
  void ResolveReferences(Entity* entity);
  void ResolveReference(Field* field, const std::string& text);
  void InheritRules();
  void ResolveEmbeds(Entity* entity);
  void ResolveEmbedOne(Field* field, const std::string& name);
  void ResolveEmbedMany(Field* field, const v1::FieldOptions& options);
  void ResolveCount(Field* field, const std::string& text);
  // "Entity.field" as written on `field`; both null, and reported, when it is not.
  Reference ResolvePath(const Field& field, const std::string& option, const std::string& text);

  // indexes.cc: indexes and the keys that they make.
  void AddIndexes(Entity* entity);
  void AddIndex(Entity* entity, const v1::IndexOptions& options, const Location& where);
  void AddUniqueField(Entity* entity, Field* field);
  bool AddIndexField(const Entity& entity, const std::string& term, Index* index);
  void NameIndex(const Entity& entity, const std::string& given, Index* index);
  void CheckIndex(const Entity& entity, const Index& index);
  void AddKeys(Entity* entity);
  // Most bytes that the field takes in an index; -1 when there is no bound.
  int64_t MaxIndexBytes(const Field& field, int depth = 0) const;

  // stores.cc: services and the operations of their methods.
  void AddStores();
  void AddMethod(Store* store, const MethodDescriptor* descriptor);
  bool FindOperation(const Method& method, Operation* operation);
  bool NameOperation(const Method& method, Operation* operation);

  // computed.cc: rows of aggregates and native queries. aggregates.cc: the former.
  bool ReadRow(Method* method, ComputedRow* row);
  bool AddRowField(const Method& method, const FieldDescriptor* descriptor, Entity* row);
  void ReadNative(Method* method);
  void ReadAggregate(Method* method);

  Schema* schema_;
  std::vector<Diagnostic>* diagnostics_;
  std::vector<const Descriptor*> entity_messages_;
  std::vector<std::pair<const ServiceDescriptor*, const Descriptor*>> store_services_;
  bool all_stores_found_ = true;
  std::unordered_map<const Descriptor*, Entity*> entities_;
  std::unordered_map<const Descriptor*, MessageType*> messages_;
  std::vector<MessageType*> unfilled_messages_;
  size_t filled_messages_ = 0;  // of those, from the first
  std::unordered_map<const EnumDescriptor*, EnumType*> enums_;
  std::unordered_set<std::string> names_in_database_;  // of collections and indexes, lower case
};

}  // namespace storegate::schema
