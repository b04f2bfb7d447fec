"""Start, one-line write, memory, idle system calls and size, beside dtach."""

import os
import re
import shutil
import signal
import statistics
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from running import LIMIT, CannotMeasure, fresh_place, run_timed, settle
from table import Row, measurement, paired_row, pairs

IDLE_SECONDS = 10
CROWD = 100


def beside_dtach(bench, what, times, bound):
    return paired_row(what, times[bench.keeper], times.get(bench.dtach), bench.peer_name, bound=bound)


@measurement("start")
def measure_start(bench):
    program = shutil.which("true")
    bare = statistics.median(run_timed([program], os.environ) for _ in range(bench.runs))
    yield Row("`true`, whole command, for comparison", "µs", bare / 1000)
    yield start_row(bench, "start, whole command", bench.root)
    # What the disk's file system makes of ten new files is a good part of the row above.
    yield start_row(bench, "start, whole command, files in memory", bench.fast)


def start_row(bench, what, root):
    with ExitStack() as started:
        # Ended only when all is measured: ext4 is slow to create files just after it has removed some.
        def once(side):
            place = started.enter_context(fresh_place(root))
            spent = side.start(place, "s", ["cat"])
            place.take(side, "s")
            return spent

        times = pairs(bench.sides, once, bench.runs)
    return beside_dtach(bench, what, times, 1.0)


@measurement("write")
def measure_write(bench):
    line_file = Path(bench.root, "line")
    line_file.write_text("The quick brown fox jumps over the lazy dog.\n")
    with fresh_place(bench.root) as place:
        for side in bench.sides:
            side.start(place, side.name, ["sh", "-c", "exec cat >/dev/null"])
            place.take(side, side.name)
        settle()
        times = pairs(bench.sides, lambda side: side.write(place, side.name, str(line_file)), bench.runs * 2)
    yield beside_dtach(bench, "one-line write, whole command", times, 0.9)


@measurement("memory")
def measure_memory(bench):
    sums = {}
    with fresh_place(bench.root) as place:
        for side in bench.sides:
            pids = []
            for number in range(CROWD):
                side.start(place, f"{side.name}{number}", ["cat"])
                pids.append(place.take(side, f"{side.name}{number}"))
            sums[side] = pids
        settle()
        means = {side: [mean_of(pids, key) for key in ("Private_Dirty", "Pss")] for side, pids in sums.items()}
        threads = len(os.listdir(f"/proc/{sums[bench.keeper][0]}/task"))
    for index, (what, bound) in enumerate((("private dirty memory", 0.55), ("Pss", None))):
        own = means[bench.keeper][index]
        row = Row(f"{what}, one of {CROWD} idle", "KiB", own, peer_name=bench.peer_name, bound=bound, digits=1)
        if bench.dtach in means:
            row.peer = means[bench.dtach][index]
            row.ratio = row.value / row.peer
        yield row
    yield Row("threads", "", threads, bound=1)


def mean_of(pids, key):
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(rf"^{key}:\s+(\d+)", text, re.MULTILINE)[1])
    return total / len(pids)


@measurement("idle")
def measure_idle(bench):
    tracer = shutil.which("strace")
    if not tracer:
        raise CannotMeasure("strace is not installed")
    with fresh_place(bench.root) as place:
        traces = []
        for side in bench.sides:
            side.start(place, side.name, ["cat"])
            place.take(side, side.name)
        settle()
        for side, pid in zip(bench.sides, place.pids):
            file = f"{bench.root}/trace.{side.name}"
            command = [tracer, "-f", "-c", "-o", file, "-p", str(pid)]
            traces.append((side, file, subprocess.Popen(command, stderr=subprocess.DEVNULL)))
        time.sleep(IDLE_SECONDS)
        counts = {}
        for side, file, process in traces:
            process.send_signal(signal.SIGINT)
            if process.wait(LIMIT) not in (0, -signal.SIGINT, 130):
                raise CannotMeasure("strace can't attach here")
            counts[side] = calls_in(Path(file).read_text())
    yield Row(f"system calls in {IDLE_SECONDS} idle seconds", "", counts[bench.keeper], counts.get(bench.dtach), bound=0)


def calls_in(summary):
    """The calls that began while strace watched; with none there is no table at all."""
    found = re.search(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+).*\stotal$", summary, re.MULTILINE)
    return int(found[1]) if found else 0


@measurement("size")
def measure_size(bench):
    for path in (bench.keeper.keeper, bench.keeper.ctl):
        yield Row(f"executable {Path(path).name}", "MB", os.stat(path).st_size / 1e6, bound=1.2, digits=2)
