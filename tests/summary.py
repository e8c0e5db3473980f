#!/usr/bin/env python3
"""Adds up what the suites of a run left behind: ctest.xml, gtest/*.xml, e2e.xml,
lint.xml.

    tests/summary.py build/results

Prints what cases left out because a database cannot do it, by name and with the
reason (tests/support/exceptions.h), then "N passed, N failed", and ends with 1 when anything failed. A GoogleTest
program counts as its cases, and once more as a failure when it ended badly
though its cases passed (a crash at exit, a sanitizer's report).
"""

import collections
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


def exceptions(path):
    """How many cases made which exception, by what they said of it."""
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError):
        return {}
    found = collections.Counter()
    for case in root.iter("testcase"):
        for noted in case.iter("property"):
            if noted.get("name", "").startswith("exception "):
                found[noted.get("value")] += 1
    return found


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

    for report in ("e2e.xml", "lint.xml"):
        if (results / report).exists():
            inner = cases(results / report) or (0, 1)
            passed, failed = passed + inner[0], failed + inner[1]

    noted = collections.Counter()
    for report in sorted((results / "gtest").glob("*.xml")):
        noted.update(exceptions(report))
    if noted:
        print("exceptions:")
    for said, count in sorted(noted.items()):
        print(f"  {said} ({count} {'case' if count == 1 else 'cases'})")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
