#include "tests/unit/service/library.h"

#include <cstdlib>
#include <iostream>

#include <google/protobuf/text_format.h>

#include "server/schema/loader.h"

namespace storegate::service {
namespace {

constexpr char kProto[] = R"proto(
syntax = "proto3";
package library.v1;
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/rpc/status.proto";
import "storegate/v1/page.proto";
import "storegate/v1/schema.proto";

message Address {
  string street = 1 [(storegate.v1.field) = { required: true max_len: 10 }];
  string city = 2;
  map<string, int32> floors = 3 [(storegate.v1.field).gte = 0];
  Address other = 4;
}

enum Mood { MOOD_UNSPECIFIED = 0; GLAD = 1; SAD = 2; }

message Author {
  string id = 1 [(storegate.v1.field).format = UUID];
  string name = 2 [(storegate.v1.field) = { required: true max_len: 20 searchable: true }];
  string slug = 3 [(storegate.v1.field) = {
    required: true max_len: 20 lower_case: true immutable: true unique: ALL pattern: "[a-z-]+" }];
  optional int32 age = 4 [(storegate.v1.field) = { gte: 0 lt: 150 default: "18" }];
  double rating = 5 [(storegate.v1.field).lte = 10];
  repeated string tags = 6 [(storegate.v1.field) = { max_items: 3 min_len: 1 }];
  map<string, string> links = 7 [(storegate.v1.field).format = URI];
  google.protobuf.Struct settings = 8;
  Address address = 9;
  repeated Address places = 10;
  Mood mood = 11;
  google.protobuf.Timestamp born = 12;
  google.protobuf.Duration nap = 13;
  google.protobuf.DoubleValue weight = 14;
  oneof contact { string phone = 15; string mail = 16; Address visit = 17; }
  string secret = 18 [(storegate.v1.field).input_only = true];
  string grade = 19 [(storegate.v1.field).output_only = true];
  map<int64, Address> by_year = 20;
  google.protobuf.Value anything = 21;
  google.protobuf.Timestamp create_time = 30;
  google.protobuf.Timestamp update_time = 31;
  google.protobuf.Timestamp delete_time = 32;
  string etag = 33;
}

message Book {
  string id = 1;
  string title = 2 [(storegate.v1.field) = { required: true max_len: 50 }];
  string author_id = 3 [(storegate.v1.field) = { required: true references: "Author.id" }];
  optional string author_slug = 4 [(storegate.v1.field).references = "Author.slug"];
  google.protobuf.Timestamp create_time = 30;
  google.protobuf.Timestamp delete_time = 32;
  string etag = 33;
}

message Account {
  string id = 1;
  string email = 2 [(storegate.v1.field) = {
    required: true format: EMAIL lower_case: true max_len: 100 unique: ALL }];
  string password = 3 [(storegate.v1.field) = {
    password: true input_only: true min_len: 8 max_len: 64 }];
  optional bool active = 4 [(storegate.v1.field).default = "true"];
  string etag = 5;
}

message Note {
  int64 id = 1;
  string text = 2;
}

service AuthorStore {
  rpc CreateAuthor(CreateAuthorRequest) returns (Author);
  rpc BatchCreateAuthors(BatchCreateAuthorsRequest) returns (BatchCreateAuthorsResponse);
  rpc GetAuthor(GetAuthorRequest) returns (Author);
  rpc BatchGetAuthors(BatchGetAuthorsRequest) returns (BatchGetAuthorsResponse);
  rpc ListAuthors(ListAuthorsRequest) returns (ListAuthorsResponse);
  rpc UpdateAuthor(UpdateAuthorRequest) returns (Author);
  rpc DeleteAuthor(DeleteAuthorRequest) returns (Author);
  rpc UndeleteAuthor(UndeleteAuthorRequest) returns (Author);
  rpc PurgeAuthor(PurgeAuthorRequest) returns (google.protobuf.Empty);
}
message CreateAuthorRequest { Author author = 1; }
message BatchCreateAuthorsRequest {
  repeated CreateAuthorRequest requests = 1;
  bool allow_partial = 2;
}
message BatchCreateAuthorsResponse {
  repeated Author authors = 1;
  map<int32, google.rpc.Status> failed_requests = 2;
}
message GetAuthorRequest { string id = 1; string slug = 2; bool show_deleted = 3; }
message BatchGetAuthorsRequest { repeated string ids = 1; bool show_deleted = 2; }
message BatchGetAuthorsResponse { repeated Author authors = 1; repeated string missing_ids = 2; }
message ListAuthorsRequest {
  int32 page_size = 1;
  string page_token = 2;
  int32 skip = 3;
  int32 page = 4;
  string order_by = 5;
  bool show_deleted = 6;
  bool include_total_size = 7;
  string search = 8;
  string name = 10;
}
message ListAuthorsResponse {
  repeated Author authors = 1;
  string next_page_token = 2;
  int32 total_size = 3;
  storegate.v1.PageInfo page_info = 4;
}
message UpdateAuthorRequest {
  Author author = 1;
  google.protobuf.FieldMask update_mask = 2;
  bool allow_missing = 3;
}
message DeleteAuthorRequest { string id = 1; string etag = 2; bool allow_missing = 3; }
message UndeleteAuthorRequest { string id = 1; string etag = 2; }
message PurgeAuthorRequest { string id = 1; string etag = 2; bool allow_missing = 3; }

service BookStore {
  rpc CreateBook(CreateBookRequest) returns (Book);
  rpc BatchCreateBooks(BatchCreateBooksRequest) returns (BatchCreateBooksResponse);
  rpc UpdateBook(UpdateBookRequest) returns (Book);
  rpc DeleteBook(DeleteBookRequest) returns (Book);
  rpc UndeleteBook(UndeleteBookRequest) returns (Book);
}
message CreateBookRequest { Book book = 1; }
message BatchCreateBooksRequest { repeated CreateBookRequest requests = 1; bool allow_partial = 2; }
message BatchCreateBooksResponse {
  repeated Book books = 1;
  map<int32, google.rpc.Status> failed_requests = 2;
}
message UpdateBookRequest {
  Book book = 1;
  google.protobuf.FieldMask update_mask = 2;
  bool allow_missing = 3;
}
message DeleteBookRequest { string id = 1; string etag = 2; bool allow_missing = 3; }
message UndeleteBookRequest { string id = 1; string etag = 2; }

service AccountStore {
  rpc CreateAccount(CreateAccountRequest) returns (Account);
  rpc UpdateAccount(UpdateAccountRequest) returns (Account);
  rpc VerifyPassword(VerifyPasswordRequest) returns (VerifyPasswordResponse) {
    option (storegate.v1.method).when = "active = true";
  }
}
message CreateAccountRequest { Account account = 1; }
message UpdateAccountRequest { Account account = 1; google.protobuf.FieldMask update_mask = 2; }
message VerifyPasswordRequest { string email = 1; string password = 2; }
message VerifyPasswordResponse { bool valid = 1; Account account = 2; }

service NoteStore {
  rpc CreateNote(CreateNoteRequest) returns (Note);
  rpc GetNote(GetNoteRequest) returns (Note);
  rpc ListNotes(ListNotesRequest) returns (ListNotesResponse);
  rpc StreamNotes(StreamNotesRequest) returns (stream StreamNotesResponse);
}
message CreateNoteRequest { Note note = 1; }
message GetNoteRequest { int64 id = 1; }
message ListNotesRequest { int32 page_size = 1; string page_token = 2; }
message ListNotesResponse { repeated Note notes = 1; string next_page_token = 2; }
message StreamNotesRequest { string page_token = 1; string order_by = 2; }
message StreamNotesResponse { repeated Note notes = 1; string next_page_token = 2; }
)proto";

}  // namespace

const schema::Schema& Library() {
  static const schema::LoadResult* loaded = [] {
    auto* result = new schema::LoadResult(schema::LoadEmbedded({{"library/v1/library.proto",
                                                                 kProto}}));
    for (const schema::Diagnostic& diagnostic : result->diagnostics) {
      std::cerr << diagnostic.ToString() << "\n";
    }
    if (result->schema == nullptr) std::abort();
    return result;
  }();
  return *loaded->schema;
}

const schema::Entity& EntityOf(const std::string& name) {
  const schema::Entity* entity = Library().FindEntity("library.v1." + name);
  if (entity == nullptr) std::abort();
  return *entity;
}

const schema::Method& MethodOf(const std::string& store, const std::string& method) {
  const schema::Method* found = Library().FindMethod("/library.v1." + store + "/" + method);
  if (found == nullptr) std::abort();
  return *found;
}

MessagePtr Make(const google::protobuf::Message& prototype, const std::string& text) {
  MessagePtr message(prototype.New());
  if (!google::protobuf::TextFormat::ParseFromString(text, message.get())) std::abort();
  return message;
}

MessagePtr MakeRecord(const std::string& entity, const std::string& text) {
  return Make(*EntityOf(entity).prototype, text);
}

std::string Text(const google::protobuf::Message& message) { return message.ShortDebugString(); }

}  // namespace storegate::service
