// Sink: what a session writes rows into, field by field. The sink of the hot
// path (WireSink) writes protobuf wire bytes; nothing is built in between.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// Used by one thread at a time, from BeginRow to EndRow. A field that is null in
// the database is not written. Fields may come in any order, each at most once.
class Sink {
 public:
  virtual ~Sink() = default;

  virtual void BeginRow() = 0;
  // False: the session writes no further row (the page is full) and ends its
  // query; the row is in.
  virtual bool EndRow() = 0;

  virtual void Bool(const schema::Field& field, bool value) = 0;
  // kInt32, kInt64, kUint32; kTimestamp in ms; kDuration in us.
  virtual void Int64(const schema::Field& field, int64_t value) = 0;
  virtual void Double(const schema::Field& field, double value) = 0;
  // kString, and kEnum by name.
  virtual void Text(const schema::Field& field, std::string_view value) = 0;
  virtual void Bytes(const schema::Field& field, std::string_view value) = 0;
  // Whatever is kept as JSON text: messages, maps, Structs, lists. INTERNAL when
  // the text is not what the field says (another program wrote it).
  virtual Status Json(const schema::Field& field, std::string_view json) = 0;
  // A piece of wire bytes for the field that the session made itself, tags
  // included (arrays and BSON, by later adapters).
  virtual void Wire(const schema::Field& field, std::string_view bytes) = 0;
  // What is behind etag. Entities without an etag get it all the same.
  virtual void Version(int64_t version) = 0;
};

}  // namespace storegate::repository
