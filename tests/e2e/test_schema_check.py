"""`storegate schema check --against`: what a change of protos breaks, told apart, for CI."""

import json
import subprocess

import pytest

from gateway import ROOT, run, serving

HEADER = 'syntax = "proto3";\npackage library.v1;\nimport "storegate/v1/schema.proto";\n'
BEFORE = HEADER + """message Book {
  option (storegate.v1.entity) = {};
  string id = 1;
  string title = 2;
  int32 pages = 3;
}
"""
# An API break (a field renamed, kept in its column), on line 7; a widening that breaks nothing.
RENAMED = BEFORE.replace('string title = 2;', 'string name = 2 [(storegate.v1.field).column = "title"];').replace("int32", "int64")
# Breaks both.
RETYPED = BEFORE.replace("string title", "int32 title")


def folder(root, name, text):
    path = root / name
    path.mkdir()
    (path / "library.proto").write_text(text)
    return str(path)


@pytest.fixture
def before(tmp_path):
    return folder(tmp_path, "before", BEFORE)


def check(proto, against, *flags):
    return run("schema", "check", "--proto", proto, "--against", against, *flags)


def test_the_same_schema_breaks_nothing(before):
    ended = check(before, before)
    assert ended.returncode == 0 and "nothing breaks" in ended.stdout, ended


def test_api_and_data_are_told_apart_with_file_and_line(before, tmp_path):
    ended = check(folder(tmp_path, "renamed", RENAMED), before)
    assert ended.returncode == 1, ended
    assert "1 change breaks callers:" in ended.stdout and "rows" not in ended.stdout
    assert "library.proto:7:3: library.v1.Book.name:" in ended.stdout
    ended = check(folder(tmp_path, "retyped", RETYPED), before)
    assert ended.returncode == 1, ended
    assert "breaks callers" in ended.stdout and "breaks rows that are there" in ended.stdout


def test_one_kind_may_be_let_pass(before, tmp_path):
    renamed, retyped = folder(tmp_path, "renamed", RENAMED), folder(tmp_path, "retyped", RETYPED)
    assert check(renamed, before, "--allow", "api").returncode == 0
    assert check(renamed, before, "--allow", "data").returncode == 1
    assert check(retyped, before, "--allow", "api").returncode == 1
    assert check(retyped, before, "--allow", "api", "--allow", "data").returncode == 0


def test_json_is_for_machines(before, tmp_path):
    ended = check(folder(tmp_path, "retyped", RETYPED), before, "--json")
    assert ended.returncode == 1, ended
    said = json.loads(ended.stdout)
    assert said["compatible"] is False
    assert [each["rule"] for each in said["api"]] == ["TYPE_CHANGED"]
    assert said["data"][0]["table"] == "books" and said["data"][0]["table_column"] == "title"
    assert (said["data"][0]["file"], said["data"][0]["line"]) == ("library.proto", 7)
    ended = check(before, before, "--json")
    assert json.loads(ended.stdout) == {"compatible": True, "api": [], "data": []}


def test_against_a_descriptor_set(before, tmp_path):
    made = tmp_path / "before.binpb"
    subprocess.run(["protoc", f"-I{before}", f"-I{ROOT / 'proto'}", "--include_imports", f"--descriptor_set_out={made}",
                    f"{before}/library.proto"], check=True)
    assert check(before, str(made)).returncode == 0
    assert check(folder(tmp_path, "retyped", RETYPED), str(made)).returncode == 1


def test_against_a_snapshot_in_text(before, tmp_path):
    text = tmp_path / "schema.textproto"
    text.write_text('file { name: "library.proto" package: "library.v1" syntax: "proto3" dependency: "storegate/v1/schema.proto" '
                    'message_type { name: "Book" options { [storegate.v1.entity] {} } '
                    'field { name: "id" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } '
                    'field { name: "title" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING } '
                    'field { name: "pages" number: 3 label: LABEL_OPTIONAL type: TYPE_INT32 } } }')
    assert check(before, str(text)).returncode == 0
    assert check(folder(tmp_path, "retyped", RETYPED), str(text)).returncode == 1
    text.write_text("file { name: 5 }")
    ended = check(before, str(text))
    assert ended.returncode == 2 and "schema.textproto:1" in ended.stderr, ended
    text.write_text("file { " * 100000)
    assert check(before, str(text)).returncode == 2


def test_what_cannot_be_compared_with_is_said(before, tmp_path):
    for against, part in ((f"{tmp_path}/none", "none"), (f"sqlite:{tmp_path}/none.db", "no such file")):
        ended = check(before, against)
        assert ended.returncode == 2 and part in ended.stderr, ended
    assert not (tmp_path / "none.db").exists()
    assert run("schema", "check", "--json").returncode == 2
    assert check(before, before, "--allow", "all").returncode == 2


def test_mistakes_of_the_schema_are_reported_as_ever(before, tmp_path):
    ended = check(folder(tmp_path, "wrong", BEFORE.replace("string id", "bool id")), before)
    assert ended.returncode == 1 and "library.proto:6:3" in ended.stderr, ended


def test_against_the_schema_that_a_database_keeps(any_database, tmp_path):
    with serving(tmp_path, database=any_database):
        pass
    assert run("schema", "check", "--against", any_database).returncode == 0
    other = folder(tmp_path, "other", BEFORE)
    ended = run("schema", "check", "--proto", other, "--against", any_database, "--json")
    assert ended.returncode == 1, ended
    assert any(each["rule"] == "ENTITY_REMOVED" for each in json.loads(ended.stdout)["data"])
