"""README's tour: each of its calls, made as it is written, answers as it says. Ids, etags, times
and page tokens are those of the run."""

import os
import re
import subprocess

from gateway import BINARY, ROOT, Server, run
from transcript import matches

MADE = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?P<etag>\b[0-9a-f]{16}\b)"
    r"|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)|(?P<token>(?<=PageToken\": \")[^\"]+)")


def transcripts():
    """(command, what it prints) in the order of the tour."""
    tour = (ROOT / "README.md").read_text().split("## A minute's tour")[1].split("\n## ")[0]
    for block in re.findall(r"^```\n(.*?)^```$", tour, re.M | re.S):
        for said in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = said.splitlines()
            end = 1
            while lines[end - 1].endswith("\\") or " ".join(lines[:end]).count("'") % 2:
                end += 1
            yield "\n".join(lines[:end]), [line for line in lines[end:] if line.strip()]


def shape(line):
    return MADE.sub(lambda found: f"<{found.lastgroup}>", line)


def test_the_tour(tmp_path, tools):
    database = f"sqlite:{tmp_path}/storegate.db"
    assert run("seed", str(ROOT / "seed" / "shop.jsonl"), "--database", database).returncode == 0
    environment = {**os.environ, "PATH": f"{tools}:{BINARY.parent}:{os.environ['PATH']}"}
    server = Server(tmp_path)
    made, command, calls = {}, "", 0
    try:
        for written, expected in transcripts():
            # "# the same call once more"
            command = command if written.startswith("#") else written
            if not command.startswith("grpcurl"):
                continue
            text = command.replace("127.0.0.1:7600", server.address)
            for old, new in made.items():
                text = text.replace(old, new)
            ended = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60, env=environment)
            printed = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
            shown = "\n".join([text, *printed, "", "not", "", *expected])
            assert matches(map(shape, printed), map(shape, expected)), shown
            # Later commands name what README's calls made; here it has other names.
            for line in expected:
                for old in (found.group() for found in MADE.finditer(line)):
                    key = line[:line.index(old)]
                    new = next((found.group() for other in printed if other.startswith(key)
                                for found in MADE.finditer(other)), old)
                    made.setdefault(old, new)
            calls += 1
    finally:
        server.stop()
    assert calls >= 7
