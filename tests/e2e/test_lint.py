"""What a change of the protos breaks, each caught by name: `buf lint`, `buf breaking`, and
`storegate schema check` for what rows and callers of before would suffer."""

import dataclasses
import re
import shutil
import subprocess

import pytest

from gateway import ROOT, run

PRODUCT, ORDER, CATEGORY = (
    f"shop/v1/{name}_store.proto" for name in ("product", "order", "category")
)


@dataclasses.dataclass
class Broken:
    """An edit of a file, and what each check says of it; None: nothing."""

    file: str
    old: str
    new: str
    lint: str | None = None
    breaking: str | None = None
    schema: str | None = None


CASES = {
    "field removed": Broken(
        PRODUCT,
        r"  string short_description = 3 .*\n",
        "",
        breaking='field "3" with name "short_description" on message "Product" was deleted',
        schema="shop.v1.Product.short_description: the field was removed",
    ),
    "number reused": Broken(
        PRODUCT,
        r"string short_description = 3 .*;",
        "int64 weight_grams = 3;",
        breaking='"Product" changed name from "short_description" to "weight_grams"',
        schema="shop.v1.Product.weight_grams: number 3 was that of short_description",
    ),
    "type changed": Broken(
        PRODUCT,
        "int64 price_cents = 5",
        "int32 price_cents = 5",
        breaking='"price_cents" on message "Product" changed type from "int64" to "int32"',
        schema="shop.v1.Product.price_cents: the type was int64 and is int32",
    ),
    "enum value removed": Broken(
        ORDER,
        r"    FAILED = 3;\n",
        "",
        breaking='enum value "3" on enum "Status" was deleted',
        schema="shop.v1.Order.Status.FAILED: the value was removed",
    ),
    # Wire and generated code stay as they were, so that buf has nothing to say.
    "required field added": Broken(
        CATEGORY,
        r"  string etag = 8;\n",
        "  string etag = 8;\n"
        "  string colour = 9 [(storegate.v1.field) = { required: true max_len: 20 }];\n",
        schema="shop.v1.Category.colour: the field is new and required",
    ),
    "rule tightened": Broken(
        CATEGORY,
        "required: true max_len: 200 unique",
        "required: true max_len: 20 unique",
        schema="shop.v1.Category.name: ",
    ),
    "service that is no store": Broken(
        CATEGORY,
        "service CategoryStore",
        "service CategoryKeeper",
        lint='Service name "CategoryKeeper" should be suffixed with "Store"',
        breaking='service "CategoryStore" was deleted',
        schema="service CategoryKeeper is no store: its name does not end in Store",
    ),
    "request of another name": Broken(
        CATEGORY,
        r"\bGetCategoryRequest\b",
        "FindCategory",
        lint='RPC request type "FindCategory" should be named "GetCategoryRequest"',
        breaking='message "GetCategoryRequest" was deleted',
        schema="shop.v1.GetCategoryRequest: the message was removed",
    ),
}
UNVERSIONED = 'syntax = "proto3";\npackage stock;\nmessage Shelf {\n  string id = 1;\n}\n'


def copied(folder):
    """proto/ as it is here, in a folder with buf.yaml."""
    folder.mkdir()
    shutil.copytree(ROOT / "proto", folder / "proto")
    shutil.copy(ROOT / "buf.yaml", folder)
    return folder


@pytest.fixture
def before(tmp_path):
    return copied(tmp_path / "before")


@pytest.fixture
def after(tmp_path):
    return copied(tmp_path / "after")


def edit(path, old, new):
    text, count = re.subn(old, new, path.read_text())
    assert count, f"{path} has no {old}"
    path.write_text(text)


def ended(command, cwd):
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def verdicts(buf, before, after):
    """What each check says, by its name: (exit code, output)."""
    checked = run(
        "schema", "check", "--proto", str(after / "proto"), "--against", str(before / "proto")
    )
    return {
        "lint": ended([buf, "lint"], after),
        "breaking": ended([buf, "breaking", "--against", before / "proto"], after),
        "schema": (checked.returncode, checked.stdout + checked.stderr),
    }


@pytest.mark.parametrize("name", CASES)
def test_what_breaks_is_caught(buf, before, after, name):
    case = CASES[name]
    edit(after / "proto" / case.file, case.old, case.new)
    for check, (code, said) in verdicts(buf, before, after).items():
        expected = getattr(case, check)
        if expected is None:
            assert code == 0, (check, said)
            continue
        assert code != 0, f"{check} let it pass"
        assert re.search(rf"{case.file}:\d+:\d+:.*{re.escape(expected)}", said), (check, said)


def test_a_package_without_a_version_is_caught(buf, before, after):
    (after / "proto" / "stock").mkdir()
    (after / "proto" / "stock" / "shelf.proto").write_text(UNVERSIONED)
    code, said = verdicts(buf, before, after)["lint"]
    assert (
        code != 0 and 'stock/shelf.proto:2:1:Package name "stock" should be suffixed' in said
    ), said


def test_what_breaks_nothing_passes(buf, before, after):
    edit(
        after / "proto" / CATEGORY,
        "  string etag = 8;\n",
        "  string etag = 8;\n  optional string colour = 9;\n",
    )
    for check, (code, said) in verdicts(buf, before, after).items():
        assert code == 0, (check, said)


@pytest.fixture
def repository(buf, tmp_path):
    """What `./dev lint` looks at, copied, and the buf that is installed here."""
    folder = tmp_path / "repository"
    shutil.copytree(
        ROOT,
        folder,
        ignore=shutil.ignore_patterns("build*", ".git", "fuzz", "node_modules", "__pycache__"),
    )
    (folder / "build").mkdir()
    (folder / "build" / "node").symlink_to(buf.parents[2], target_is_directory=True)
    return folder


def test_dev_lint_fails_by_each_of_its_checks(repository):
    code, said = ended(["./dev", "lint"], repository)
    assert code == 0, said
    edit(repository / "proto" / ORDER, r"    FAILED = 3;\n", "")
    code, said = ended(["./dev", "lint"], repository)
    assert code != 0 and 'enum value "3" on enum "Status" was deleted' in said, said
    # At a release it becomes what was promised.
    assert ended(["./dev", "release-protos"], repository)[0] == 0
    code, said = ended(["./dev", "lint"], repository)
    assert code == 0, said
    edit(repository / "proto" / ORDER, "  rpc GetOrder\\(", "  rpc getOrder(")
    code, said = ended(["./dev", "lint"], repository)
    assert (
        code != 0
        and '"getOrder" should be PascalCase' in said
        and '"GetOrder" on service "OrderStore" was deleted' in said
    ), said
