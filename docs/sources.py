"""What the reference is made from, read out of the sources: configuration keys, options of
the schema language with their comments, reasons with their codes, constants.
"""

import collections
import dataclasses
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCALARS = {"string", "bool", "int32", "int64", "double"}
SCHEMA = ROOT / "proto" / "storegate" / "v1" / "schema.proto"


class Unreadable(Exception):
    """A source is not of the form that is read here."""


def config_keys(program):
    """The rows of server/cmd/config_keys.cc, as docs/print_config_keys.cc prints them."""
    return json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


def constant(place):
    """The number that "FILE:NAME" is set to."""
    file, _, name = place.partition(":")
    found = re.search(rf"\b{name}\s*[={{]\s*([^;}}/]+)", (ROOT / file).read_text())
    text = found.group(1).replace("'", "").strip() if found else ""
    if not re.fullmatch(r"[\d\s+*()<]+", text):
        raise Unreadable(f"{file} sets no {name} to a number")
    return eval(text, {"__builtins__": {}})  # digits and operators alone


# --- Reasons ---


def _server_sources():
    for path in sorted((ROOT / "server").rglob("*")):
        if path.suffix in (".cc", ".h"):
            yield path, path.read_text()


def _snake(code):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", code).upper()


# Where a status is made of a reason that was passed there: by Refused, by Missing, and with
# violations.
PASSED_ON = {
    "server/migrate/history.cc",
    "server/service/context.cc",
    "server/service/violations.cc",
}


def reasons():
    """reason → the codes that the server gives it with."""
    named = {}
    for _, text in _server_sources():
        named.update(re.findall(r'string_view (k\w+) = "([A-Z][A-Z0-9_]+)";', text))
    codes = collections.defaultdict(set)
    made = re.compile(
        r'\bStatus(?:\s+\w+)?\(\s*Code::k(\w+),\s*' r'(?:"([A-Z0-9_]+)"|reason::(k\w+)|(\w+))'
    )
    for path, text in _server_sources():
        file = str(path.relative_to(ROOT))
        for code, literal, constant_name, variable in made.findall(text):
            if variable and file not in PASSED_ON:
                raise Unreadable(
                    f"{file} makes a status of the reason `{variable}`, which "
                    "docs/sources.py does not know how to follow"
                )
            if not variable:
                codes[literal or named[constant_name]].add(_snake(code))
        for literal in re.findall(r'\bRefused\(\s*"([A-Z][A-Z0-9_]+)"', text):
            codes[literal].add("FAILED_PRECONDITION")
        # Of the service: given to Missing, or kept with a violation. Where one is only
        # compared with, nothing is answered.
        for found in re.finditer(r"\breason::(k\w+)", text):
            before = re.split(r"[;{}]", text[max(0, found.start() - 400) : found.start()])[-1]
            if re.search(r"[=!]=\s*$|Code::k\w+,\s*$", before):
                continue
            missing = re.search(r"\bMissing\(", before)
            codes[named[found.group(1)]].add("NOT_FOUND" if missing else "INVALID_ARGUMENT")
    return codes


def metadata_keys():
    """The keys that statuses are given, but for those that every one can have."""
    keys = set()
    for _, text in _server_sources():
        keys.update(re.findall(r'[.\s]With\("(\w+)"', text))
    return keys - {"violations_total"}


# --- The schema language ---


@dataclasses.dataclass
class Member:
    """A field or an enum's value; several that stand together and share a comment."""

    names: list
    types: list  # one for each name; "" of an enum's value
    comment: list
    oneof: str = ""


@dataclasses.dataclass
class Block:
    """A message, an enum, or an extension of descriptor.proto."""

    kind: str
    name: str
    comment: list
    members: list = dataclasses.field(default_factory=list)


def _alike(one, other):
    """Whether two fields can share a comment: each alone has a type that says something else."""
    return one == other or (one in SCALARS and other in SCALARS)


def schema_head():
    """The lines of the comment before `syntax`."""
    lines = SCHEMA.read_text().split("\nsyntax = ")[0].splitlines()
    return [line[2:].removeprefix(" ") for line in lines]


def schema_blocks():
    """The options, in order. A member that is a string is a heading among them."""
    blocks, comment, block, oneof, after = [], [], None, "", False
    for line in SCHEMA.read_text().split("\nsyntax = ")[1].splitlines()[1:]:
        text = line.strip()
        if text.startswith("//"):
            comment.append(text[2:].strip())
            continue
        opened = re.fullmatch(r"(message|enum|extend) ([\w.]+) \{", text)
        of_oneof = re.fullmatch(r"oneof (\w+) \{", text)
        member = re.fullmatch(r"((?:repeated |optional )?[\w.]+ )?(\w+) = (\d+);", text)
        if opened and block is None:
            block = Block(opened.group(1), opened.group(2), comment)
            blocks.append(block)
        elif of_oneof:
            oneof = of_oneof.group(1)
        elif member:
            kind = (member.group(1) or "").strip()
            last = block.members[-1] if block.members else None
            if after and not comment and isinstance(last, Member) and _alike(last.types[0], kind):
                last.names.append(member.group(2))
                last.types.append(kind)
            elif block.kind != "enum" or member.group(3) != "0":
                block.members.append(Member([member.group(2)], [kind], comment, oneof))
        elif text == "}":
            block, oneof = (block, "") if oneof else (None, "")
        elif len(comment) == 1 and re.fullmatch(r"--- .* ---", comment[0]) and block:
            block.members.append(comment[0].strip("- "))
        elif text and not re.match(r'package|import|option', text):
            raise Unreadable(f"{SCHEMA.name} has a line that docs/sources.py cannot read: {text}")
        # What shares a comment follows without a blank line.
        after = bool(member)
        comment = []
    return blocks
