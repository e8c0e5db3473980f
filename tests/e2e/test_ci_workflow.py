"""docs/ci: the workflow for users' repositories, its commands run as a runner runs them."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from gateway import BUILD, ROOT, run

CI = ROOT / "docs" / "ci"
PROTO = "proto/notes/v1/note_store.proto"
NOTES = """syntax = "proto3";

package notes.v1;

import "storegate/v1/schema.proto";

message Note {
  option (storegate.v1.entity) = {};

  string id = 1;
  string title = 2 [(storegate.v1.field) = { max_len: 200 }];
  int64 pages = 3;
}

service NoteStore {
  rpc GetNote(GetNoteRequest) returns (Note);
  rpc CreateNote(CreateNoteRequest) returns (Note);
  rpc ListNotes(ListNotesRequest) returns (ListNotesResponse);
}

message GetNoteRequest {
  string id = 1;
}

message CreateNoteRequest {
  Note note = 1;
}

message ListNotesRequest {
  int32 page_size = 1;
  string page_token = 2;
  int64 pages = 3;
}

message ListNotesResponse {
  repeated Note notes = 1;
  string next_page_token = 2;
}
"""
STYLE, BREAKS, MISTAKES = (
    "Style",
    "What breaks generated code and the wire",
    "Mistakes in the schema",
)
ROWS, WRITTEN, LEAD = (
    "What breaks callers and rows",
    "Migrations are written",
    "Migrations lead from nothing to the schema",
)


def workflow(text=None):
    return yaml.safe_load(text or (CI / "storegate.yml").read_text())


def steps(document):
    """(job, step) of every command that can run here: all but what installs buf."""
    return [
        (job, step)
        for job in document["jobs"].values()
        for step in job["steps"]
        if "run" in step and step["name"] != "Install buf"
    ]


class Repository:
    """A user's: main with a first migration, and the pull request that a test writes."""

    def __init__(self, folder, buf):
        self.folder, self.temp = folder / "workspace", folder / "temp"
        self.path = f"{buf.parent}:{BUILD}:{os.environ['PATH']}"
        for path in (self.folder / PROTO).parent, self.folder / "third_party":
            path.mkdir(parents=True)
        shutil.copy(CI / "buf.yaml", self.folder)
        shutil.copytree(
            ROOT / "proto" / "storegate", self.folder / "third_party" / "proto" / "storegate"
        )
        (self.folder / PROTO).write_text(NOTES)
        # A database that nobody reaches from here.
        (self.folder / "storegate.yaml").write_text(
            "proto: proto\n"
            "databases: {main: 'sqlite:notes.db', mongo: 'mongodb://127.0.0.1:1/notes'}\n"
            "routes: {notes.v1.NoteStore: mongo}\n"
        )
        self.generate("create_notes")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git(
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.com",
            "commit",
            "--quiet",
            "-m",
            "First",
        )
        self.git("worktree", "add", "--quiet", "--detach", "base", "main")

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.folder, check=True, timeout=60)

    def edit(self, old, new, file=PROTO):
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def generate(self, name, *flags):
        ended = run("migrate", "generate", name, "--proto", "proto", *flags, cwd=self.folder)
        assert ended.returncode == 0, ended

    def check(self, document=None):
        """What failed, step → output. Each step runs whatever those before it found."""
        shutil.rmtree(self.temp, ignore_errors=True)
        self.temp.mkdir()
        failed = {}
        for job, step in steps(document or workflow()):
            # As GitHub's documentation of `shell` has it.
            strict = job.get("defaults", {}).get("run", {}).get("shell") == "bash"
            shell = (
                ["bash", "--noprofile", "--norc", "-eo", "pipefail"] if strict else ["bash", "-e"]
            )
            ended = subprocess.run(
                [*shell, "-c", step["run"]],
                cwd=self.folder,
                text=True,
                timeout=300,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": self.path, "RUNNER_TEMP": str(self.temp)},
            )
            if ended.returncode:
                failed[step["name"]] = ended.stdout
        return failed


@pytest.fixture
def repository(tmp_path, buf):
    return Repository(tmp_path, buf)


def test_its_shape():
    document = workflow()
    # YAML 1.1 reads the key "on" as true.
    assert document[True]["pull_request"]["types"] == [
        "opened",
        "synchronize",
        "reopened",
        "labeled",
        "unlabeled",
    ]
    assert document["permissions"] == {"contents": "read"}
    assert document["jobs"]["storegate"]["container"]["image"] == "${{ vars.STOREGATE_IMAGE }}"
    for job in document["jobs"].values():
        assert job["runs-on"] and all(("uses" in step) != ("run" in step) for step in job["steps"])
        assert sum(step.get("with", {}).get("path") == "base" for step in job["steps"]) == 1
    assert [step["name"] for _, step in steps(document)] == [
        STYLE,
        BREAKS,
        MISTAKES,
        ROWS,
        WRITTEN,
        LEAD,
    ]
    # A label lets pass what compares with what was before, and nothing else.
    assert [step["name"] for _, step in steps(document) if "'breaking'" in step.get("if", "")] == [
        BREAKS,
        ROWS,
    ]
    pinned = json.loads((ROOT / "tests" / "e2e" / "package.json").read_text())["devDependencies"][
        "@bufbuild/buf"
    ]
    assert f"@bufbuild/buf@{pinned}" in (CI / "storegate.yml").read_text()


def test_a_new_field_with_its_migration_passes(repository):
    repository.edit(
        "  int64 pages = 3;\n}\n\nservice",
        "  int64 pages = 3;\n  optional string language = 4;\n}\n\nservice",
    )
    repository.generate("add_language")
    assert repository.check() == {}


def test_a_migration_that_was_not_written_is_caught(repository):
    repository.edit(
        "  int64 pages = 3;\n}\n\nservice",
        "  int64 pages = 3;\n  optional string language = 4;\n}\n\nservice",
    )
    failed = repository.check()
    assert WRITTEN in failed and not {STYLE, BREAKS, MISTAKES, ROWS} & failed.keys(), failed
    assert 'ADD COLUMN "language"' in failed[WRITTEN] and "::error::write them" in failed[WRITTEN]


def test_a_type_that_changes_is_caught(repository):
    repository.edit("string title", "int64 title")
    repository.edit(" [(storegate.v1.field) = { max_len: 200 }]", "")
    failed = repository.check()
    assert {BREAKS, ROWS} <= failed.keys() and not {STYLE, MISTAKES} & failed.keys(), failed
    assert (
        f"{PROTO}:11:3" in failed[BREAKS]
        and "notes/v1/note_store.proto:11:3: notes.v1.Note.title" in failed[ROWS]
    )


def test_what_only_callers_and_rows_suffer_is_caught(repository):
    repository.edit("max_len: 200", "max_len: 20 required: true")
    failed = repository.check()
    assert ROWS in failed and not {STYLE, BREAKS, MISTAKES} & failed.keys(), failed


def test_style_and_mistakes_are_caught(repository):
    repository.edit("service NoteStore", "service Notes")
    failed = repository.check()
    assert {STYLE, MISTAKES} <= failed.keys(), failed
    assert 'Service name "Notes" should be suffixed with "Store"' in failed[STYLE]


def test_a_migration_that_leads_elsewhere_is_caught(repository):
    first = next((repository.folder / "migrations" / "sqlite").glob("*.up.sql"))
    repository.edit('"pages"', '"sheets"', first.relative_to(repository.folder))
    failed = repository.check()
    assert failed.keys() == {LEAD} and "lacks the column notes.pages" in failed[LEAD], failed


def test_the_step_that_is_left_to_the_user_runs(repository):
    text = re.sub(
        r"^( +)# (- name: Each| +run: storegate schema explain)",
        r"\1\2",
        (CI / "storegate.yml").read_text(),
        flags=re.M,
    )
    failed = repository.check(workflow(text))
    assert failed.keys() == {"Each declared query has an index"}, failed
    assert "pages" in failed["Each declared query has an index"]
    repository.edit(
        "option (storegate.v1.entity) = {};",
        'option (storegate.v1.entity) = { index: { fields: "pages" } };',
    )
    repository.generate("index_pages")
    assert repository.check(workflow(text)) == {}


def test_a_repository_without_migrations_is_told_to_write_them(repository):
    for folder in repository.folder, repository.folder / "base":
        shutil.rmtree(folder / "migrations")
    failed = repository.check()
    assert (
        WRITTEN in failed and ROWS not in failed and 'CREATE TABLE "notes"' in failed[WRITTEN]
    ), failed
