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
    for keeper in bench.keepers:
        yield paired_row(
            label(bench, what, keeper), times[keeper], times.get(bench.dtach), bench.peer_name, bound=own(bench, keeper, bound)
        )


def label(bench, what, keeper):
    return what if len(bench.keepers) == 1 else f"{what}, {keeper.libc}"


def own(bench, keeper, bound):
    """Targets are those of the first."""
    return bound if keeper is bench.keeper else None


@measurement("start")
def measure_start(bench):
    program = shutil.which("true")
    bare = statistics.median(run_timed([program], os.environ) for _ in range(bench.runs))
    yield Row("`true`, whole command, for comparison", "µs", bare / 1000)
    yield from start_rows(bench, "start, whole command", bench.root)
    # What the disk's file system makes of ten new files is a good part of the row above.
    yield from start_rows(bench, "start, whole command, files in memory", bench.fast)


def start_rows(bench, what, root):
    with ExitStack() as started:
        # Ended only when all is measured: ext4 is slow to create files just after it has removed some.
        def once(side):
            place = started.enter_context(fresh_place(root))
            spent = side.start(place, "s", ["cat"])
            place.take(side, "s")
            return spent

        times = pairs(bench.keepers + bench.peers, once, bench.runs)
    yield from beside_dtach(bench, what, times, 1.0)


@measurement("write")
def measure_write(bench):
    line_file = Path(bench.root, "line")
    line_file.write_text("The quick brown fox jumps over the lazy dog.\n")
    with fresh_place(bench.root) as place:
        sides = bench.keepers + bench.peers
        for side in sides:
            side.start(place, side.name, ["sh", "-c", "exec cat >/dev/null"])
            place.take(side, side.name)
        settle()
        times = pairs(sides, lambda side: side.write(place, side.name, str(line_file)), bench.runs * 2)
    yield from beside_dtach(bench, "one-line write, whole command", times, 0.75)


@measurement("memory")
def measure_memory(bench):
    sums = {}
    with fresh_place(bench.root) as place:
        for side in bench.keepers + bench.peers:
            pids = []
            for number in range(CROWD):
                side.start(place, f"{side.name}{number}", ["cat"])
                pids.append(place.take(side, f"{side.name}{number}"))
            sums[side] = pids
        settle()
        means = {side: [mean_of(pids, key) for key in ("Private_Dirty", "Pss")] for side, pids in sums.items()}
        threads = len(os.listdir(f"/proc/{sums[bench.keeper][0]}/task"))
    for index, (what, bound) in enumerate((("private dirty memory", 0.32), ("Pss", None))):
        for keeper in bench.keepers:
            row = Row(
                label(bench, f"{what}, one of {CROWD} idle", keeper), "KiB", means[keeper][index],
                peer_name=bench.peer_name, bound=own(bench, keeper, bound), digits=1,
            )
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
    for keeper in bench.keepers:
        for path in (keeper.keeper, keeper.ctl):
            what = label(bench, f"executable {Path(path).name}", keeper)
            yield Row(what, "MB", os.stat(path).st_size / 1e6, bound=own(bench, keeper, 1.2), digits=2)
