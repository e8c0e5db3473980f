#include "tests/unit/query/test_schema.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

namespace storegate::query {
namespace {

constexpr std::string_view kLibrary = R"proto(
syntax = "proto3";
package lib.v1;

import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "storegate/v1/schema.proto";

enum Color {
  option allow_alias = true;
  COLOR_UNSPECIFIED = 0;
  RED = 1;
  GREEN = 2;
  VERDANT = 2;
}

enum Other { OTHER_UNSPECIFIED = 0; SAME = 1; }

message Inner {
  string title = 1;
  optional int32 count = 2;
  repeated string tags = 3;
  map<string, int64> sizes = 4;
  google.protobuf.Duration took = 5;
  google.protobuf.Timestamp at = 6;
  Color color = 7;
  Inner inner = 8;
  google.protobuf.StringValue wrapped = 9;
  float ratio = 10;
}

message Book {
  option (storegate.v1.entity) = {
    index: { fields: "i32" where: "flag = true AND color = GREEN" }
    default_order_by: "i32 desc, text"
  };
  string id = 1;
  bool flag = 2;
  int32 i32 = 3;
  int64 i64 = 4;
  uint32 u32 = 5;
  float f32 = 6;
  double f64 = 7;
  string text = 8;
  bytes blob = 9;
  Color color = 10;
  optional bool opt_flag = 11;
  optional int64 opt_i64 = 12;
  optional double opt_f64 = 13;
  optional string opt_text = 14;
  optional Color opt_color = 15;
  google.protobuf.Timestamp time = 16;
  google.protobuf.Duration span = 17;
  google.protobuf.Int64Value wrapped = 18;
  google.protobuf.Struct extra = 19;
  google.protobuf.Value any = 20;
  google.protobuf.ListValue many = 21;
  Inner inner = 22;
  repeated string tags = 23;
  repeated int32 numbers = 24;
  repeated Color colors = 25;
  repeated google.protobuf.Timestamp times = 26;
  repeated Inner inners = 27;
  map<string, string> labels = 28;
  map<int32, string> by_number = 29;
  map<bool, Inner> by_flag = 30;
  map<string, Color> color_of = 31;
  map<string, google.protobuf.Struct> extra_of = 32;
  string email = 33 [(storegate.v1.field).lower_case = true];
  string uuid = 34 [(storegate.v1.field).format = UUID];
  optional string secret = 35 [(storegate.v1.field).input_only = true];
  int32 note_count = 36 [(storegate.v1.field).count = "Note.book_id"];
  string etag = 37;
  oneof choice {
    string choice_text = 38;
    int32 choice_number = 39;
  }
}

message Note {
  int64 id = 1;
  optional string book_id = 2 [(storegate.v1.field).references = "Book.id"];
  string body = 3 [(storegate.v1.field).searchable = true];
}

service BookStore {
  rpc GetBook(GetBookRequest) returns (Book);
}
message GetBookRequest { string id = 1; }

service NoteStore {
  rpc GetNote(GetNoteRequest) returns (Note);
}
message GetNoteRequest { int64 id = 1; }

message Values {
  bool flag = 1;
  int32 i32 = 2;
  int64 i64 = 3;
  uint32 u32 = 4;
  uint64 u64 = 5;
  float f32 = 6;
  double f64 = 7;
  string text = 8;
  bytes blob = 9;
  Color color = 10;
  Other other = 11;
  google.protobuf.Timestamp time = 12;
  google.protobuf.Duration span = 13;
  google.protobuf.StringValue wrapped_text = 14;
  google.protobuf.Int32Value wrapped_i32 = 15;
  optional string opt_text = 16;
  optional int64 opt_i64 = 17;
  optional Color opt_color = 18;
  optional double opt_f64 = 19;
  repeated string texts = 20;
  repeated int64 i64s = 21;
  repeated double f64s = 22;
  repeated Color colors = 23;
  repeated bool flags = 24;
  repeated google.protobuf.Timestamp times = 25;
  Inner inner = 26;
  map<string, string> labels = 27;
}
)proto";

const schema::Schema* Load() {
  schema::LoadResult result = LoadText(kLibrary);
  for (const auto& diagnostic : result.diagnostics) ADD_FAILURE() << diagnostic.ToString();
  if (result.schema == nullptr) abort();
  return result.schema.release();  // descriptors are used until the end
}

google::protobuf::DynamicMessageFactory& Factory() {
  static auto& factory = *new google::protobuf::DynamicMessageFactory();
  return factory;
}

void Fill(const std::string& json, google::protobuf::Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(json, message);
  if (!status.ok()) ADD_FAILURE() << json << ": " << status.ToString();
}

}  // namespace

schema::LoadResult LoadText(std::string_view proto) {
  std::string directory = std::filesystem::temp_directory_path() / "storegate-query-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) abort();
  std::ofstream(directory + "/library.proto") << proto;
  schema::LoadResult result = schema::LoadDirectory(directory);
  std::filesystem::remove_all(directory);
  return result;
}

const schema::Schema& Library() {
  static const schema::Schema& schema = *Load();
  return schema;
}

const schema::Entity& Book() { return *Library().FindEntity("lib.v1.Book"); }
const schema::Entity& Note() { return *Library().FindEntity("lib.v1.Note"); }

std::unique_ptr<google::protobuf::Message> MakeBook(const std::string& json) {
  std::unique_ptr<google::protobuf::Message> book(Book().prototype->New());
  Fill(json, book.get());
  return book;
}

std::unique_ptr<google::protobuf::Message> Make(const std::string& type, const std::string& json) {
  const auto* descriptor = Library().pool->FindMessageTypeByName("lib.v1." + type);
  std::unique_ptr<google::protobuf::Message> message(Factory().GetPrototype(descriptor)->New());
  Fill(json, message.get());
  return message;
}

const google::protobuf::Descriptor* Values() {
  return Library().pool->FindMessageTypeByName("lib.v1.Values");
}

}  // namespace storegate::query
