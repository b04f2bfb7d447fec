"""A thousand sessions at once."""

import re
import time
from pathlib import Path

from running import fresh_place, run_timed, settle
from table import Row, measurement

SESSIONS = 1_000
REST = 3  # seconds


@measurement("crowd")
def measure_crowd(bench):
    ctl = bench.keeper.ctl
    with fresh_place(bench.fast) as place:
        names = [f"s{number}" for number in range(SESSIONS)]
        pids = []
        started = time.perf_counter()
        for name in names:
            bench.keeper.start(place, name, ["cat"])
            pids.append(place.take(bench.keeper, name))
        start = time.perf_counter() - started
        started = time.perf_counter()
        for name in names:
            run_timed([ctl, "write", name, "hello"], place.environment)
        write = time.perf_counter() - started
        settle()
        pss = sum(field(pid, "smaps_rollup", "Pss") for pid in pids)
        before = sum(field(pid, "status", "voluntary_ctxt_switches") for pid in pids)
        time.sleep(REST)
        woken = sum(field(pid, "status", "voluntary_ctxt_switches") for pid in pids) - before
        kill = run_timed([ctl, "kill", "--all"], place.environment) / 1e9
    of = f"{SESSIONS:,} sessions"
    yield Row(f"{of}: start all, one after the other", "s", start, digits=2)
    yield Row(f"{of}: write a line to all, one after the other", "s", write, digits=2)
    yield Row(f"{of}: kill --all", "s", kill, digits=2)
    yield Row(f"{of}: Pss of all keepers", "MiB", pss / 1024, digits=1)
    yield Row(f"{of}: wake-ups in {REST} s of rest", "", woken, bound=0)


def field(pid, file, name):
    text = Path(f"/proc/{pid}/{file}").read_text()
    return int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1])


RESTARTING = 100
STORM = 20  # seconds: from the first short delays to the longer ones


@measurement("storm")
def measure_storm(bench):
    """Sessions whose commands fail again and again: what their keepers, without the commands, cost."""
    ctl = bench.keeper.ctl
    with fresh_place(bench.fast) as place:
        names = [f"r{number}" for number in range(RESTARTING)]
        options = ["--restart", "always", "--ready", "output"]
        pids = []
        started = time.perf_counter()
        for name in names:
            run_timed([ctl, "spawn", *options, name, "--", "sh", "-c", "echo up; exit 1"], place.environment)
            pids.append(place.take(bench.keeper, name))
        before = sum(processor_time(pid) for pid in pids)
        begun = time.perf_counter()
        time.sleep(STORM)
        spent = sum(processor_time(pid) for pid in pids) - before
        passed = time.perf_counter() - begun
        restarts = 0
        for name in names:
            events = Path(place.path, f"{name}.d/events.jsonl").read_text()
            restarts += events.count('"event":"restarting"')
        run_timed([ctl, "kill", "--all"], place.environment)
    of = f"{RESTARTING} restarting sessions, {restarts} restarts in {begun - started + passed:.0f} s"
    yield Row(f"{of}: all keepers' share of a core", "%", spent / passed / 1e7, bound=5, digits=2)


def processor_time(pid):
    """Nanoseconds on a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
