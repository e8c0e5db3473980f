"""Gateway and peers under the same load, in alternation: one table of ratios.

./dev bench builds what this starts; README.md beside it says how to read it.
"""

import argparse
import json
import pathlib
import signal
import statistics
import sys

import targets
from postgres import Postgres
from processes import Process
from scenarios import ALSO, GOALS, MEMORY, SLOTS


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="also write the ratios there")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="[5]")
    parser.add_argument("--seconds", type=float, default=3, metavar="S",
                        help="that each target is measured in a round [3]")
    parser.add_argument("--only", choices=[slot.name for slot in (*SLOTS, MEMORY)], action="append", metavar="SCENARIO",
                        help="of: %(choices)s; may be repeated")
    parser.add_argument("--soak", type=float, default=10, metavar="SECONDS", help="that memory is watched [10]")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 1 or options.soak < 2:
        parser.error("at least 1 round of 1 second, and 2 seconds of --soak")
    options.build = options.build.resolve()
    options.warm_up = 1
    return options


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def migrate(build, postgres):
    """Has the gateway make its tables, and ends it."""
    server = targets.start("storegate", build, postgres)
    server.stop()


def chosen_slots(options):
    slots = [slot for slot in SLOTS if not options.only or slot.name in options.only]
    names = {slot.name for slot in slots}
    for name, slot in ALSO.items():
        if name in names and slot.name not in names:
            slots.insert(0, slot)
    return slots, not options.only or MEMORY.name in options.only


def run_slot(slot, servers, options):
    results = {}
    slot.run(servers, results, options)
    return results


def rotated(slot, by):
    """The same slot, its targets beginning with another one."""
    by %= len(slot.targets)
    return type(slot)(slot.name, slot.scenario, slot.outstanding, slot.targets[by:] + slot.targets[:by])


def measure(options, servers):
    """One dictionary a round: slot, target, measurement."""
    slots, memory = chosen_slots(options)
    say("a short run of everything, to warm up and to see that the answers are right")
    short = argparse.Namespace(**{**vars(options), "seconds": 1.0, "warm_up": 0.5})
    for slot in slots:
        run_slot(slot, servers, short)
    rounds = []
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        rounds.append({slot.name: run_slot(rotated(slot, number), servers, options) for slot in slots})
    if memory:
        say(f"memory, {options.soak:g} s")
        rounds.append({MEMORY.name: run_slot(MEMORY, servers, options)})
    return rounds


def table(rounds):
    """Rows of (goal, median, least, most)."""
    rows = []
    for goal in GOALS:
        ratios = [goal.ratio(results) for results in rounds if goal.has(results)]
        if ratios:
            rows.append((goal, statistics.median(ratios), min(ratios), max(ratios)))
    return rows


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def show(rows):
    lines = [("scenario", "against", "metric", "ratio", "spread", "goal", "")]
    for goal, median, least, most in rows:
        lines.append((goal.scenario, goal.title, goal.metric[0], number(median), f"{number(least)}..{number(most)}",
                      goal.text, "met" if goal.met(median) else "NOT MET"))
    widths = [max(len(line[column]) for line in lines) for column in range(7)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    print(f"{sum(goal.met(median) for goal, median, *_ in rows)} of {len(rows)} goals met")


CONTEXT = (
    ("calls_per_s", "calls/s"), ("p50_us", "p50 us"), ("p99_us", "p99 us"), ("server_us", "server CPU us"),
    ("database_us", "database CPU us"), ("storm_calls_per_s", "lists/s beside"),
)


def show_context(rounds):
    """Absolute numbers, medians: of this machine, so no result."""
    print("\nfor context, on this machine (medians):")
    seen = [(slot, name) for results in rounds for slot, found in results.items() for name in found]
    for slot, name in sorted(set(seen), key=seen.index):
        parts = []
        for key, label in CONTEXT:
            values = [r[slot][name][key] for r in rounds if slot in r and name in r[slot] and r[slot][name].get(key)]
            if values:
                parts.append(f"{number(statistics.median(values))} {label}")
        print(f"  {slot} {name}: {', '.join(parts)}")


def main():
    options = arguments()
    # However it is ended, what it has started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    postgres = options.postgres = Postgres()
    servers = {}
    try:
        say("starting PostgreSQL and filling the tables")
        postgres.start()
        migrate(options.build, postgres)
        postgres.fill(options.build / "bench_load")
        slots, memory = chosen_slots(options)
        for name in dict.fromkeys(name for slot in (*slots, MEMORY) for name in slot.targets):
            servers[name] = targets.start(name, options.build, postgres)
        rounds = measure(options, servers)
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as error:
        sys.exit(f"bench: {error}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        Process.stop_all()
        postgres.remove()
    rows = table(rounds)
    show(rows)
    show_context(rounds)
    if options.json:
        found = [{"scenario": goal.scenario, "against": goal.title, "metric": goal.metric[0], "ratio": round(median, 4),
                  "goal": goal.text} for goal, median, *_ in rows]
        pathlib.Path(options.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
