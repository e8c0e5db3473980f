"""The story, told by threads and by asyncio."""

import pathlib
import subprocess
import sys

from storegate.testing import Gateway

SAMPLE = pathlib.Path(__file__).parent.parent / "sample"


def tell(name: str, gateway: Gateway) -> str:
    command = [sys.executable, str(SAMPLE / name), gateway.target]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_both_tell_the_same_and_again(gateway: Gateway) -> None:
    story = tell("story.py", gateway)
    assert story.endswith("purged\n")
    assert tell("story_async.py", gateway) == story
    assert tell("story.py", gateway) == story
