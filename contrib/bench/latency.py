"""A line's way: from just before its writer is started until it has come out of the last follower."""

import os
import select
import shutil
import statistics
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from running import LIMIT, CannotMeasure, end_of, fresh_place, spawn, version_of, wait_for
from table import Row, measurement

BLOCKS = 6  # of each side, in turn: the followers of both at once could exceed the user's inotify limit
LINES = 50  # in each block


QUIET = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class KeeperWay:
    def __init__(self, bench):
        self.keeper = bench.keeper

    @contextmanager
    def serving(self, place):
        self.keeper.start(place, "s", ["cat"])
        place.take(self.keeper, "s")
        yield

    def follower(self, place):
        return [self.keeper.ctl, "logs", "-f", "s"]

    def writer(self, place, line):
        return [self.keeper.ctl, "write", "s", line.decode().rstrip("\n")], None


class SocatWay:
    """The same `cat`, fed by socat from a socket, writing into a file."""

    def __init__(self, path):
        self.path = path

    @contextmanager
    def serving(self, place):
        Path(place.path, "out").touch()
        with open(f"{place.path}/out", "ab") as out:
            cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out)
        listen = [self.path, "-u", f"UNIX-LISTEN:{place.path}/in,fork,backlog=128", "STDOUT"]
        socat = subprocess.Popen(listen, stdin=subprocess.DEVNULL, stdout=cat.stdin)
        cat.stdin.close()
        try:
            wait_for(lambda: os.path.exists(f"{place.path}/in"), "socket of socat")
            yield
        finally:
            end([socat, cat])

    def follower(self, place):
        return ["tail", "-n", "+1", "-F", f"{place.path}/out"]

    def writer(self, place, line):
        file = Path(place.path, "line")
        file.write_bytes(line)
        return [self.path, "-u", "STDIN", f"UNIX-CONNECT:{place.path}/in"], str(file)


def end(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def followed(way, place, count):
    """That many followers; descriptors of what they print."""
    command = way.follower(place)
    processes = []
    try:
        for _ in range(count):
            process = subprocess.Popen(command, env=place.environment, stdout=subprocess.PIPE, bufsize=0, **QUIET)
            processes.append(process)
        yield [process.stdout.fileno() for process in processes]
    finally:
        end(processes)
        for process in processes:
            process.stdout.close()


def send(way, place, poller, outputs, line):
    """Nanoseconds until all have the line."""
    command, stdin = way.writer(place, line)
    started = time.perf_counter_ns()
    pid = spawn(command, place.environment, stdin or os.devnull)
    try:
        receive(poller, outputs, len(line))
        return time.perf_counter_ns() - started
    finally:
        end_of(pid)


def receive(poller, outputs, size):
    missing = dict.fromkeys(outputs, size)
    while missing:
        ready = poller.poll(LIMIT)
        if not ready:
            raise CannotMeasure(f"a line did not come within {LIMIT} s")
        for output, _ in ready:
            got = len(os.read(output, 65536))
            if got == 0:
                raise CannotMeasure("a follower ended")
            missing[output] -= got
            if missing[output] == 0:
                del missing[output]


def block(bench, way, followers):
    with fresh_place(bench.fast) as place, way.serving(place), followed(way, place, followers) as outputs:
        with select.epoll() as poller:
            for output in outputs:
                poller.register(output, select.EPOLLIN)
            send(way, place, poller, outputs, b"the followers are there\n")
            lines = range(min(bench.runs, LINES))
            return [send(way, place, poller, outputs, b"line %06d of the quick brown fox\n" % n) for n in lines]


@measurement("latency")
def measure_latency(bench):
    socat = shutil.which("socat")
    ways = [KeeperWay(bench)] + ([SocatWay(socat)] if socat else [])
    peer_name = f"socat {version_of(socat, '-V')}, tail {version_of('tail')}" if socat else "socat: not installed"
    for followers in (1, 100):
        times = {way: [] for way in ways}
        for number in range(BLOCKS):
            for way in ways if number % 2 == 0 else ways[::-1]:
                times[way].append(block(bench, way, followers))
        what = f"from write to logs -f, {followers} follower" + ("s, the last" if followers > 1 else "")
        for name, measure in (("median", statistics.median), ("p99", p99)):
            # The blocks' middle: one busy moment of the machine does not decide.
            figures = [[measure(values) / 1000 for values in times[way]] for way in ways]
            row = Row(f"{what}, {name}", "µs", statistics.median(figures[0]), peer_name=peer_name, bound=1.0)
            if socat:
                row.peer = statistics.median(figures[1])
                row.ratio = statistics.median(a / b for a, b in zip(*figures))
            yield row


def p99(values):
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]
