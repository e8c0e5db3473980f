// What the cases on FerretDB have in common: the server, and a schema that it can hold.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/schema/loader.h"
#include "tests/support/ferretdb_server.h"
#include "tests/support/schemas.h"

namespace storegate::test {

inline FerretdbServer& SharedFerretdb() {
  static auto* server = new FerretdbServer();
  return *server;
}

// The URL with something else in it. `from` is in it.
inline std::string With(std::string url, std::string_view from, std::string_view to) {
  const size_t at = url.find(from);
  EXPECT_NE(at, url.npos) << from << " is not in " << url;
  return at == url.npos ? url : url.replace(at, from.size(), to);
}

// One store that can do everything. No index has a condition, and none that is unique
// is of optional fields or of the living only: FerretDB has not all of these.
inline constexpr char kNotes[] = R"(
syntax = "proto3";
package notes.v1;
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";
import "google/rpc/status.proto";
import "storegate/v1/schema.proto";

message Note {
  option (storegate.v1.entity) = { index: { fields: "place desc" } };
  string id = 1 [(storegate.v1.field).max_len = 100];
  string title = 2 [(storegate.v1.field) = { required: true max_len: 100 searchable: true }];
  string slug = 3 [(storegate.v1.field) = {
    required: true immutable: true max_len: 50 unique: ALL
  }];
  int64 place = 4;
  optional string remark = 5 [(storegate.v1.field).max_len = 100000];
  repeated string tags = 6;
  map<string, int64> counts = 7;
  google.protobuf.Timestamp create_time = 12;
  google.protobuf.Timestamp update_time = 13;
  google.protobuf.Timestamp delete_time = 14;
  string etag = 15;
}

service NoteStore {
  rpc CreateNote(CreateNoteRequest) returns (Note);
  rpc BatchCreateNotes(BatchCreateNotesRequest) returns (BatchCreateNotesResponse);
  rpc GetNote(GetNoteRequest) returns (Note);
  rpc BatchGetNotes(BatchGetNotesRequest) returns (BatchGetNotesResponse);
  rpc ListNotes(ListNotesRequest) returns (ListNotesResponse);
  rpc UpdateNote(UpdateNoteRequest) returns (Note);
  rpc DeleteNote(DeleteNoteRequest) returns (Note);
  rpc UndeleteNote(UndeleteNoteRequest) returns (Note);
  rpc PurgeNote(PurgeNoteRequest) returns (google.protobuf.Empty);
  rpc CountRemarks(CountRemarksRequest) returns (CountRemarksResponse) {
    option (storegate.v1.aggregate) = {
      filter: "place >= $place_min"
      group_by: { field: "remark" }
      compute: { count: true into: "notes" }
      order_by: "notes desc"
    };
  }
  rpc SumPlaces(SumPlacesRequest) returns (SumPlacesResponse) {
    option (storegate.v1.aggregate) = { compute: { sum: "place" into: "place" } };
  }
  rpc RankPlaces(RankPlacesRequest) returns (RankPlacesResponse) {
    option (storegate.v1.aggregate) = {
      compute: { count: true into: "notes" }
      compute: { max: "place" into: "place" }
    };
  }
}

message CountRemarksRequest { optional int64 place_min = 1; }
message CountRemarksResponse {
  message Row { optional string remark = 1; int64 notes = 2; }
  repeated Row rows = 1;
}
message SumPlacesRequest {}
message SumPlacesResponse { message Row { int64 place = 1; } repeated Row rows = 1; }
message RankPlacesRequest {}
message RankPlacesResponse {
  message Row { int64 notes = 1; optional int64 place = 2; }
  repeated Row rows = 1;
}
message CreateNoteRequest { Note note = 1; }
message BatchCreateNotesRequest { repeated CreateNoteRequest requests = 1; bool allow_partial = 2; }
message BatchCreateNotesResponse {
  repeated Note notes = 1;
  map<int32, google.rpc.Status> failed_requests = 2;
}
message GetNoteRequest { string id = 1; string slug = 2; bool show_deleted = 4; }
message BatchGetNotesRequest { repeated string ids = 1; bool show_deleted = 2; }
message BatchGetNotesResponse { repeated Note notes = 1; repeated string missing_ids = 2; }
message ListNotesRequest {
  int32 page_size = 1;
  string page_token = 2;
  int32 skip = 3;
  string order_by = 6;
  bool show_deleted = 7;
  bool include_total_size = 8;
  int64 place_min = 10 [(storegate.v1.where) = "place >= $"];
  string search = 13;
}
message ListNotesResponse {
  repeated Note notes = 1;
  string next_page_token = 2;
  int64 total_size = 3;
}
message UpdateNoteRequest {
  Note note = 1;
  google.protobuf.FieldMask update_mask = 2;
  bool allow_missing = 3;
}
message DeleteNoteRequest { string id = 1; string etag = 2; bool allow_missing = 3; }
message UndeleteNoteRequest { string id = 1; string etag = 2; }
message PurgeNoteRequest { string id = 1; string etag = 2; bool allow_missing = 3; }
)";

inline const NamedSchema& Notes() {
  static const auto* named = [] {
    schema::LoadResult loaded = schema::LoadEmbedded({{"notes/v1/notes.proto", kNotes}});
    for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
      std::fprintf(stderr, "%s\n", diagnostic.ToString().c_str());
    }
    if (loaded.schema == nullptr) std::abort();
    return new NamedSchema{"notes", loaded.schema.release()};
  }();
  return *named;
}
inline const schema::Entity& Note() { return *Notes().schema->FindEntity("notes.v1.Note"); }

}  // namespace storegate::test
