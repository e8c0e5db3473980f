"""A PostgreSQL of the bench's own, with the shop's tables full."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from processes import Process, wait_for

BINARIES = pathlib.Path(os.environ.get("PG_BINDIR", "/usr/lib/postgresql/15/bin"))
USER = "bench"
ROWS = 100_000

# Durability as PostgreSQL ships it: fsync and synchronous_commit are on. What
# would strike one target and not the next (checkpoints, autovacuum) is done
# between measurements instead; reset_products() does it.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "8GB",
}

# In the order in which `bench_load rows` prints them.
COLUMNS = {
    "categories": "id, name, slug, create_time, update_time, _version",
    "products": "id, name, short_description, description, price_cents, sizes, colors, images, category_slug, "
    "sales_count, metadata, create_time, update_time, delete_time, _folded_name, _folded_description, _version",
}

# Above all ids that were loaded, below nearly all random ones.
CREATED = "id > '00000000-0000-7000-8000-ffffffffffff'"


class Postgres:
    """A cluster in a temporary folder, reached over its Unix socket."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="storegate-bench-"))
        self.process = None
        # PostgreSQL refuses to be root.
        self.as_user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        if self.as_user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.folder.chmod(0o755)

    @property
    def socket(self):
        return str(self.folder)

    def start(self):
        data = self.folder / "data"
        subprocess.run(
            [BINARIES / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
            check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.as_user,
        )
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        self.process = Process(
            "PostgreSQL", [BINARIES / "postgres", "-D", data, "-k", self.folder, *settings],
            self.folder / "postgres.log", **self.as_user,
        )
        ready = [BINARIES / "pg_isready", "-q", "-h", self.socket]
        wait_for(lambda: subprocess.run(ready).returncode == 0, self.process)
        self.sql(f"CREATE DATABASE {USER}", database="postgres")

    def remove(self):
        """When it has been stopped."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, statement, database=USER, **options):
        """What psql prints, bare."""
        command = [BINARIES / "psql", "-h", self.socket, "-U", USER, "-d", database, "-XAtq"]
        command += ["-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout.strip()

    def fill(self, load):
        """Copies the catalog of `load` (bench_load) into tables that exist and are empty."""
        for table, columns in COLUMNS.items():
            rows = subprocess.Popen([load, "rows", table], stdout=subprocess.PIPE)
            self.sql(f"COPY {table} ({columns}) FROM STDIN", stdin=rows.stdout)
            if rows.wait() != 0:
                raise RuntimeError(f"bench_load printed no rows for {table}")
        self.sql("VACUUM ANALYZE")
        self.settle()

    def settle(self):
        """Writes out what is dirty, so that nobody pays for what was before."""
        self.sql("CHECKPOINT")

    def created(self):
        return int(self.sql(f"SELECT count(*) FROM products WHERE {CREATED}"))

    def reset_products(self):
        """Takes out what was created, so that nobody is measured on a larger table."""
        # What a client that ended had sent last may still be under way.
        for _ in range(50):
            self.sql(f"DELETE FROM products WHERE {CREATED}")
            rows = int(self.sql("SELECT count(*) FROM products"))
            running = self.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
            )
            if rows == ROWS and int(running) == 0:
                break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"the table has {rows} rows instead of {ROWS}")
        self.sql("VACUUM products")
        self.settle()
