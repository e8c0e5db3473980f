"""A PostgreSQL cluster of a test's own, on loopback, gone with the process.

The programs are those of $STOREGATE_POSTGRES_BIN, else of Debian's
postgresql-15, else of pg_config. Missing ones fail the test: nothing skips.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

USER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
# Kills the cluster and removes its folder when its input ends, as it does when
# this process ends, however it ends.
GUARD = """
trap '' INT TERM HUP
read -r _
if pid=$(head -n 1 "$1/data/postmaster.pid") && [ "/proc/$pid/cwd" -ef "$1/data" ]; then
  for child in $(cat "/proc/$pid/task/$pid/children"); do kill -CONT "$child"; done
  kill -CONT "$pid"
  kill -QUIT "$pid"
  i=0
  while kill -0 "$pid" && [ $i -lt 140 ]; do sleep 0.05; i=$((i + 1)); done
  kill -KILL "$pid"
fi
rm -rf "$1"
"""


def programs():
    given = os.environ.get("STOREGATE_POSTGRES_BIN")
    candidates = [given] if given else ["/usr/lib/postgresql/15/bin"]
    if not given and shutil.which("pg_config"):
        candidates.append(subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True).stdout.strip())
    for folder in candidates:
        if (pathlib.Path(folder) / "initdb").exists():
            return pathlib.Path(folder)
    raise AssertionError(f"no initdb in {candidates}; install postgresql-15 or set STOREGATE_POSTGRES_BIN")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder_for_servers(prefix):
    """A folder that the user of USER may write."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    if USER:
        shutil.chown(folder, "postgres", "postgres")
    return folder


class Postgres:
    """Durable, as PostgreSQL comes. Settings are those of postgresql.conf."""

    def __init__(self, **settings):
        self.bin = programs()
        self.folder = folder_for_servers("storegate-pg-")
        self.data = self.folder / "data"
        self.guard = subprocess.Popen(["sh", "-c", GUARD, "storegate-postgres-guard", str(self.folder)],
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      start_new_session=True)
        self._run("initdb", "-A", "trust", "--no-sync", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                  "-D", str(self.data))
        self.port = free_port()
        with open(self.data / "postgresql.conf", "a") as conf:
            for name, value in {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}.items():
                conf.write(f"{name} = '{value}'\n")
        self.start()

    def _run(self, program, *arguments):
        log = self.folder / "commands.log"
        with open(log, "ab") as out:
            code = subprocess.run([*USER, str(self.bin / program), *arguments], stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=out, cwd="/").returncode
        server_log = self.folder / "postgres.log"
        said = log.read_text() + (server_log.read_text()[-2000:] if server_log.exists() else "")
        assert code == 0, f"{program} ended with {code}:\n{said}"

    def start(self):
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "postgres.log"), "-w", "-t", "120", "-s",
                  "-o", f"-p {self.port}", "start")
        self.postmaster = int((self.data / "postmaster.pid").read_text().split()[0])

    def _processes(self):
        found = [self.postmaster]
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[1]) == self.postmaster:
                found.append(int(entry.name))
        return found

    def kill(self):
        """kill -9 of the postmaster and of all its children."""
        os.kill(self.postmaster, signal.SIGSTOP)  # it makes no more children
        processes = self._processes()
        for process in processes:
            os.kill(process, signal.SIGKILL)
        for process in processes:
            self._await_end(process)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self):
        os.kill(self.postmaster, signal.SIGINT)
        self._await_end(self.postmaster)

    @staticmethod
    def _await_end(process):
        for _ in range(60 * 100):
            try:
                if pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    return
            except OSError:
                return
            time.sleep(0.01)
        raise AssertionError(f"process {process} does not end")

    def close(self):
        self.guard.stdin.close()
        self.guard.wait(timeout=60)

    def url(self, database, port=None, user="postgres"):
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def psql(self, database="postgres"):
        """The command line of a psql that says nothing but rows."""
        return [str(self.bin / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", self.url(database)]

    def sql(self, text, database="postgres"):
        """The rows, a list of strings."""
        done = subprocess.run([*self.psql(database), "-c", text], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def create_database(self, name):
        """A new database; answers its URL."""
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)

    def connections(self, database):
        return int(self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'")[0])


class Pgbouncer:
    """In transaction mode, before a database of a Postgres."""

    def __init__(self, postgres, pool_size=5):
        binary = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        assert pathlib.Path(binary).exists(), "no pgbouncer; install the package of that name"
        self.port = free_port()
        self.folder = folder_for_servers("storegate-bouncer-")
        ini = self.folder / "pgbouncer.ini"
        ini.write_text(f"""
[databases]
* = host=127.0.0.1 port={postgres.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 100
logfile = {self.folder}/pgbouncer.log
""")
        self.process = subprocess.Popen([*USER, binary, str(ini)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "pgbouncer.log").read_text()
            time.sleep(0.05)
        raise AssertionError("pgbouncer does not listen")

    def close(self):
        self.process.terminate()  # runuser passes it on
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)
