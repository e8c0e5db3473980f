"""A gateway of a test suite's own: ``storegate serve --ephemeral``, with its records in memory,
on a free port, gone with the tests.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
from typing import IO, List, Optional, Sequence, Union

from google.protobuf.empty_pb2 import Empty

from ._connect import connect

__all__ = ["Gateway", "start"]

# What starting and stopping may take on a machine that has much else to do.
_START_SECONDS = 60
_STOP_SECONDS = 30

_LOG_BYTES_SHOWN = 16 << 10

_Path = Union[str, "os.PathLike[str]"]


def start(
    *,
    seed: Optional[_Path] = None,
    proto: Optional[_Path] = None,
    descriptor_set: Optional[_Path] = None,
    args: Sequence[str] = (),
    binary: Optional[_Path] = None,
) -> Gateway:
    """Starts a gateway, and returns when it serves. Without options: the shop, with no records.

        with storegate.testing.start(seed="seed.jsonl") as gateway:

    seed: a file of JSON lines {"entity": …, "record": …}: the records at the start and after
        each reset.
    proto, descriptor_set: a folder of .proto files, or a file of them compiled; of one of them
        the stores are served.
    args: further flags of ``storegate serve``.
    binary: the gateway's program. Default: STOREGATE_BIN, else storegate on PATH.
    """
    command = [os.fspath(binary or os.environ.get("STOREGATE_BIN") or "storegate")]
    command += ["serve", "--ephemeral"]
    for flag, value in (("--proto", proto), ("--descriptor-set", descriptor_set), ("--seed", seed)):
        if value is not None:
            command += [flag, os.fspath(value)]
    return Gateway([*command, *args])


class Gateway:
    """One that runs; ``start`` makes it. Its methods may be called by all threads."""

    target: str
    """Its address, for connect."""

    def __init__(self, command: List[str]) -> None:
        self._lock = threading.Lock()
        self._channel = None
        self._log: IO[bytes] = tempfile.TemporaryFile()
        try:
            # The gateway ends when its input closes, which the system does when this process
            # is killed.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
            )
        except OSError as error:
            self._log.close()
            raise RuntimeError(
                f"cannot start the gateway (set STOREGATE_BIN to its program): {error}"
            ) from error
        try:
            self.target = self._listening()
            self._channel = connect(self.target)
        except BaseException:
            self._process.kill()
            self.stop()
            raise
        self._reset = self._channel.unary_unary(
            "/storegate.v1.Testing/Reset",
            request_serializer=Empty.SerializeToString,
            response_deserializer=Empty.FromString,
        )

    def reset(self) -> None:
        """Puts all records back to the seed, or to none."""
        self._reset(Empty())

    def log(self) -> str:
        """The end of what the gateway has logged."""
        if self._log.closed:
            return self._last_log
        size = os.fstat(self._log.fileno()).st_size
        begin = max(0, size - _LOG_BYTES_SHOWN)
        return os.pread(self._log.fileno(), size - begin, begin).decode(errors="replace")

    def stop(self) -> None:
        """Ends the gateway and waits until it has ended. It may be called again."""
        with self._lock:
            if self._log.closed:
                return
            if self._channel is not None:
                self._channel.close()
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            try:
                code = self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                code = self._process.wait()
            self._drain.join()
            self._process.stdout.close()
            self._last_log = self.log()
            self._log.close()
        if code != 0 and self._channel is not None:
            raise RuntimeError(f"the gateway ended with {code}:\n{self._last_log}")

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listening(self) -> str:
        """The address in the line by which the gateway says that it serves."""
        lines: queue.Queue[bytes] = queue.Queue(1)

        def drain() -> None:
            assert self._process.stdout is not None
            lines.put(self._process.stdout.readline())
            # So that the gateway never waits for a reader.
            while self._process.stdout.read(4096):
                pass

        self._drain = threading.Thread(target=drain, daemon=True)
        self._drain.start()
        try:
            line = lines.get(timeout=_START_SECONDS)
        except queue.Empty:
            raise RuntimeError(
                f"the gateway did not serve within {_START_SECONDS} s:\n{self.log()}"
            ) from None
        if not line:
            self._process.wait(_STOP_SECONDS)
            raise RuntimeError(f"the gateway ended before it served:\n{self.log()}")
        listen = json.loads(line)["listen"]
        assert isinstance(listen, str)
        return listen
