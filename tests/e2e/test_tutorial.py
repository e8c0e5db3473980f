"""docs/tutorial.md, performed as it is written: its commands in one shell, its files, its
changes; and what it says they print is what they print."""

import os
import pathlib
import re
import subprocess
import threading
import time

from gateway import BUILD, ROOT
from transcript import matches

TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<kind>\w+)(?P<fails> fails)?\n(?P<text>.*?)^```$", re.M | re.S)
STEP_SECONDS = 600
BACKGROUND_SECONDS = 60


class Shell:
    """One bash in which all commands run, as in a reader's terminal."""

    def __init__(self, folder, env):
        self.process = subprocess.Popen(
            ["bash", "--norc", "-m"], cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.output, self.turn = [], 0
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.output.append(line.rstrip("\n"))
                self.changed.notify_all()

    def _wait(self, found):
        until = time.monotonic() + STEP_SECONDS
        with self.changed:
            while not (result := found()):
                assert self.changed.wait(max(0, until - time.monotonic())), "\n".join(self.output[-60:])
            return result

    def run(self, commands, expected, fails):
        """(exit code of the last command that failed, folder, lines), once what is expected is there."""
        self.turn += 1
        begin, mark = len(self.output), f"end of block {self.turn}:"
        self.process.stdin.write(f"failed=0; trap 'failed=$?' ERR\n{commands}\ntrap - ERR; echo \"{mark} $failed $PWD\"\n")
        self.process.stdin.flush()
        ended = self._wait(lambda: next((line for line in self.output[begin:] if line.startswith(mark)), None))

        def printed():
            return [line for line in self.output[begin:] if not line.startswith("end of block ")]

        code, folder = ended[len(mark):].split()
        # What runs in the background may still have to say it.
        until = time.monotonic() + BACKGROUND_SECONDS
        while expected is not None and (code != "0") == fails and not matches(printed(), expected.splitlines()):
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        return int(code), pathlib.Path(folder), printed()

    def close(self):
        self.process.stdin.write("kill $(jobs -p) 2>/dev/null; exit\n")
        self.process.stdin.close()
        self.process.wait(timeout=60)


def steps():
    """(kind, file, fails, text, expected output) of each block."""
    blocks = list(BLOCK.finditer(TUTORIAL.read_text()))
    for block, following in zip(blocks, [*blocks[1:], None]):
        if block["kind"] == "text":
            continue
        expected = following["text"] if following is not None and following["kind"] == "text" else None
        yield block["kind"], block["file"], bool(block["fails"]), block["text"], expected


def test_the_tutorial(tmp_path, tools):
    environment = {name: value for name, value in os.environ.items()
                   if name in ("PATH", "HOME", "LANG") or name.startswith(("GO", "npm_", "NPM_", "PIP_", "SSL_", "XDG_"))}
    environment |= {"TMPDIR": str(tmp_path), "PATH": f"{tools}:{environment['PATH']}",
                    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
                    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"}
    shell = Shell(ROOT, environment)
    folder = ROOT
    seen = []
    try:
        for kind, file, fails, text, expected in steps():
            seen.append(kind)
            if kind == "sh":
                # It is built already, perhaps elsewhere.
                commands = text.replace("./dev build\n", "").replace("PATH=$PWD/build:", f"PATH={BUILD}:")
                code, folder, printed = shell.run(commands, expected, fails)
                shown = "\n".join([text, f"exit code {code}; it printed", *printed])
                assert (code != 0) == fails, shown
                assert expected is None or matches(printed, expected.splitlines()), f"{shown}\n\nnot\n\n{expected}"
            elif kind == "diff":
                applied = subprocess.run(["git", "apply", "--unidiff-zero", "-"], cwd=folder, input=text, text=True,
                                         capture_output=True)
                assert applied.returncode == 0, applied.stderr
            else:
                assert file is not None, text
                (folder / file).write_text(text)
    finally:
        shell.close()
    assert {"sh", "diff", "python", "go"} <= set(seen)
