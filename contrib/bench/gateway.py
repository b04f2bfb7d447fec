"""The gateway's files and lists beside nginx with the same bytes, asked by wrk."""

import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from running import CannotMeasure, fresh_place, version_of, wait_for
from table import Row, measurement, paired_row, pairs

SESSIONS = 1_000
ROUNDS = 5
SECONDS = 2

CONFIGURATION = """
daemon off; master_process off; pid {root}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000;
    client_body_temp_path {root}/t; proxy_temp_path {root}/t; fastcgi_temp_path {root}/t; uwsgi_temp_path {root}/t;
    scgi_temp_path {root}/t;
    server {{ listen 127.0.0.1:{port}; root {root}/files; }}
}}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A process that serves, ended with its block."""

    def __init__(self, arguments, environment, url):
        self.url = url
        self.process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self):
        def answers():
            try:
                urllib.request.urlopen(self.url)
            except urllib.error.HTTPError:
                return True
            except OSError:
                return False
            return True

        try:
            wait_for(answers, f"answer from {self.url}")
        except CannotMeasure:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def requests_per_second(url, token):
    told = subprocess.run(
        ["wrk", "-t", "1", "-c", "16", "-d", f"{SECONDS}s", "-H", f"Authorization: Bearer {token}", url],
        capture_output=True,
        text=True,
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", told.stdout)
    if not found or "Non-2xx" in told.stdout:
        raise CannotMeasure(f"wrk {url}: {told.stdout}{told.stderr}")
    return float(found[1])


@measurement("gateway")
def measure_gateway(bench):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx or not shutil.which("wrk"):
        yield Row("the gateway's files and lists: nginx or wrk is not installed", "", None, least=0.5)
        return
    peer = f"nginx {version_of(nginx, '-v')}"
    ctl = bench.keeper.ctl
    with fresh_place(bench.fast) as place:
        for number in range(SESSIONS):
            bench.keeper.start(place, f"s{number}", ["cat"])
            place.take(bench.keeper, f"s{number}")
        told = subprocess.run(
            [ctl, "gateway", "--show-token"], env=place.environment, capture_output=True, text=True, check=True
        )
        token = told.stdout.strip()
        port, other = free_port(), free_port()
        url, peer_url = f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{other}/"
        root = Path(place.path, "nginx")
        files = root / "files"
        files.mkdir(parents=True)
        (root / "nginx.conf").write_text(CONFIGURATION.format(root=root, port=other))
        gateway = Server([ctl, "gateway", "--listen", f"127.0.0.1:{port}"], place.environment, url)
        server = Server([nginx, "-p", str(root), "-c", str(root / "nginx.conf")], place.environment, peer_url)
        with gateway, server:
            for what, path, name, least in [
                ("the page", "", "index.html", 0.5),
                ("a script of the page", "main.js", "main.js", 0.5),
                (f"GET sessions with {SESSIONS:,} of them", "api/v1/sessions", "sessions", 0.3),
            ]:
                request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}"})
                body = urllib.request.urlopen(request).read()
                (files / name).write_bytes(body)
                sides = [url + path, peer_url + (name if path else "")]
                rates = pairs(sides, lambda side: requests_per_second(side, token), ROUNDS)
                row = paired_row(
                    f"{what}, {len(body) / 1024:.0f} KiB, over HTTP", rates[sides[0]], rates[sides[1]], peer,
                    unit="/s", scale=1, least=least,
                )
                yield row
