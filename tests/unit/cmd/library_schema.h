// A small schema for the tests of cmd: authors and their books, two stores that
// serve the books, and shelves that no store creates.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "server/schema/loader.h"

namespace storegate::cmd {

inline std::unique_ptr<const schema::Schema> LibrarySchema() {
  static constexpr char kText[] = R"(
syntax = "proto3";
package library.v1;
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";

message Author {
  string id = 1;
  string name = 2;
}
message CreateAuthorRequest { Author author = 1; }
message BatchCreateAuthorsRequest { repeated CreateAuthorRequest requests = 1; }
message BatchCreateAuthorsResponse { repeated Author authors = 1; }
service AuthorStore {
  rpc CreateAuthor(CreateAuthorRequest) returns (Author);
  rpc BatchCreateAuthors(BatchCreateAuthorsRequest) returns (BatchCreateAuthorsResponse);
}

message Book {
  enum Kind { KIND_UNSPECIFIED = 0; NOVEL = 1; }
  string id = 1;
  string title = 2;
  string author_id = 3 [(storegate.v1.field) = { required: true references: "Author.id" max_len: 50 }];
  int64 pages = 4;
  Kind kind = 5;
  google.protobuf.Struct metadata = 6;
  google.protobuf.Timestamp create_time = 7;
}
message CreateBookRequest { Book book = 1; }
message GetBookRequest { string id = 1; }
service BookStore {
  rpc CreateBook(CreateBookRequest) returns (Book);
}
service ArchiveStore {
  option (storegate.v1.store).entity = "Book";
  rpc GetBook(GetBookRequest) returns (Book);
}

message Shelf { string id = 1; }
message GetShelfRequest { string id = 1; }
service ShelfStore {
  option (storegate.v1.store).database = "documents";
  rpc GetShelf(GetShelfRequest) returns (Shelf);
}
)";
  schema::LoadResult loaded = schema::LoadEmbedded({{"library/v1/library.proto", kText}});
  for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
    ADD_FAILURE() << diagnostic.ToString();
  }
  return std::move(loaded.schema);
}

}  // namespace storegate::cmd
