"""Many bytes out of a journal: as they are, and as events. Rates are of one core: bytes by processor time."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from running import LIMIT, CannotMeasure, fresh_place, version_of, wait_for
from streams import BYTES_OUT, LINE, bounded, prepared
from table import Row, measurement, paired_row, pairs

MB = 1_000_000
WIDTH = len(LINE)
# As long as one of the lines, and nothing that jq would have to change.
OBJECT = json.dumps({"type": "message", "seq": 123456, "text": "x" * 49}, separators=(",", ":")).encode() + b"\n"
OBJECT = OBJECT.replace(b"x" * 49, b"x" * (49 + WIDTH - len(OBJECT)))


def cost(command, environment, wanted=None):
    """Nanoseconds of processor time until so many bytes have come, or all; its output goes nowhere."""
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
    deadline = time.monotonic() + LIMIT * 3
    count = 0
    try:
        while wanted is None or count < wanted:
            part = len(os.read(process.stdout.fileno(), 1 << 20))
            count += part
            if part == 0:
                break
            if time.monotonic() > deadline:
                raise CannotMeasure(f"{' '.join(command)} took too long")
    finally:
        if wanted is not None:
            process.send_signal(signal.SIGTERM)
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if wanted is not None and count != wanted or wanted is None and process.returncode != 0:
        raise CannotMeasure(f"{' '.join(command)}: {count} bytes, status {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e9


@contextmanager
def journal(bench, place, lines):
    """A live session that has written a file, and its only segment."""
    bench.keeper.start(place, "s", ["sh", "-c", f"cat '{lines}'; exec cat"], "--journal-size", "4G")
    place.take(bench.keeper, "s")
    folder = Path(place.path, "s.d")
    size = os.stat(lines).st_size
    wait_for(lambda: sum(path.stat().st_size for path in folder.glob("stdout.*.log")) == size, "whole journal")
    yield folder


@measurement("reading")
def measure_reading(bench):
    runs = bounded(bench, 7)
    with prepared(bench, BYTES_OUT) as lines, fresh_place(bench.fast) as place, journal(bench, place, lines) as folder:
        ctl = bench.keeper.ctl
        raw = [ctl, "logs", "-f", "s"]
        tail = ["tail", "-n", "+1", "-F", f"{folder}/stdout.log"]
        found = pairs([0, 1], lambda side: cost([raw, tail][side], place.environment, BYTES_OUT), runs)
        own, other = (rates(found[side], BYTES_OUT) for side in (0, 1))
        what = "256 MiB of 100-byte lines from the journal"
        yield paired_row(f"{what}, logs -f", own, other, f"tail {version_of('tail')} -F", unit="MB/s", scale=1, least=0.8)
        yield Row(f"{what}, logs -f", "MB/s", middle(own), least=200)
        events = [ctl, "logs", "--json", "s"]
        jq = shutil.which("jq")
        objects = Path(bench.fast, "objects")
        # jq is slow: a tenth will do.
        objects.write_bytes(OBJECT * (BYTES_OUT // WIDTH // 10))
        small = objects.stat().st_size
        sides = [0] + ([1] if jq else [])

        def once(side):
            return cost([events, [jq, "-c", ".", str(objects)]][side], place.environment)

        try:
            found = pairs(sides, once, runs)
        finally:
            objects.unlink()
        own, other = rates(found[0], BYTES_OUT), rates(found.get(1, []), small)
        name = f"jq {version_of(jq)} -c ." if jq else "jq: not installed"
        yield paired_row(f"{what}, logs --json", own, other, name, unit="MB/s", scale=1, least=3)
        yield Row(f"{what}, logs --json", "MB/s", middle(own), least=60)


def rates(costs, size):
    return [size / MB / (spent / 1e9) for spent in costs]


def middle(values):
    return sorted(values)[len(values) // 2]
