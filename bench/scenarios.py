"""What is measured, and which ratios come of it."""

import statistics
import time
from dataclasses import dataclass
from typing import Callable

OWN = "storegate"

# Lists outstanding in a storm: far more than a database has threads for them.
STORM = 16
CALM_SHARE = 0.25


@dataclass(frozen=True)
class Slot:
    """One kind of load, put on each target in turn."""

    name: str
    scenario: str  # of bench_load and pgbench
    outstanding: int
    targets: tuple

    def run(self, targets, results, options):
        for name in self.targets:
            asked = "echo" if name == "echo" else self.scenario
            results[name] = targets[name].measure(asked, options.seconds, options.warm_up, self.outstanding)


class CreateSlot(Slot):
    """The table is what it was before each target."""

    def run(self, targets, results, options):
        for name in self.targets:
            options.postgres.settle()
            results[name] = targets[name].measure(self.scenario, options.seconds, options.warm_up, self.outstanding)
            created = options.postgres.created()
            # All that was acknowledged is there; warm-up and the last calls add to it.
            if created < int(results[name]["calls"]):
                raise RuntimeError(f"{name} acknowledged {results[name]['calls']:.0f} creates, {created} rows exist")
            options.postgres.reset_products()


class StormSlot(Slot):
    """Reads at a share of what the server can do at most, without lists and with them."""

    def run(self, targets, results, options):
        own = targets[OWN]
        maximum = own.measure("get", min(2, options.seconds), options.warm_up, 64)["calls_per_s"]
        rate = maximum * CALM_SHARE
        arguments = ("get", options.seconds, options.warm_up, 2)
        results["calm"] = own.measure(*arguments, rate=rate)
        results[OWN] = own.measure(*arguments, rate=rate, storm=STORM)


class MemorySlot(Slot):
    """Once, after all rounds: what all the others have left behind counts too."""

    def run(self, targets, results, options):
        seconds = options.soak
        sizes = []

        def sample():
            end = time.monotonic() + seconds - 0.5
            while time.monotonic() < end:
                sizes.append(targets[OWN].process.resident_mb())
                time.sleep(0.2)

        found = targets[OWN].measure(self.scenario, seconds, max(3, options.warm_up), self.outstanding, during=sample)
        tenth = max(1, len(sizes) // 10)
        found["resident_mb"] = max(sizes)
        found["growth"] = statistics.mean(sizes[-tenth:]) / statistics.mean(sizes[:tenth])
        results[OWN] = found


SLOTS = (
    Slot("get", "get", 64, (OWN, "echo", "pgbench", "go", "go_batch", "node")),
    Slot("get_one", "get", 1, (OWN, "go")),
    Slot("batch_get", "batch_get", 16, (OWN,)),
    Slot("list", "list", 64, (OWN, "go")),
    StormSlot("storm", "get", 0, (OWN,)),
    CreateSlot("create", "create", 64, (OWN, "pgbench", "go")),
)
MEMORY = MemorySlot("memory", "get", 256, (OWN,))

# Needed by a slot beyond its own targets.
ALSO = {"batch_get": Slot("get", "get", 64, ("pgbench",))}

THROUGHPUT = ("throughput", "calls_per_s")
CPU = ("CPU a call", "cpu_us")
P99 = ("p99", "p99_us")


@dataclass(frozen=True)
class Goal:
    slot: str
    scenario: str
    against: str  # a target's name, or "" for a plain number
    title: str
    metric: tuple  # what it is called, and the key of the measurement
    least: bool  # at least, or at most
    bound: float
    other: Callable = lambda results, goal: results[goal.slot][goal.against][goal.metric[1]]

    def has(self, results):
        return OWN in results.get(self.slot, {})

    def ratio(self, results):
        """Of one round; `results` is a measurement by slot and target."""
        own = results[self.slot][OWN][self.metric[1]]
        return own if self.against == "" else own / self.other(results, self)

    def met(self, ratio):
        return ratio >= self.bound if self.least else ratio <= self.bound

    @property
    def text(self):
        return f"{'>=' if self.least else '<='}{self.bound:g}"


GET, CREATE, MEM = "Get by id, 64 outstanding", "Create, 64 outstanding", "memory at 256 outstanding"

GOALS = (
    Goal("get", GET, "echo", "bare gRPC echo, C++", THROUGHPUT, True, 0.75),
    Goal("get", GET, "pgbench", "pgbench -M prepared", ("database CPU a read", "database_us"), False, 0.30),
    Goal("get", GET, "go", "Go on pgx", CPU, False, 0.30),
    Goal("get", GET, "go", "Go on pgx", THROUGHPUT, True, 2.5),
    Goal("get", GET, "go", "Go on pgx", P99, False, 1.0),
    Goal("get", GET, "go_batch", "Go on pgx, Gets together", CPU, False, 0.70),
    Goal("get", GET, "go_batch", "Go on pgx, Gets together", THROUGHPUT, True, 1.4),
    Goal("get", GET, "node", "Node on Prisma", THROUGHPUT, True, 10),
    Goal("get_one", "Get by id, 1 outstanding", "go", "Go on pgx", ("p50", "p50_us"), False, 1.0),
    Goal("batch_get", "BatchGet of 100", "pgbench", "pgbench, single reads", ("rows a second", "records_per_s"),
         True, 8, other=lambda results, goal: results["get"]["pgbench"]["records_per_s"]),
    Goal("create", CREATE, "pgbench", "pgbench, single inserts", THROUGHPUT, True, 1.2),
    Goal("create", CREATE, "pgbench", "pgbench, single inserts", ("database CPU a row", "database_us"), False, 0.4),
    Goal("create", CREATE, "go", "Go on pgx", THROUGHPUT, True, 2),
    Goal("list", "List of 20, filtered, indexed", "go", "Go on pgx", THROUGHPUT, True, 1.5),
    Goal("storm", "Get at 25% of maximum, lists storm", "calm", "itself without the storm", P99, False, 3),
    Goal("memory", MEM, "", "", ("resident MB", "resident_mb"), False, 150),
    Goal("memory", MEM, "", "", ("growth, end to begin", "growth"), False, 1.1),
)
