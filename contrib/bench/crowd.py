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
