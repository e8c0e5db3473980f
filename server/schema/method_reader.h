// MethodReader: finds the fields of a method's request and response by name,
// type and operation, and reports those that are missing, of a wrong type, or
// without a meaning.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "server/schema/schema.h"

namespace storegate::schema {

class MethodReader {
 public:
  using Report = std::function<void(const Location&, std::string)>;

  // `method` has its operation, entity and descriptor; Read fills the rest.
  MethodReader(Method* method, Report report);
  void Read();

 private:
  using Descriptor = google::protobuf::Descriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;

  // What a field must be: how to say it, and whether one is it.
  struct Want {
    std::string text;
    std::function<bool(const FieldDescriptor*)> fits;
    bool repeated = false;  // maps too
  };
  static Want Scalar(FieldDescriptor::Type type, const char* name);
  static Want Bool();
  static Want Int32();
  static Want Integer();
  static Want String();
  static Want Message(const std::string& full_name);
  static Want Repeated(Want element);
  // As `field` of the entity; singular.
  static Want Like(const Field& field);

  // One message being read: which of its fields have a meaning.
  struct Reading {
    const Descriptor* message;
    std::set<const FieldDescriptor*> taken;
  };
  // The field of that name; null when there is none, or, with a report, when it
  // is `needed` or not what it must be.
  const FieldDescriptor* Take(Reading* reading, const std::string& name, const Want& want,
                              bool needed = false);
  // Reports fields that nobody took.
  void RefuseRest(const Reading& reading, const std::string& advice = "");
  void Missing(const Descriptor* message, const std::string& what);

  void ReadCreate(Reading* request, const FieldDescriptor** record);
  void ReadBatchCreate(Reading* request);
  void ReadGet(Reading* request);
  void ReadList(Reading* request);
  void ReadStream(Reading* request);
  // What List and Stream share.
  void ReadQuery(Reading* request);
  // As Take, but for fields with `where`.
  const FieldDescriptor* TakeFree(Reading* request, const char* name, const Want& want);
  void TakeMasks(Reading* request, bool read_mask);
  void ReadListResponse();
  void ReadPredicates(Reading* request);
  void ReadEquality(Reading* request, const FieldDescriptor* field);
  static bool HasWhere(const FieldDescriptor* field);
  // One type of value, whatever the presence: int32 and sint32 are the same,
  // int32 and int64 are not.
  static bool SameValue(const FieldDescriptor* a, const FieldDescriptor* b);
  void ReadVerifyPassword(Reading* request);
  void ReadKeys(Reading* request);
  void TakeId(Reading* request);
  void TakeEtag(Reading* request);
  void TakeShowDeleted(Reading* request);
  void ReturnsRecord(bool or_empty);
  void TakeRecords(Reading* response);

  Method* method_;
  const Entity& entity_;
  Report report_;
  Reading request_, response_;
  bool request_has_key_ = false;
  std::string one_, many_;  // names of the entity's fields in requests: "book", "books"
};

}  // namespace storegate::schema
