"""Two versions of a schema, and a folder of migrations that leads from one to the other."""

import json

from gateway import run

HEAD = """syntax = "proto3";
package notes.v1;
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";
"""
STORE = """
service NoteStore {
  rpc CreateNote(CreateNoteRequest) returns (Note);
  rpc BatchCreateNotes(BatchCreateNotesRequest) returns (BatchCreateNotesResponse);
  rpc GetNote(GetNoteRequest) returns (Note);
  rpc UpdateNote(UpdateNoteRequest) returns (Note);
  rpc ListNotes(ListNotesRequest) returns (ListNotesResponse);
}
message CreateNoteRequest { Note note = 1; }
message BatchCreateNotesRequest { repeated CreateNoteRequest requests = 1; bool allow_partial = 2; }
message BatchCreateNotesResponse { repeated Note notes = 1; map<int32, google.rpc.Status> failed_requests = 2; }
message GetNoteRequest { string id = 1; }
message UpdateNoteRequest { Note note = 1; google.protobuf.FieldMask update_mask = 2; }
message ListNotesResponse { repeated Note notes = 1; string next_page_token = 2; }
"""
FIRST = HEAD + """import "google/protobuf/field_mask.proto";
import "google/rpc/status.proto";
message Note {
  string id = 1;
  string title = 2 [(storegate.v1.field) = { max_len: 200 }];
  int64 pages = 3;
  google.protobuf.Timestamp create_time = 4;
  string etag = 5;
}
message ListNotesRequest { int32 page_size = 1; string page_token = 2; }
""" + STORE
# A plain field, an optional one, a search and an index more.
SECOND = HEAD + """import "google/protobuf/field_mask.proto";
import "google/rpc/status.proto";
message Note {
  option (storegate.v1.entity) = { index: { fields: "pages" } };
  string id = 1;
  string title = 2 [(storegate.v1.field) = { max_len: 200 searchable: true }];
  int64 pages = 3;
  google.protobuf.Timestamp create_time = 4;
  string etag = 5;
  string colour = 6 [(storegate.v1.field) = { max_len: 20 }];
  optional string kind = 7 [(storegate.v1.field) = { max_len: 20 default: "plain" }];
}
message ListNotesRequest { int32 page_size = 1; string page_token = 2; string search = 3; }
""" + STORE

CREATE = "notes.v1.NoteStore/CreateNote"
GET = "notes.v1.NoteStore/GetNote"
LIST = "notes.v1.NoteStore/ListNotes"
UPDATE = "notes.v1.NoteStore/UpdateNote"
BATCH = "notes.v1.NoteStore/BatchCreateNotes"


class Versions:
    """Folders first/ and second/ of protos, and one of migrations."""

    def __init__(self, folder):
        self.folder = folder
        for name, text in (("first", FIRST), ("second", SECOND)):
            (folder / name / "notes").mkdir(parents=True)
            (folder / name / "notes" / "notes.proto").write_text(text)

    def flags(self, version):
        return ["--proto", str(self.folder / version), "--migrations", str(self.folder / "migrations")]

    def migrate(self, database, verb, *arguments, version="second", code=0):
        ended = run("migrate", verb, *arguments, *self.flags(version), "--database", f"main={database}")
        assert ended.returncode == code, ended
        return ended

    def json(self, database, verb, *arguments, **options):
        """What it says of the one database."""
        return json.loads(self.migrate(database, verb, "--json", *arguments, **options).stdout)["databases"][0]

    def generate(self, name, version, *arguments, code=0):
        ended = run("migrate", "generate", name, *self.flags(version), *arguments)
        assert ended.returncode == code, ended
        return ended


def notes(count, prefix="note"):
    return {"requests": [{"note": {"title": f"{prefix.title()} {i}", "pages": i}} for i in range(count)], "allow_partial": True}
