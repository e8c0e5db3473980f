// The schema of library.h.
#pragma once

namespace storegate::test {

inline constexpr char kLibraryProto[] = R"(
syntax = "proto3";
package library.v1;
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "storegate/v1/schema.proto";

message Author {
  option (storegate.v1.entity) = { index: { fields: "create_time desc" } };
  string id = 1;
  string name = 2 [(storegate.v1.field) = { required: true max_len: 100 searchable: true }];
  string slug = 3 [(storegate.v1.field) = { required: true immutable: true max_len: 50 unique: ALL }];
  optional string email = 4 [(storegate.v1.field) = { max_len: 100 unique: LIVE }];
  optional string mentor_id = 5 [(storegate.v1.field).references = "Author.id"];
  optional int64 born = 6;
  Author mentor = 7 [(storegate.v1.field).embed = "mentor_id"];
  repeated Author pupils = 8 [(storegate.v1.field).embed = "Author.mentor_id"];
  repeated Book books = 9 [(storegate.v1.field).embed = "Book.author_slug"];
  google.protobuf.Timestamp create_time = 12;
  google.protobuf.Timestamp update_time = 13;
  google.protobuf.Timestamp delete_time = 14;
  string etag = 15;
}

enum Kind { KIND_UNSPECIFIED = 0; NOVEL = 1; POEM = 2; }

message Book {
  option (storegate.v1.entity) = {
    index: { fields: "shelf" fields: "place" unique: ALL }
    index: { fields: "title" where: "kind = POEM AND pages > 5" }
  };
  int64 id = 1;
  string title = 2 [(storegate.v1.field).max_len = 100];
  string author_slug = 3 [(storegate.v1.field) = { required: true references: "Author.slug" }];
  string shelf = 4 [(storegate.v1.field).max_len = 10];
  int32 place = 5;
  Kind kind = 6;
  int32 pages = 7;
  Author author = 8 [(storegate.v1.field).embed = "author_slug"];
  repeated Genre genres = 9 [(storegate.v1.field) = { embed: "BookGenre.book_id" via: "BookGenre" }];
  google.protobuf.Timestamp delete_time = 14;
  string etag = 15;
}

message Inner {
  string text = 1;
  double weight = 2;
  google.protobuf.Timestamp time = 3;
  google.protobuf.Duration took = 4;
  bytes data = 5;
  repeated string words = 6;
  map<string, int64> counts = 7;
  float ratio = 8;
  Kind kind = 9;
  optional bool flag = 10;
}

message Note {
  option (storegate.v1.entity) = {};
  string id = 1;
  google.protobuf.Struct data = 2;
  map<string, string> labels = 3;
  map<int32, string> by_number = 4;
  repeated string tags = 5;
  repeated int64 numbers = 6;
  repeated double weights = 7;
  repeated bytes blobs = 8;
  repeated Kind kinds = 9;
  repeated google.protobuf.Timestamp times = 10;
  repeated bool flags = 11;
  Inner inner = 12;
  google.protobuf.Value value = 13;
  repeated float ratios = 14;
  string etag = 15;
  repeated google.protobuf.Duration durations = 16;
  optional double weight = 17;
  bytes key = 18 [(storegate.v1.field) = { max_len: 16 unique: ALL }];
}

message Genre {
  option (storegate.v1.entity) = {};
  string id = 1;
  string name = 2;
  repeated Book books = 3 [(storegate.v1.field) = { embed: "BookGenre.genre_id" via: "BookGenre" }];
  google.protobuf.Timestamp delete_time = 14;
}

message BookGenre {
  option (storegate.v1.entity) = {};
  string id = 1;
  optional int64 book_id = 2 [(storegate.v1.field).references = "Book.id"];
  optional string genre_id = 3 [(storegate.v1.field).references = "Genre.id"];
  google.protobuf.Timestamp delete_time = 14;
}

message Loan {
  option (storegate.v1.entity) = { index: { fields: "kind" fields: "fee" } };
  string id = 1 [(storegate.v1.field).format = UUID];
  optional string member_id = 2 [(storegate.v1.field).format = UUID];
  optional Kind kind = 3;
  optional bool late = 4;
  optional int32 days = 5;
  int64 fee = 6;
  optional uint32 pages = 7;
  optional float rating = 8;
  optional double weight = 9;
  optional string note = 10;
  google.protobuf.Int64Value points = 11;
  google.protobuf.Duration took = 12;
  google.protobuf.Timestamp time = 13;
  google.protobuf.Timestamp delete_time = 14;
  string etag = 15;
  bytes mark = 16;
  repeated string tags = 17;
  google.protobuf.Struct data = 18;
}

message CreateAuthorRequest { Author author = 1; }
message CreateBookRequest { Book book = 1; }
message CreateNoteRequest { Note note = 1; }
message CreateGenreRequest { Genre genre = 1; }
message CreateBookGenreRequest { BookGenre book_genre = 1; }
message CreateLoanRequest { Loan loan = 1; }
service AuthorStore { rpc CreateAuthor(CreateAuthorRequest) returns (Author); }
service BookStore { rpc CreateBook(CreateBookRequest) returns (Book); }
service NoteStore { rpc CreateNote(CreateNoteRequest) returns (Note); }
service GenreStore { rpc CreateGenre(CreateGenreRequest) returns (Genre); }
service BookGenreStore { rpc CreateBookGenre(CreateBookGenreRequest) returns (BookGenre); }

service LoanStore {
  rpc CreateLoan(CreateLoanRequest) returns (Loan);

  rpc GroupLoans(Empty) returns (GroupLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "kind" }
      compute: { count: true into: "count" }
      compute: { sum: "days" into: "days" }
      compute: { sum: "fee" into: "fee" }
      compute: { sum: "pages" into: "pages" }
      compute: { sum: "points" into: "points" }
      compute: { sum: "rating" into: "rating" }
      compute: { sum: "weight" into: "weight" }
      compute: { sum: "took" into: "took" }
      compute: { avg: "days" into: "average_days" }
      compute: { avg: "fee" into: "average_fee" }
      compute: { avg: "weight" into: "average_weight" }
      compute: { min: "late" into: "min_late" }
      compute: { max: "late" into: "max_late" }
      compute: { min: "note" into: "min_note" }
      compute: { max: "note" into: "max_note" }
      compute: { max: "member_id" into: "max_member" }
      compute: { min: "points" into: "min_points" }
      compute: { max: "took" into: "max_took" }
      compute: { min: "time" into: "first" }
      compute: { max: "time" into: "last" }
      compute: { max: "weight" into: "max_weight" }
      compute: { distinct: "note" into: "notes" }
      compute: { distinct: "member_id" into: "members" }
    };
  }
  rpc TotalLoans(Empty) returns (TotalLoansResponse) {
    option (storegate.v1.aggregate) = {
      compute: { count: true into: "count" }
      compute: { sum: "fee" into: "fee" }
      compute: { avg: "fee" into: "average_fee" }
      compute: { sum: "weight" into: "weight" }
      compute: { avg: "weight" into: "average_weight" }
      compute: { max: "kind" into: "kind" }
      compute: { sum: "points" into: "points" }
    };
  }
  rpc SortLoans(Empty) returns (SortLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "member_id" }
      group_by: { field: "late" }
      group_by: { field: "points" }
      group_by: { field: "weight" }
      group_by: { field: "took" }
      group_by: { field: "time" }
      group_by: { field: "note" }
    };
  }
  // Fields named as columns that they are not filled from.
  rpc CrossLoans(Empty) returns (CrossLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "days" into: "fee" }
      group_by: { field: "note" into: "kind" }
      compute: { sum: "fee" into: "days" }
      compute: { max: "days" into: "pages" }
    };
  }
  rpc TimeLoans(Empty) returns (TimeLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { year: "time" into: "year" }
      group_by: { month: "time" into: "month" }
      group_by: { day: "time" into: "day" }
      group_by: { hour: "time" into: "hour" }
      compute: { count: true into: "count" }
    };
  }
  rpc NativeLoans(NativeLoansRequest) returns (NativeLoansResponse) {
    option (storegate.v1.native) = { postgres: "SELECT 1" sqlite: "SELECT 1" mongodb: "[]" };
  }
}

message Empty {}
// All optional: a zero is seen in the text of a row.
message GroupLoansResponse {
  message Group {
    optional Kind kind = 1;
    optional int32 count = 2;
    optional int64 days = 3;
    optional int64 fee = 4;
    optional int64 pages = 5;
    optional int64 points = 6;
    optional double rating = 7;
    google.protobuf.DoubleValue weight = 8;
    google.protobuf.Duration took = 9;
    optional double average_days = 10;
    optional double average_fee = 11;
    optional double average_weight = 12;
    optional bool min_late = 13;
    optional bool max_late = 14;
    optional string min_note = 15;
    google.protobuf.StringValue max_note = 16;
    optional string max_member = 17;
    optional int64 min_points = 18;
    google.protobuf.Duration max_took = 19;
    google.protobuf.Timestamp first = 20;
    google.protobuf.Timestamp last = 21;
    optional double max_weight = 22;
    optional int32 notes = 23;
    optional int64 members = 24;
  }
  repeated Group groups = 1;
}
message TotalLoansResponse {
  message Total {
    optional int64 count = 1;
    optional int64 fee = 2;
    optional double average_fee = 3;
    optional double weight = 4;
    optional double average_weight = 5;
    optional Kind kind = 6;
    optional int64 points = 7;
  }
  repeated Total totals = 1;
}
message SortLoansResponse {
  message Group {
    optional string member_id = 1;
    optional bool late = 2;
    google.protobuf.Int64Value points = 3;
    optional double weight = 4;
    google.protobuf.Duration took = 5;
    google.protobuf.Timestamp time = 6;
    optional string note = 7;
  }
  repeated Group groups = 1;
}
message CrossLoansResponse {
  message Group {
    optional int32 fee = 1;
    optional string kind = 2;
    optional int64 days = 3;
    optional int32 pages = 4;
  }
  repeated Group groups = 1;
}
message TimeLoansResponse {
  message Time {
    optional string year = 1;
    optional string month = 2;
    optional string day = 3;
    optional string hour = 4;
    optional int64 count = 5;
  }
  repeated Time times = 1;
}
message NativeLoansRequest {
  optional string text = 1;
  optional int32 number = 2;
  google.protobuf.Timestamp time = 3;
  repeated string texts = 4;
  repeated int64 numbers = 5;
  optional bool flag = 6;
  bytes data = 7;
  optional double real = 8;
  google.protobuf.Duration took = 9;
  Kind kind = 10;
  repeated google.protobuf.Timestamp times = 11;
  repeated double reals = 12;
  repeated bytes datas = 13;
  repeated bool flags = 14;
}
message NativeLoansResponse {
  message Row {
    optional string text = 1;
    optional int32 number = 2;
    google.protobuf.Timestamp time = 3;
    optional bool flag = 4;
    bytes data = 5;
    optional double real = 6;
    google.protobuf.Duration took = 7;
    Kind kind = 8;
    int64 large = 9;
    repeated string tags = 10;
    google.protobuf.Struct struct = 11;
    google.protobuf.Int64Value wrapped = 12;
    string missing = 13;
  }
  repeated Row rows = 1;
}
)";

}  // namespace storegate::test
