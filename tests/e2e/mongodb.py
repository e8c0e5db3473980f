"""A MongoDB server of a test's own, on loopback, gone with the process.

It is mongo-java-server as tests/servers/mongo_java builds it, which can be killed,
frozen and started again; what a real MongoDB does beyond it is tested in C++
wherever MONGODB_URI names one.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from gateway import ROOT
from postgres import free_port

# Kills the server and removes its folder when its input ends, as it does when this
# process ends, however it ends.
GUARD = """
trap '' INT TERM HUP
read -r _
if pid=$(cat "$1/pid") && [ "/proc/$pid/cwd" -ef "$1" ]; then
  kill -KILL "$pid"
fi
rm -rf "$1"
"""


class Mongodb:
    def __init__(self):
        folder = pathlib.Path(os.environ.get("STOREGATE_MONGO_JAVA", ROOT / "build" / "mongo_java"))
        self.program = folder / "run"
        assert self.program.exists(), f"no {self.program}; tests/servers/mongo_java/build.sh build/mongo_java makes it"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="storegate-mongodb-"))
        self.guard = subprocess.Popen(["sh", "-c", GUARD, "storegate-mongodb-guard", str(self.folder)],
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      start_new_session=True)
        self.port = free_port()
        self.start()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([str(self.program), str(self.port), "store.mv"], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        (self.folder / "pid").write_text(str(self.process.pid))
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError("the MongoDB server does not listen")

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.guard.stdin.close()
        self.guard.wait(timeout=60)
        self.process.wait(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database):
        return f"mongodb://127.0.0.1:{self.port}/{database}"
