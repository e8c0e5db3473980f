#!/usr/bin/env python3
"""What the project promises about its own shape, checked by reading it.

Each check names the file and what to do. Run by ctest and ./dev test.
"""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = ROOT / "server"

# From left to right, as in the design: a folder may use only those after it.
ORDER = ["cmd", "rpc", "service", "adapters/sqlite", "adapters/postgres", "adapters/mongodb",
         "migrate", "repository", "query", "schema", "base"]
# Beyond "to the right": what a folder must not reach though it lies there.
FORBIDDEN = {
    "rpc": {"adapters/sqlite", "adapters/postgres", "adapters/mongodb", "migrate", "repository", "query"},
    "service": {"adapters/sqlite", "adapters/postgres", "adapters/mongodb", "migrate"},
    "adapters/sqlite": {"adapters/postgres", "adapters/mongodb"},
    "adapters/postgres": {"adapters/mongodb"},
}


def sources(*roots, suffixes=(".cc", ".h")):
    for root in roots:
        for path in sorted((ROOT / root).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def folder_of(path):
    """The folder under server/ that a path lies in, as ORDER names it."""
    parts = path.relative_to(SERVER).parts
    return "/".join(parts[:2]) if parts[0] == "adapters" else parts[0]


def allowed(folder):
    after = ORDER[ORDER.index(folder):]
    return set(after) - FORBIDDEN.get(folder, set())


class LinkGraph(unittest.TestCase):
    def test_every_folder_is_in_the_order(self):
        folders = {folder_of(path) for path in sources("server")}
        self.assertEqual(folders - set(ORDER), set(), "name the new folder in ORDER, where it belongs")

    def test_includes_go_to_the_right(self):
        wrong = []
        for path in sources("server"):
            folder = folder_of(path)
            for include in re.findall(r'#include "server/([^"]+)"', path.read_text()):
                target = folder_of(SERVER / include)
                if target not in allowed(folder):
                    wrong.append(f"{path.relative_to(ROOT)} includes server/{include}")
        self.assertEqual(wrong, [], "a folder includes only folders to its right")

    def test_libraries_link_to_the_right(self):
        names = {folder.replace("/", "_"): folder for folder in ORDER}
        wrong = []
        for folder in ORDER:
            text = (SERVER / folder / "CMakeLists.txt").read_text()
            own = folder.replace("/", "_")
            for linked in re.findall(r"\bstoregate_(\w+)", text):
                if linked in names and linked != own and names[linked] not in allowed(folder):
                    wrong.append(f"server/{folder} links to storegate_{linked}")
        self.assertEqual(wrong, [], "a folder links only to folders to its right")

    def test_drivers_stay_in_their_adapter(self):
        drivers = {"sqlite3.h": "adapters/sqlite", "libpq-fe.h": "adapters/postgres",
                   "mongoc/": "adapters/mongodb", "bson/": "adapters/mongodb", "grpcpp/": "rpc"}
        wrong = []
        for path in sources("server"):
            for header, home in drivers.items():
                if re.search(rf"#include <{re.escape(header)}", path.read_text()) and folder_of(path) != home:
                    wrong.append(f"{path.relative_to(ROOT)} includes <{header}>")
        self.assertEqual(wrong, [], "a driver's header is included by its own folder alone")


def entity_names():
    """Entities of the shop, by reading its protos."""
    names = set()
    for path in (ROOT / "proto" / "shop").rglob("*.proto"):
        for body in re.findall(r"^service (\w+)Store\b", path.read_text(), re.M):
            names.add(body)
    return names


class Names(unittest.TestCase):
    def test_no_entity_is_named_under_server(self):
        entities = entity_names()
        self.assertGreaterEqual(len(entities), 4, "the shop's stores were not found")
        # Words that mean nothing but the entity are refused wherever they stand;
        # those that are also plain English ("order", "user") as names only.
        plain = {"Order", "User"}
        patterns = [r"\bshop\b"]
        for name in entities:
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            plural = snake[:-1] + "ies" if snake.endswith("y") else snake + "s"
            if name not in plain:
                patterns += [rf"\b{snake}\b", rf"\b{plural}\b"]
            patterns += [rf"\b{name}s?Store\b", rf'"{name}"', rf'"{snake}"', rf'"{plural}"',
                         rf"\b(Create|Get|List|Update|Delete){name}s?\b"]
        pattern = re.compile("|".join(patterns), re.I)
        hits = []
        for path in sources("server", suffixes=(".cc", ".h", ".txt")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                # CMake alone says which protos are embedded by default.
                if path.name == "CMakeLists.txt" and "proto/shop" in line:
                    continue
                if pattern.search(line):
                    hits.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
        self.assertEqual(hits, [], "nothing under server/ knows an entity by name")

    def test_no_words_for_work_left_undone(self):
        words = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|for n" r"ow\b|GTEST_" r"SKIP|\bDISABL" r"ED_")
        hits = []
        for path in sources("server", "tests", "proto", suffixes=(".cc", ".h", ".py", ".proto")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if words.search(line):
                    hits.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
        self.assertEqual(hits, [], "finish it, or file an issue")


class Size(unittest.TestCase):
    def test_files_stay_readable(self):
        long = []
        for path in sources("server", "tests", suffixes=(".cc", ".h", ".py")):
            lines = len(path.read_text().splitlines())
            if lines > 500:
                long.append(f"{path.relative_to(ROOT)}: {lines} lines")
        self.assertEqual(long, [], "a file of more than 500 lines wants to be two")


class Hygiene(unittest.TestCase):
    def test_driver_text_is_mapped_in_one_file(self):
        """errors.cc alone asks the driver for its message."""
        hits = []
        for path in sources("server/adapters"):
            text = path.read_text()
            asks = "sqlite3_errmsg" in text or "rrorMessage(" in text or "error.message" in text or "PQresultErrorField" in text
            if asks and path.name != "errors.cc":
                hits.append(str(path.relative_to(ROOT)))
        self.assertEqual(hits, [], "errors of a database are mapped in one file a backend")

    def test_grpc_statuses_are_made_in_one_place(self):
        hits = []
        for path in sources("server"):
            if re.search(r"grpc::StatusCode::(?!OK)", path.read_text()) and path.name not in ("status.cc",):
                hits.append(str(path.relative_to(ROOT)))
        self.assertEqual(hits, [], "a status becomes a gRPC status in server/rpc/status.cc")


class Image(unittest.TestCase):
    """docker build needs an engine; that its files reach it does not."""

    def test_what_the_build_embeds_is_copied_and_not_ignored(self):
        lines = (ROOT / "Dockerfile").read_text().splitlines()
        copied = {word for line in lines if line.startswith("COPY ") and "--from" not in line
                  for word in line.split()[1:-1]}
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        shown = {line[1:] for line in ignored if line.startswith("!")}

        def within(path, folders):
            return any(path == folder or path.startswith(folder + "/") for folder in folders)

        self.assertEqual([path for path in copied if not within(path, shown)], [], "not in .dockerignore")
        for path in (ROOT / "CMakeLists.txt", *(ROOT / "server").rglob("CMakeLists.txt"), *(ROOT / "proto").rglob("CMakeLists.txt")):
            for used in re.findall(r"\$\{PROJECT_SOURCE_DIR\}/([\w./]+)", path.read_text()):
                self.assertTrue(within(used.rstrip("/."), copied), f"{path.relative_to(ROOT)} takes {used}, which Dockerfile does not copy")


if __name__ == "__main__":
    program = unittest.main(verbosity=1, exit=False)
    sys.exit(0 if program.result.wasSuccessful() else 1)
