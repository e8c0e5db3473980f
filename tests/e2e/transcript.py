"""What documents say that commands print, against what they print."""

import re


def matches(printed, expected):
    """Whether the lines are those expected, where … alone is any number of lines, and else any
    text. Empty lines do not count."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in expected)
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed if line.strip())) is not None
