"""The gateway's WebSockets beside those of other servers, and what its readers cost a session."""

import contextlib
import os
import pty
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import tty
from pathlib import Path

import gateway
from crowd import field
from running import LIMIT, CannotMeasure, fresh_place
from table import Row, measurement, paired_row, pairs
from websocket import BINARY, TEXT, WebSocket, delays, lines_per_second, swallow

LINE = b"x" * 99 + b"\n"
LINES = 20_000  # of all clients, in one pass
DELAYS = 2_000
PASSES = 5
IDLE = 1_000
REST = 3  # seconds, between two pings
STARTS = 21

# Writes 500 kB each 10 ms, and says in a file how long all of it took.
WRITER = """
import os, sys, time
block, count = (b"y" * 99 + b"\\n") * 5000, int(sys.argv[2])
while not os.path.exists(sys.argv[1] + ".go"): time.sleep(0.01)
started = time.monotonic()
for number in range(count):
    rest = memoryview(block)
    while rest: rest = rest[os.write(1, rest):]
    time.sleep(max(0, started + number * 0.01 - time.monotonic()))
open(sys.argv[1] + ".new", "w").write(str(count * len(block) / (time.monotonic() - started)))
os.rename(sys.argv[1] + ".new", sys.argv[1])
"""
SECONDS = 6

TERMINADO = """
import sys, tornado.ioloop, tornado.web, terminado
manager = terminado.SingleTermManager(shell_command=["cat"])
application = tornado.web.Application([(r"/", terminado.TermSocket, {"term_manager": manager})])
application.listen(int(sys.argv[1]), "127.0.0.1")
tornado.ioloop.IOLoop.current().start()
"""


class Gateway:
    """A gateway of a place's sessions, at a port of its own."""

    def __init__(self, bench, place):
        self.bench, self.place, self.port = bench, place, gateway.free_port()
        command = [bench.keeper.ctl, "gateway", "--show-token"]
        told = subprocess.run(command, env=place.environment, capture_output=True, text=True, check=True)
        self.token = told.stdout.strip()
        command = [bench.keeper.ctl, "gateway", "--listen", f"127.0.0.1:{self.port}"]
        self.server = gateway.Server(command, place.environment, f"http://127.0.0.1:{self.port}/")

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_):
        self.server.__exit__()

    @property
    def pid(self):
        return self.server.process.pid

    def session(self, name, command, *options):
        self.bench.keeper.start(self.place, name, command, *options)
        self.place.take(self.bench.keeper, name)

    def attach(self, name):
        return WebSocket(self.port, f"/api/v1/sessions/{name}/attach", BINARY, self.token)


def websocketd_at(path, port):
    command = [path, "--address=127.0.0.1", f"--port={port}", "--loglevel=error", "cat"]
    return gateway.Server(command, os.environ, f"http://127.0.0.1:{port}/")


@measurement("gateway")
def measure_lines(bench):
    """There and back through `cat`."""
    path = shutil.which("websocketd")
    peer = "websocketd" if path else "websocketd: not installed"
    for count in (1, 50):
        with fresh_place(bench.fast) as place, Gateway(bench, place) as own, contextlib.ExitStack() as stack:
            for number in range(count):
                own.session(f"s{number}", ["cat"])
            clients = {"own": [stack.enter_context(own.attach(f"s{number}")) for number in range(count)]}
            # Its text frames are lines without their ends.
            forms = {"own": (LINE, len(LINE)), "peer": (LINE[:-1], len(LINE) - 1)}
            if path:
                port = gateway.free_port()
                stack.enter_context(websocketd_at(path, port))
                clients["peer"] = [stack.enter_context(WebSocket(port, "/", TEXT)) for _ in range(count)]
            of = f"lines through cat and back over WebSocket, {count} client{'s' if count > 1 else ''}"

            def rate(side):
                return lines_per_second(clients[side], *forms[side], LINES // count)

            def delay(side):
                return statistics.median(delays(clients[side], *forms[side], DELAYS // count))

            found = pairs(list(clients), rate, PASSES)
            yield paired_row(of, found["own"], found.get("peer"), peer, unit="/s", scale=1, least=2)
            found = pairs(list(clients), delay, PASSES)
            yield paired_row(f"{of}, median delay", found["own"], found.get("peer"), peer, bound=0.7)


@measurement("gateway")
def measure_idle_sockets(bench):
    path = shutil.which("websocketd")
    has_terminado = subprocess.run([sys.executable, "-c", "import terminado"], capture_output=True).returncode == 0
    figures = {}
    with fresh_place(bench.fast) as place, Gateway(bench, place) as own:
        own.session("s", ["cat"])
        for what, connect in [
            ("the API's", lambda: WebSocket(own.port, "/api/v1/ws", TEXT, own.token)),
            ("a session's", lambda: own.attach("s")),
        ]:
            with contextlib.ExitStack() as stack:
                figures[what] = memory_each(stack, own.pid, connect)
                figures[what, "woken"] = wake_ups(own.pid)
    peers = []
    if path:
        port = gateway.free_port()
        with websocketd_at(path, port) as server, contextlib.ExitStack() as stack:
            each = memory_each(stack, server.process.pid, lambda: WebSocket(port, "/", TEXT))
            peers.append(("websocketd without its commands", each))
    else:
        peers.append(("websocketd: not installed", None))
    if has_terminado:
        port = gateway.free_port()
        command = [sys.executable, "-c", TERMINADO, str(port)]
        with gateway.Server(command, os.environ, f"http://127.0.0.1:{port}/") as server:
            with contextlib.ExitStack() as stack:
                each = memory_each(stack, server.process.pid, lambda: WebSocket(port, "/", TEXT))
        peers.append(("terminado", each))
    else:
        peers.append(("terminado: not installed", None))
    for what in ("the API's", "a session's"):
        for peer, each in peers:
            ratio = figures[what] / each if each else None
            yield Row(
                f"{IDLE:,} idle WebSockets, {what}: Pss each", "KiB", figures[what], each, peer, ratio, bound=0.1,
                digits=2,
            )
        woken = figures[what, "woken"]
        yield Row(f"{IDLE:,} idle WebSockets, {what}: wake-ups in {REST} s between pings", "", woken, bound=0)


def memory_each(stack, pid, connect):
    """KiB that each of the idle connections takes of a server's memory."""
    stack.enter_context(connect())  # what is made once is made
    time.sleep(2)
    before = field(pid, "smaps_rollup", "Pss")
    for _ in range(IDLE - 1):
        stack.enter_context(connect())
    time.sleep(2)
    return (field(pid, "smaps_rollup", "Pss") - before) / (IDLE - 1)


def wake_ups(pid):
    def woken():
        return field(pid, "status", "voluntary_ctxt_switches")

    # Pings of all come together, each 5 s of the monotonic clock.
    time.sleep(5 - time.monotonic() % 5 + 0.5)
    before = woken()
    time.sleep(REST)
    return woken() - before


@measurement("gateway")
def measure_readers(bench):
    rates, memory = {"alone": [], "read": []}, []
    with fresh_place(bench.fast) as place, Gateway(bench, place) as own:
        for side in ("alone", "read", "read", "alone"):
            name = f"w{sum(map(len, rates.values()))}"
            told = Path(place.path, f"{name}.told")
            command = [sys.executable, "-c", WRITER, str(told), str(SECONDS * 100)]
            own.session(name, command, "--journal-size", "64M")
            with contextlib.ExitStack() as stack:
                reader = None
                if side == "read":
                    clients = [stack.enter_context(own.attach(name)) for _ in range(100)]
                    reader = swallow(clients[10:])
                try:
                    Path(f"{told}.go").touch()
                    deadline = time.monotonic() + LIMIT + SECONDS * 4
                    sizes = []
                    while not told.exists():
                        if time.monotonic() > deadline:
                            raise CannotMeasure("a session that is read has not come to its end")
                        time.sleep(0.5)
                        sizes.append(field(own.pid, "smaps_rollup", "Pss"))
                    rates[side].append(float(told.read_text()))
                    if side == "read":
                        memory.append((sizes[len(sizes) // 2], sizes[-1]))
                finally:
                    if reader:
                        os.kill(reader, signal.SIGKILL)
                        os.waitpid(reader, 0)
    yield paired_row(
        "50 MB/s of a session with 100 readers, 10 of them stopped", [rate / 1e6 for rate in rates["read"]],
        [rate / 1e6 for rate in rates["alone"]], "the session alone", unit="MB/s", scale=1, least=0.95, digits=1,
    )
    early, late = ([pair[place] / 1024 for pair in memory] for place in (0, 1))
    yield paired_row(
        "the gateway's Pss at the end of it", late, early, "half-way", unit="MiB", scale=1, bound=1.1, digits=1
    )


@measurement("gateway")
def measure_keys(bench):
    """A key's way to a terminal that echoes it, and back."""
    keys = min(bench.runs * 5, 500)
    with fresh_place(bench.fast) as place, Gateway(bench, place) as own:
        for name in ("a", "b"):
            own.session(name, ["cat"], "--tty")
        terminal, other_end = pty.openpty()
        tty.setraw(other_end)
        attach = subprocess.Popen(
            [bench.keeper.ctl, "attach", "b"], env=place.environment, stdin=other_end, stdout=other_end,
            stderr=subprocess.DEVNULL,
        )
        os.close(other_end)
        try:
            with own.attach("a") as client:
                time.sleep(0.5)
                os.read(terminal, 1 << 16)
                delays([client], b"k", 1, 20)
                ways = {"own": lambda: delays([client], b"k", 1, 1)[0], "peer": lambda: key_through(terminal)}
                key_through(terminal)
                found = pairs(list(ways), lambda side: ways[side](), keys)
        finally:
            attach.send_signal(signal.SIGTERM)
            attach.wait(LIMIT)
            os.close(terminal)
    own_way, other = ([statistics.median(found[side])] for side in ("own", "peer"))
    yield paired_row(
        "a key to a terminal and back over WebSocket, median", own_way, other, "keeperctl attach", bound=1.5
    )


def key_through(terminal):
    started = time.perf_counter_ns()
    os.write(terminal, b"k")
    os.read(terminal, 4096)
    return time.perf_counter_ns() - started


@measurement("gateway")
def measure_start(bench):
    """From exec to the first answer."""
    times = []
    with fresh_place(bench.fast) as place:
        for _ in range(min(bench.runs, STARTS)):
            times.append(start_once(bench, place))
    yield Row("the gateway's first answer after its start, median", "ms", statistics.median(times), bound=10, digits=1)
    size = os.stat(bench.keeper.ctl).st_size / 1e6
    yield Row("keeperctl with the gateway and its page", "MB", size, bound=1.6, digits=2)


def start_once(bench, place):
    path = f"{place.path}/g.sock"
    started = time.perf_counter()
    process = subprocess.Popen(
        [bench.keeper.ctl, "gateway", "--listen", f"unix:{path}"], env=place.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT)
            while client.connect_ex(path):
                if time.perf_counter() - started > LIMIT:
                    raise CannotMeasure("the gateway does not listen")
                time.sleep(0.0002)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.recv(1)
            return (time.perf_counter() - started) * 1e3
    finally:
        process.terminate()
        process.wait()
