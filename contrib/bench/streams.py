"""Many bytes: from a child into its journal, and from a client into a child."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from running import CannotMeasure, fresh_place, run_timed, version_of
from table import measurement, paired_row, pairs

LINE = b"The quick brown fox jumps over the lazy dog, and again: the quick brown fox jumps over the lazy dog\n"
BYTES_OUT = (256 << 20) // len(LINE) * len(LINE)
BYTES_IN = 200_000_000 // len(LINE) * len(LINE)
MIB = 1 << 20
PATIENCE = 90  # seconds for one pass, on a slow machine

# A container runtime as conmon needs it: starts the command on its own descriptors, leaves its PID, and is gone.
RUNTIME = """#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in --pid-file) file=$2 ;; esac
    shift
done
{command} </dev/null &
printf %s $! >"$file"
"""


@contextmanager
def prepared(bench, size):
    """A file of 100-byte lines."""
    path = Path(bench.fast, "lines")
    with open(path, "wb") as file:
        block = LINE * 10_000
        for _ in range(size // len(block)):
            file.write(block)
        file.write(block[: size % len(block)])
    try:
        yield path
    finally:
        path.unlink()


def speeds(times, size):
    return [size / MIB / (spent / 1e9) for spent in times]


class Journal:
    """`keeper` from its start to its end, all of the output kept."""

    def __init__(self, bench):
        self.program = bench.keeper.keeper

    def once(self, place, writer, size):
        command = [self.program, "--journal-size", "1G", "s", "--", *writer]
        spent = run_timed(command, place.environment, limit=PATIENCE)
        segments = Path(place.path, "s.d").glob("stdout.*.log")
        return spent, sum(path.stat().st_size for path in segments) == size


class Cat:
    def once(self, place, writer, size):
        file = f"{place.path}/out"
        spent = run_timed(["/bin/sh", "-c", '"$@" | cat >"$0"', file, *writer], limit=PATIENCE)
        return spent, os.stat(file).st_size == size


class Conmon:
    def __init__(self):
        self.path = shutil.which("conmon")

    def once(self, place, writer, size):
        folder = Path(place.path)
        runtime = folder / "runtime"
        runtime.write_text(RUNTIME.format(command=" ".join(writer)))
        runtime.chmod(0o700)
        (folder / "bundle").mkdir()
        name = folder.name.ljust(64, "0")
        command = [self.path, "--sync", "--no-sync-log", "-c", name, "-u", name, "-n", name, "-r", str(runtime)]
        command += ["-b", f"{folder}/bundle", "-p", f"{folder}/pid", "-l", f"{folder}/log"]
        command += ["--socket-dir-path", str(folder), "--exit-dir", str(folder)]
        started = run_timed(command, any_status=True, limit=PATIENCE)
        # Its exit status is 1 outside of an engine; what it recorded of the child's is what counts.
        ended_well = (folder / name).exists() and (folder / name).read_text() == "0"
        return started, ended_well and (folder / "log").stat().st_size > size


@measurement("output")
def measure_output(bench):
    with prepared(bench, BYTES_OUT) as lines:
        conmon = Conmon()
        sides = [Journal(bench), Cat()] + ([conmon] if conmon.path else [])
        name = f"conmon {version_of(conmon.path)}" if conmon.path else "conmon: not installed"
        what = "256 MiB of 100-byte lines to the journal"
        found = output_speeds(bench, sides, ["dd", f"if={lines}", "bs=64K", "status=none"], bounded(bench, 7))
        yield output_row(f"{what}, 64 KiB writes", found[sides[0]], found[sides[1]], f"cat {cat_version()}", 1.0)
        yield output_row(f"{what}, 64 KiB writes", found[sides[0]], found.get(conmon), name, 4)
        found = output_speeds(bench, sides[:2], ["dd", f"if={lines}", "bs=100", "status=none"], bounded(bench, 5))
        yield output_row(f"{what}, one write per line", found[sides[0]], found[sides[1]], f"cat {cat_version()}", 1.3)


def bounded(bench, most):
    return min(bench.runs, most)


def cat_version():
    return version_of("cat")


def output_speeds(bench, sides, writer, runs):
    def once(side):
        with fresh_place(bench.fast) as place:
            spent, complete = side.once(place, writer, BYTES_OUT)
            shutil.rmtree(place.path)
        if not complete:
            raise CannotMeasure(f"{type(side).__name__} has not kept all of the output")
        return spent

    return {side: speeds(times, BYTES_OUT) for side, times in pairs(sides, once, runs).items()}


def output_row(what, own, other, peer_name, least):
    return paired_row(what, own, other, peer_name, unit="MiB/s", scale=1, least=least)


@measurement("input")
def measure_input(bench):
    child = "exec cat >/dev/null"
    with prepared(bench, BYTES_IN) as lines, fresh_place(bench.fast) as place:
        bench.keeper.start(place, "s", ["sh", "-c", child])
        place.take(bench.keeper, "s")
        commands = {
            "keeper": [bench.keeper.ctl, "write", "s"],
            "cat": ["/bin/sh", "-c", f"cat | sh -c '{child}'"],
        }

        def once(side):
            return run_timed(commands[side], place.environment, stdin=str(lines), limit=PATIENCE)

        found = pairs(list(commands), once, bounded(bench, 11))
    own, other = (speeds(found[side], BYTES_IN) for side in commands)
    what = "200 MB of 100-byte lines from one client into the child"
    yield paired_row(what, own, other, f"cat {cat_version()}", unit="MiB/s", scale=1, least=0.9)
