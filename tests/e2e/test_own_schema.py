"""A schema that is not the shop, served from source protos by the same binary."""

import json
import subprocess

import pytest

from gateway import ROOT, Client, fails, run, serving

ORG = str(ROOT / "tests" / "protos" / "org")
TYPES = str(ROOT / "tests" / "protos" / "types")


@pytest.fixture
def org(tmp_path):
    with serving(tmp_path, "--proto", ORG, "--create-tables") as server:
        client = Client(server.address)
        yield client
        client.close()


def test_an_organization_with_members(org):
    made = org.call("org.v1.OrganizationStore/CreateOrganization", {"organization": {"name": "Acme", "handle": "ACME"}})
    assert made["handle"] == "acme"
    assert org.call("org.v1.OrganizationStore/GetOrganization", {"handle": "Acme"}) == made
    member = {"organization_id": made["id"], "email": "a@example.com", "role": "ROLE_ADMIN"}
    first = org.call("org.v1.MemberStore/CreateMember", {"member": member})
    failure = fails(lambda: org.call("org.v1.MemberStore/CreateMember", {"member": {**member, "email": "A@Example.com"}}),
                    "ALREADY_EXISTS", "UNIQUE_VIOLATION")
    assert failure.metadata["fields"] == "organization_id,email"
    found = org.call("org.v1.MemberStore/GetMember", {"organization_id": made["id"], "email": "A@EXAMPLE.com"})
    assert found == first
    fails(lambda: org.call("org.v1.MemberStore/GetMember", {"organization_id": made["id"]}),
          "INVALID_ARGUMENT", "KEY_REQUIRED")
    fails(lambda: org.call("org.v1.OrganizationStore/DeleteOrganization", {"id": made["id"]}),
          "FAILED_PRECONDITION", "RECORD_REFERENCED")
    assert org.call("org.v1.MemberStore/DeleteMember", {"id": first["id"]}) == {}
    org.call("org.v1.OrganizationStore/DeleteOrganization", {"id": made["id"]})
    again = org.call("org.v1.OrganizationStore/CreateOrganization", {"organization": {"name": "Acme 2", "handle": "acme"}})
    assert again["id"] != made["id"]


def test_an_employee_manages_others(org):
    made = org.call("org.v1.OrganizationStore/CreateOrganization", {"organization": {"name": "Acme", "handle": "acme"}})
    boss = {"id": "Boss", "organization_id": made["id"], "badge": 1, "name": "B"}
    org.call("org.v1.EmployeeStore/BatchCreateEmployees", {"requests": [
        {"employee": boss}, {"employee": {**boss, "id": "boss", "badge": 2, "manager_id": "Boss"}}]})
    assert org.call("org.v1.EmployeeStore/GetEmployee", {"id": "boss"})["manager_id"] == "Boss"
    fails(lambda: org.call("org.v1.EmployeeStore/DeleteEmployee", {"id": "Boss"}), "FAILED_PRECONDITION", "RECORD_REFERENCED")
    fails(lambda: org.call("org.v1.EmployeeStore/CreateEmployee", {"employee": {**boss, "id": "x", "badge": 3, "manager_id": "y"}}),
          "FAILED_PRECONDITION", "REFERENCE_NOT_FOUND")


def test_data_outlives_the_server(tmp_path):
    for start in range(2):
        with serving(tmp_path, "--proto", ORG, "--create-tables") as server:
            client = Client(server.address)
            if start == 0:
                made = client.call("org.v1.OrganizationStore/CreateOrganization",
                                   {"organization": {"name": "Acme", "handle": "acme"}})
            assert client.call("org.v1.OrganizationStore/GetOrganization", {"id": made["id"]}) == made
            client.close()


def test_tables_that_are_missing_are_named(tmp_path):
    ended = run("serve", "--listen", "127.0.0.1:0", "--proto", ORG, "--database", f"main=sqlite:{tmp_path}/empty.db")
    assert ended.returncode == 1
    assert "organizations" in ended.stderr and "--create-tables" in ended.stderr


def test_seed_works_for_any_schema(tmp_path):
    lines = [{"entity": "Organization", "record": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": "Acme", "handle": "acme"}},
             {"entity": "org.v1.Member", "record": {"id": "01890a5d-ac96-774b-bcce-b302099a8058", "role": "ROLE_GUEST",
                                                    "organization_id": "01890a5d-ac96-774b-bcce-b302099a8057", "email": "a@example.com"}}]
    (tmp_path / "seed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    flags = ("--proto", ORG, "--create-tables", "--database", f"main=sqlite:{tmp_path}/storegate.db")
    for loaded in ("loaded 2", "loaded 0"):
        ended = run("seed", str(tmp_path / "seed.jsonl"), *flags)
        assert ended.returncode == 0 and loaded in ended.stdout + ended.stderr, ended
    (tmp_path / "bad.jsonl").write_text('{"entity": "Organization", "record": {"nme": "x"}}\n')
    ended = run("seed", str(tmp_path / "bad.jsonl"), *flags)
    assert ended.returncode == 1 and "bad.jsonl:1" in ended.stderr and "nme" in ended.stderr


def test_a_descriptor_set_serves_as_well(tmp_path):
    path = tmp_path / "types.binpb"
    subprocess.run(["protoc", "-I", TYPES, "-I", str(ROOT / "proto"), "--include_imports", "--include_source_info",
                    f"--descriptor_set_out={path}", f"{TYPES}/types.proto"], check=True, timeout=60)
    with serving(tmp_path, "--descriptor-set", str(path), "--create-tables") as server:
        client = Client(server.address)
        assert client.health() == "SERVING"
        client.close()


def test_mistakes_in_a_schema_are_named_all_at_once(tmp_path):
    (tmp_path / "bad.proto").write_text("""syntax = "proto3";
package bad.v1;
import "storegate/v1/schema.proto";
message Note {
  option (storegate.v1.entity) = { index: { fields: "titel" } };
  string id = 1;
  uint64 size = 2;
  string author = 3 [(storegate.v1.field).references = "Author.id"];
}
service NoteStore {
  rpc FrobnicateNote(Note) returns (Note);
}
""")
    ended = run("schema", "check", "--proto", str(tmp_path))
    assert ended.returncode == 1
    for place, word in (("bad.proto:5", "titel"), ("bad.proto:7", "uint64"), ("bad.proto:8", "Author"), ("bad.proto:11", "FrobnicateNote")):
        assert any(place in line and word in line for line in ended.stderr.splitlines()), (place, ended.stderr)


def test_the_schema_of_the_readme(tmp_path):
    """What README shows as a schema of one's own is served as it stands there."""
    text = (ROOT / "README.md").read_text()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.proto").write_text(text.split("```proto\n")[1].split("```")[0])
    with serving(tmp_path, "--proto", "notes", "--create-tables") as server:
        client = Client(server.address)
        made = client.call("notes.v1.NoteStore/CreateNote", {"note": {"title": "Groceries", "tags": ["home"]}})
        answer = client.call("notes.v1.NoteStore/ListNotes", {"search": "GROC", "tags": ["home", "work"]})
        assert answer["notes"] == [made]
        fails(lambda: client.call("notes.v1.NoteStore/CreateNote", {"note": {}}), "INVALID_ARGUMENT", "INVALID_FIELD")
        client.close()
