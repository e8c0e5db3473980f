#!/usr/bin/env python3
"""Writes docs/reference from the sources and docs/parts.

    docs/generate.py            after ninja -C build print_config_keys
    docs/generate.py --check    fails where what is committed is not what it would write
"""

import argparse
import pathlib
import re
import sys
import textwrap
import tomllib

import sources

DOCS = pathlib.Path(__file__).resolve().parent
REASON = re.compile(r"[A-Z]+(_[A-Z0-9]+)+|INTERNAL|CANCELLED|CONFLICT|CONTENTION|STARTING")

STEPS = {
    "bytes": [(1 << 20, "MiB"), (1 << 10, "KiB")],
    "ms": [(3600_000, "h"), (60_000, "min"), (1000, "s")],
}


def read(name):
    return tomllib.loads((DOCS / "parts" / name).read_text())


def joined(text):
    """One line of a text that was wrapped."""
    return re.sub(r"\s*\n\s*", " ", text.strip())


def cell(text):
    return joined(text).replace("|", "\\|")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(each) for each in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def plain(text):
    """Text of a comment, in which only backquotes mean something to Markdown."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*$<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def number(value):
    return f"{value:,}"


def amount(value, unit):
    """4194304 bytes as "4 MiB", 30000 ms as "30 s"; what is not round stays as it is."""
    for size, name in STEPS.get(unit, []):
        if value >= size and value * 2 % size == 0:
            return f"{value / size:g} {name}"
    return f"{number(value)} {unit}" if unit else number(value)


# --- configuration.md ---

GROUPS = [
    ("", "The server"),
    ("pool.", "Connections to databases"),
    ("postgres.", "PostgreSQL"),
    ("mongodb.", "MongoDB"),
    ("limits.", "Limits"),
]


def unit_of(key):
    if key["name"].endswith("_ms"):
        return "ms"
    return "bytes" if key["name"].endswith("_bytes") else ""


def default_of(key):
    text, unit = key["default"], unit_of(key)
    if not text:
        return "off" if not key["value"] else "none"
    readable = amount(int(text), unit) if unit else ""
    short = readable and not readable.startswith(number(int(text)))
    return f"`{text}`" + (f" ({readable})" if short else "")


def allowed_of(key):
    text = re.sub(r"\d{4,}", lambda found: number(int(found.group())), key["allowed"])
    if re.fullmatch(r"(\w+, )*\w+ or \w+", text):
        return re.sub(r"\b(?!or\b)\w+", r"`\g<0>`", text)
    return text.removeprefix("a whole number from ")


def group_of(key):
    prefix, dot, _ = key["name"].rpartition(".")
    return prefix + dot


def configuration(keys):
    out = ""
    for prefix, title in GROUPS:
        rows = []
        for key in keys:
            if group_of(key) != prefix:
                continue
            flag = f"{key['flag']} {key['value']}".strip()
            names = f"`{key['name']}`<br>`{flag}`<br>`{key['variable']}`"
            meaning = f"{key['help']}." + (" Never shown." if key["secret"] else "")
            rows.append((names, allowed_of(key), default_of(key), meaning))
        head = ("Key, flag, variable", "Allowed", "Default", "Meaning")
        out += f"## {title}\n\n" + table(head, rows) + "\n"
    left = {group_of(key) for key in keys} - {prefix for prefix, _ in GROUPS}
    if left:
        raise sources.Unreadable(f"GROUPS lacks {', '.join(sorted(left))}")
    return out


# --- errors.md ---


def errors():
    codes, described, metadata = sources.reasons(), set(), set()
    out = ""
    groups = read("errors.toml")["group"]
    for group in groups:
        out += f"## {group['title']}\n\n{textwrap.fill(joined(group['text']), 90)}\n\n"
        for reason, about in group["reasons"].items():
            described.add(reason)
            if reason not in codes:
                continue
            keys = about.get("metadata", {})
            metadata.update(keys)
            named = ", ".join(f"`{code}`" for code in sorted(codes[reason]))
            out += f"### {reason}\n\n{named}. {joined(about['means'])}\n\n"
            out += f"**What to do.** {joined(about['do'])}\n\n"
            if keys:
                each = "; ".join(f"`{key}`, {what}" for key, what in keys.items())
                out += f"Metadata: {each}.\n\n"
    for names, what in (
        (codes.keys() - described, "lacks what the server answers with"),
        (described - codes.keys(), "has what the server never says"),
        (sources.metadata_keys() - metadata, "lacks the metadata"),
    ):
        if names:
            raise sources.Unreadable(f"docs/parts/errors.toml {what}: {', '.join(sorted(names))}")
    return out


# --- limits.md ---


def linked(error, known):
    def link(found):
        reason = found.group()
        return f"[`{reason}`](errors.md#{reason.lower()})" if reason in known else reason

    return REASON.sub(link, error)


def limits(keys):
    by_name, known, used = {key["name"]: key for key in keys}, sources.reasons(), set()
    out = ""
    for group in read("limits.toml")["group"]:
        rows = []
        for limit in group["limits"]:
            key = limit.get("key", "")
            used.add(key)
            value = int(by_name[key]["default"]) if key else sources.constant(limit["source"])
            rows.append(
                (
                    limit["what"],
                    amount(value, limit.get("unit", "")),
                    f"`{key}`" if key else "",
                    linked(limit.get("error", ""), known),
                )
            )
        out += f"## {group['title']}\n\n{group.get('text', '').strip()}\n\n"
        head = ("What", "Limit", "Key", "Beyond it")
        # A column that is empty throughout says nothing.
        kept = [i for i in range(4) if i < 2 or any(row[i] for row in rows)]
        out += table([head[i] for i in kept], [[row[i] for i in kept] for row in rows]) + "\n"
    missing = {name for name in by_name if name.startswith("limits.")} - used
    if missing:
        raise sources.Unreadable(f"docs/parts/limits.toml lacks {', '.join(sorted(missing))}")
    return out


# --- schema.md ---


def prose(lines):
    """Markdown of the comment that begins the file: what is indented there is kept as it stands,
    a paragraph that begins in capitals gets a heading."""
    out, fence = "", False
    for line in lines:
        indented = line.startswith("  ")
        if fence and line and not indented:
            out, fence = out.rstrip() + "\n```\n\n", False
        if indented and not fence:
            out, fence = out.rstrip() + "\n\n```\n", True
        head = re.match(r"([A-Z]{2,}(?: [A-Z]{2,})*)\b", line)
        if head and not fence:
            title = head.group(1).capitalize()
            out += f"## {title}\n\n"
            line = title + line[head.end() :]
        out += (line[2:] if fence and line else plain(line)) + "\n"
    return out.rstrip() + ("\n```\n" if fence else "\n") + "\n"


def type_of(kind):
    repeated = "repeated " if kind.startswith("repeated ") else ""
    name = kind.removeprefix("repeated ").removeprefix("optional ")
    return repeated + (name if name in sources.SCALARS else f"[{name}](#{name.lower()})")


def fallback(kind, blocks):
    """What an option that nothing is said of is made of."""
    name = kind.removeprefix("repeated ")
    for block in blocks:
        if block.name == name and block.kind == "enum":
            values = ", ".join(f"`{each}`" for member in block.members for each in member.names)
            return plain(" ".join(block.comment)) or f"One of {values}."
    return f"See [{name}](#{name.lower()})." if name and name not in sources.SCALARS else ""


def members(block, blocks):
    out, rows = "", []
    head = ("Value", "Meaning") if block.kind == "enum" else ("Option", "Type", "Meaning")

    def flush():
        nonlocal out, rows
        out += table(head, rows) + "\n" if rows else ""
        rows = []

    choice = ", ".join(
        f"`{name}`"
        for member in block.members
        if isinstance(member, sources.Member) and member.oneof
        for name in member.names
    )
    if choice:
        out = f"One is set of {choice}.\n\n"
    for member in block.members:
        if isinstance(member, str):
            flush()
            out += f"{member}:\n\n"
            continue
        names = ", ".join(f"`{name}`" for name in member.names)
        meaning = plain(" ".join(member.comment)) or fallback(member.types[0], blocks)
        types = ", ".join(dict.fromkeys(type_of(kind) for kind in member.types if kind))
        rows.append((names, meaning) if block.kind == "enum" else (names, types, meaning))
    flush()
    return out


def schema():
    out = prose(sources.schema_head())
    blocks = sources.schema_blocks()
    out += "## The options\n\n"
    rows = []
    for block in blocks:
        if block.kind == "extend":
            where = block.name.split(".")[-1].removesuffix("Options").lower()
            for member in block.members:
                kind = member.types[0]
                meaning = plain(" ".join(member.comment)) or fallback(kind, blocks)
                rows.append((f"`(storegate.v1.{member.names[0]})`", where, type_of(kind), meaning))
    out += table(("Option", "On a", "Type", "Meaning"), rows) + "\n"
    for block in blocks:
        if block.kind != "extend":
            comment = plain(" ".join(block.comment))
            out += f"### {block.name}\n\n{comment}\n\n{members(block, blocks)}"
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where they differ"
    )
    parser.add_argument(
        "--keys",
        default=str(DOCS.parent / "build" / "print_config_keys"),
        help="the program that prints the configuration's keys",
    )
    arguments = parser.parse_args()
    try:
        keys = sources.config_keys(arguments.keys)
        pages = {
            "schema.md": schema(),
            "configuration.md": configuration(keys),
            "errors.md": errors(),
            "limits.md": limits(keys),
        }
    except sources.Unreadable as error:
        sys.exit(f"docs/generate.py: {error}")
    stale = []
    for name, body in pages.items():
        text = (DOCS / "parts" / name).read_text().replace("@GENERATED@\n", body)
        text = re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"
        path = DOCS / "reference" / name
        if not path.exists() or path.read_text() != text:
            stale.append(str(path.relative_to(DOCS.parent)))
            if not arguments.check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    if arguments.check and stale:
        sys.exit(
            f"not what the sources say: {', '.join(stale)}\n"
            f"Run: docs/generate.py --keys {arguments.keys}"
        )
    print("\n".join(f"wrote {name}" for name in stale) or "nothing to do")


if __name__ == "__main__":
    main()
