"""What is measured: each target serves the same ProductStore from the same table."""

import contextlib
import json
import math
import pathlib
import re
import socket
import subprocess

from postgres import BINARIES
from processes import Process, die_with_parent, wait_for

NODE_WARM_UP_SECONDS = 20

PEERS = pathlib.Path(__file__).parent / "peers"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A target that speaks gRPC."""

    def __init__(self, name, build, postgres, command, uses_database=True):
        self.name = name
        self.load = build / "bench_load"
        self.database = postgres.process if uses_database else None
        self.address = f"127.0.0.1:{free_port()}"
        self.process = Process(
            name, [str(part).replace("ADDRESS", self.address) for part in command], postgres.folder / f"{name}.log"
        )
        wait_for(self._listens, self.process)

    def _listens(self):
        host, port = self.address.split(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return True
        return False

    def stop(self):
        self.process.stop()

    def measure(self, scenario, seconds, warm_up, outstanding, rate=None, storm=None, during=None):
        """What bench_load found, and the CPU a call of server and database meanwhile.

        `during` runs while it is measured, for less than `seconds`.
        """
        command = [self.load, "run", "--target", self.address, "--scenario", scenario]
        command += ["--seconds", str(seconds), "--warm-up", str(warm_up)]
        command += ["--connections", str(min(2, outstanding)), "--outstanding", str(outstanding)]
        command += ["--rate", f"{rate:.0f}"] if rate else []
        command += ["--storm", str(storm)] if storm else []
        with running(command, stdout=subprocess.PIPE) as load:
            expect(load, "begin", self.name)
            before = self._cpu()
            if during is not None:
                during()
            expect(load, "end", self.name)
            server, database = (after - earlier for after, earlier in zip(self._cpu(), before))
            report = load.stdout.readline()
            if load.wait() != 0:
                raise RuntimeError(f"{self.name}: {scenario} was answered wrong, see above")
        self.process.check()
        found = json.loads(report)
        found["server_us"] = server * 1e6 / found["calls"]
        found["database_us"] = database * 1e6 / found["calls"]
        found["cpu_us"] = found["server_us"] + found["database_us"]
        return found

    def _cpu(self):
        return self.process.cpu_seconds(), self.database.cpu_seconds() if self.database else 0.0


class Pgbench:
    """The same statements with nothing before the database."""

    def __init__(self, name, build, postgres):
        self.name = name
        self.postgres = postgres
        rows = [build / "bench_load", "rows", "variables"]
        lines = subprocess.run(rows, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        self.variables = [part for line in lines for part in ("-D", line)]

    def measure(self, scenario, seconds, warm_up, outstanding):
        # It counts in whole seconds. Started for longer, so that its end, when
        # clients leave one by one, is not measured; nor are its connects.
        first, last = math.ceil(warm_up), math.ceil(warm_up) + math.ceil(seconds)
        command = [PEERS / "pgbench/start.sh", BINARIES / "pgbench", self.postgres.socket, scenario]
        command += [str(outstanding), str(last + 10)]
        command += self.variables if scenario == "create" else []
        calls, before, lines = 0.0, None, []
        with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as pgbench:
            for line in pgbench.stderr:
                lines.append(line)
                progress = re.match(r"progress: ([\d.]+) s, ([\d.]+) tps.* (\d+) failed", line)
                if progress is None:
                    continue
                if int(progress[3]) > 0:
                    raise RuntimeError(f"pgbench: {line}")
                second = float(progress[1])
                if before is not None:
                    calls += float(progress[2]) * (second - at)
                elif second >= first - 0.5:
                    before, begin = self.postgres.process.cpu_seconds(), second
                at = second
                if second >= last - 0.5:
                    break
            else:
                raise RuntimeError("pgbench ended early:\n" + "".join(lines[-10:]))
            database = self.postgres.process.cpu_seconds() - before
        rate = calls / (at - begin)
        return {"calls": calls, "calls_per_s": rate, "records_per_s": rate, "database_us": database * 1e6 / calls}


@contextlib.contextmanager
def running(command, **options):
    """A process that is ended, at the latest, when the block is left."""
    process = subprocess.Popen(
        [str(part) for part in command], text=True, start_new_session=True, preexec_fn=die_with_parent, **options
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.poll() is None:
            process.kill()
            process.wait()


def expect(load, word, name):
    line = load.stdout.readline().strip()
    if line != word:
        raise RuntimeError(f"{name}: the load generator said {line!r} instead of {word!r}")


def start(name, build, postgres):
    """Starts the target of that name."""
    built = build / "peers"
    address, folder = "ADDRESS", postgres.socket
    go = [PEERS / "go_pgx/start.sh", built / "go_pgx", address, folder]
    commands = {
        "storegate": gateway_command(build, postgres),
        "echo": [PEERS / "echo/start.sh", build, address],
        "go": go,
        "go_batch": [*go, "-batch", "-connections", "2"],
        "node": [PEERS / "node_prisma/start.sh", built / "node_prisma", address, folder],
    }
    if name == "pgbench":
        return Pgbench(name, build, postgres)
    server = Server(name, build, postgres, commands[name], uses_database=name != "echo")
    if name == "node":
        # It is ten times slower before its JIT has seen some ten thousand calls.
        server.measure("get", NODE_WARM_UP_SECONDS, 0, 64)
    return server


def gateway_command(build, postgres):
    url = f"postgresql:///bench?host={postgres.socket}&user=bench"
    return [build / "storegate", "serve", "--listen", "ADDRESS", "--database", f"main={url}", "--lead-ms", "0",
            "--log-level", "warn"]
