"""The clients of six languages: the same story on one gateway, and each one's own tests
against gateways that they start."""

import os
import subprocess

import pytest

import gateway

LANGUAGES = ["go", "python", "typescript", "java", "rust", "cpp"]
# ./dev test --all builds them here, also where the gateway is one under a sanitizer.
CLIENTS = gateway.ROOT / "build" / "clients"
STORY = (gateway.ROOT / "clients" / "story.txt").read_text()


def run(*command, **environment):
    return subprocess.run(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """One gateway for all of them: what a story leaves behind, the next one meets."""
    with gateway.serving(tmp_path_factory.mktemp("clients")) as server:
        yield server


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_tells_the_same_story_twice(language, shop):
    for _ in range(2):
        told = run(CLIENTS / language / "sample", shop.address)
        assert (told.stdout, told.returncode) == (STORY, 0), told.stderr


def test_the_stories_leave_nothing_behind(shop):
    client = gateway.Client(shop.address)
    for plural in ["Categories", "Products", "Orders", "Users"]:
        store = {"Categories": "Category"}.get(plural, plural[:-1])
        request = {"show_deleted": True, "include_total_size": True}
        assert client.call(f"shop.v1.{store}Store/List{plural}", request) == {}
    client.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_languages_own_tests_pass(language):
    done = run(CLIENTS / language / "test", STOREGATE_BIN=str(gateway.BINARY))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
