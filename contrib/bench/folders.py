"""Reading the sessions directory: many sidecars, many ended sessions, and the end of a full journal."""

import os
import shutil
from pathlib import Path

from running import CannotMeasure, fresh_place, run_timed, version_of
from table import measurement, paired_row, pairs

SESSIONS = 10_000
LIVE = 100
JOURNAL = 64 << 20


def in_turns(bench, commands, environment, most=None):
    """Two commands, each to its end, in turn: their times in nanoseconds."""
    runs = min(bench.runs, most) if most else bench.runs
    found = pairs([0, 1], lambda side: run_timed(commands[side], environment), runs)
    return found[0], found[1]


def find_and_print(folder, name):
    return ["find", folder, "-name", name, "-exec", "cat", "{}", "+"]


@measurement("discover")
def measure_discover(bench):
    # No process ever has the PID that is the limit of PIDs.
    dead = Path("/proc/sys/kernel/pid_max").read_text()
    with fresh_place(bench.fast) as place:
        for number in range(LIVE):
            bench.keeper.start(place, f"live{number}", ["cat"])
            place.take(bench.keeper, f"live{number}")
        for number in range(SESSIONS - LIVE):
            Path(place.path, f"dead{number}.rpc.sock.pid").write_text(dead)
        commands = [[bench.keeper.ctl, "discover", "--no-reap"], find_and_print(place.path, "*.rpc.sock.pid")]
        own, other = in_turns(bench, commands, place.environment, most=31)
    what = f"discover --no-reap, {SESSIONS:,} sidecars, {LIVE} live"
    yield paired_row(what, own, other, f"find {version_of('find')}", unit="ms", scale=1e6, bound=0.7, digits=1)


@measurement("list")
def measure_list(bench):
    with fresh_place(bench.fast) as place:
        run_timed([bench.keeper.keeper, "ended", "--", "echo", "done"], place.environment)
        for number in range(SESSIONS - 1):
            copy_session(place.path, "ended", f"ended{number}")
        commands = [[bench.keeper.ctl, "ls", "-a"], find_and_print(place.path, "status.json")]
        own, other = in_turns(bench, commands, place.environment, most=31)
        shutil.rmtree(place.path)
    what = f"ls -a, {SESSIONS:,} ended sessions"
    yield paired_row(what, own, other, f"find {version_of('find')}", unit="ms", scale=1e6, bound=1.0, digits=1)


def copy_session(folder, name, other):
    """All files of an ended session under another ID."""
    os.mkdir(f"{folder}/{other}.d", 0o700)
    os.link(f"{folder}/keeper-{name}.log", f"{folder}/keeper-{other}.log")
    for entry in os.listdir(f"{folder}/{name}.d"):
        if entry == "status.json":
            status = Path(folder, f"{name}.d", entry).read_text()
            renamed = status.replace(f'"sessionId":"{name}"', f'"sessionId":"{other}"')
            Path(folder, f"{other}.d", entry).write_text(renamed)
        else:
            os.link(f"{folder}/{name}.d/{entry}", f"{folder}/{other}.d/{entry}")


@measurement("tail")
def measure_tail(bench):
    with fresh_place(bench.fast) as place:
        # More than the journal keeps, so that it is full.
        writer = f"yes 'The quick brown fox jumps over the lazy dog.' | head -c {JOURNAL * 5 // 4}"
        run_timed([bench.keeper.keeper, "s", "--", "sh", "-c", writer], place.environment)
        segments = sorted(Path(place.path, "s.d").glob("stdout.*.log"))
        copy = Path(place.path, "copy")
        with open(copy, "wb") as file:
            for segment in segments:
                file.write(segment.read_bytes())
        if copy.stat().st_size < JOURNAL // 2:
            raise CannotMeasure("the journal is not full")
        commands = [[bench.keeper.ctl, "logs", "--tail", "10", "s"], ["tail", "-n", "10", str(copy)]]
        own, other = in_turns(bench, commands, place.environment)
        shutil.rmtree(place.path)
    what = "logs --tail 10 of a full 64 MiB journal"
    yield paired_row(what, own, other, f"tail {version_of('tail')}", bound=1.2)
