"""Running programs, timing them, and ending what was started."""

import os
import re
import select
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager

LIMIT = 20  # seconds that anything here may take before it counts as failed


def version_of(path, *arguments):
    """The first thing that looks like a version in what a program says about itself, or "?"."""
    told = subprocess.run([path, *(arguments or ["--version"])], capture_output=True, text=True)
    return (re.search(r"\d+(\.\d+)+", told.stdout + told.stderr) or ["?"])[0]


class CannotMeasure(Exception):
    """Why there is no figure."""


class Place:
    """A fresh directory, and the processes that were started in it."""

    def __init__(self, root):
        self.path = tempfile.mkdtemp(dir=root)
        self.environment = {**os.environ, "KEEPER_SESSIONS_DIR": self.path}
        self.pids, self.handles = [], []

    def take(self, peer, name):
        """Remembers a background process, so that it is ended in any case, and no other that gets its PID."""
        pid = peer.find(self, name)
        self.handles.append(os.pidfd_open(pid))
        self.pids.append(pid)
        return pid

    def close(self):
        deadline = time.monotonic() + LIMIT
        left = self.handles
        for number in (signal.SIGTERM, signal.SIGKILL):
            for handle in left:
                try:
                    signal.pidfd_send_signal(handle, number)
                except ProcessLookupError:
                    pass
            left = still_there(left, min(deadline, time.monotonic() + LIMIT / 2))
        for handle in self.handles:
            os.close(handle)


def still_there(handles, deadline):
    poller = select.poll()
    for handle in handles:
        poller.register(handle, select.POLLIN)
    left = set(handles)
    while left and time.monotonic() < deadline:
        for handle, _ in poller.poll((deadline - time.monotonic()) * 1000):
            poller.unregister(handle)
            left.discard(handle)
    return list(left)


@contextmanager
def fresh_place(root):
    place = Place(root)
    try:
        yield place
    finally:
        place.close()


def run_timed(arguments, environment=os.environ, stdin=os.devnull, any_status=False, limit=LIMIT):
    """Runs a command to its end, its output discarded; nanoseconds for all of it."""
    started = time.perf_counter_ns()
    status = end_of(spawn(arguments, environment, stdin), limit)
    spent = time.perf_counter_ns() - started
    if status != 0 and not any_status:
        raise CannotMeasure(f"{' '.join(arguments)} ended with status {os.waitstatus_to_exitcode(status)}")
    return spent


def spawn(arguments, environment, stdin):
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    return os.posix_spawnp(arguments[0], arguments, environment, file_actions=actions)


def end_of(pid, limit=LIMIT):
    """The status a child of ours ends with; one that takes too long is killed."""

    def too_late(*_):
        raise CannotMeasure(f"a command took longer than {limit} s")

    signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        _, status = os.waitpid(pid, 0)
        return status
    except BaseException:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def wait_for(condition, what):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.002)
    raise CannotMeasure(f"no {what} within {LIMIT} s")


def settle():
    os.sync()
    time.sleep(1)
