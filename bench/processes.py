"""Processes that are ended however the bench ends, and what they cost."""

import ctypes
import os
import pathlib
import signal
import subprocess
import time

READY_SECONDS = 60
STOP_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One server, its output in a file."""

    started = []  # of all, in order

    def __init__(self, name, command, log, env=None, **options):
        self.name = name
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as output:
            # A session of its own: Ctrl-C reaches the bench only, which then ends
            # the rest in order.
            self.child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent,
                cwd=self.log.parent, env={**os.environ, **(env or {})}, **options,
            )
        self.pid = self.child.pid
        Process.started.append(self)

    @classmethod
    def stop_all(cls):
        """The last first, as those before are what they need."""
        while cls.started:
            cls.started.pop().stop()

    def check(self):
        """Raises where it has ended by itself."""
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT if self.name == "PostgreSQL" else signal.SIGTERM)
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)  # its own session: nobody else's
                self.child.wait()

    def cpu_seconds(self):
        """Of the process and its children, those that have ended included."""
        total, waiting = 0, [self.pid]
        while waiting:
            pid = waiting.pop()
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended just now: its parent has its time
            # After the name: utime, stime, cutime, cstime are the 12th to 15th.
            total += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
            waiting += map(int, children.split())
        return total / TICKS

    def resident_mb(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"{self.name} has no resident memory")


def wait_for(ready, process):
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        process.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process.name} is not ready after {READY_SECONDS} s:\n{process.tail()}")
        time.sleep(0.05)
