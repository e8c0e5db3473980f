#!/usr/bin/env python3
"""Adds up what the suites of a run left behind: ctest.xml, gtest/*.xml, e2e.xml.

    tests/summary.py build/results

Prints "N passed, N failed", and ends with 1 when anything failed. A GoogleTest
program counts as its cases, and once more as a failure when it ended badly
though its cases passed (a crash at exit, a sanitizer's report).
"""

import pathlib
import sys
import xml.etree.ElementTree as xml


def cases(path):
    """(passed, failed) of a GoogleTest or JUnit file, or None when it is not whole."""
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError):
        return None
    passed = failed = 0
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            # Nothing here skips; what does not run has not passed.
            failed += 1
        else:
            passed += 1
    return passed, failed


def main():
    results = pathlib.Path(sys.argv[1])
    passed = failed = 0

    try:
        programs = xml.parse(results / "ctest.xml").getroot().findall("testcase")
    except (OSError, xml.ParseError):
        programs, failed = [], 1
    for program in programs:
        good = program.get("status") == "run"
        inner = cases(results / "gtest" / f"{program.get('name')}.xml") or (0, 0)
        passed += inner[0]
        failed += inner[1]
        if sum(inner) == 0:
            passed, failed = passed + good, failed + (not good)
        elif not good and inner[1] == 0:
            failed += 1

    if (results / "e2e.xml").exists():
        inner = cases(results / "e2e.xml") or (0, 1)
        passed, failed = passed + inner[0], failed + inner[1]

    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
