"""keeper and dtach, as two ways to do the same things."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from running import run_timed, wait_for


class Keeper:
    def __init__(self, folder, name="keeper"):
        self.name = name
        self.keeper, self.ctl = str(folder / "keeper"), str(folder / "keeperctl")
        for path in (self.keeper, self.ctl):
            if not os.access(path, os.X_OK):
                raise SystemExit(f"bench: no executable {path}; first: swift build -c release")
        self.version = subprocess.run([self.keeper, "--version"], capture_output=True, text=True).stdout.split()[-1]
        # Names of settings that every static glibc has.
        self.libc = "glibc" if b"glibc." in Path(self.keeper).read_bytes() else "musl"

    def start(self, place, name, command, *options):
        return run_timed([self.ctl, "spawn", name, *options, "--", *command], place.environment)

    def write(self, place, name, line_file):
        line = Path(line_file).read_text().rstrip("\n")
        return run_timed([self.ctl, "write", name, line], place.environment)

    def find(self, place, name):
        return int(Path(place.path, f"{name}.rpc.sock.pid").read_text())


class Dtach:
    name = "dtach"

    def __init__(self):
        self.path = shutil.which("dtach")
        if self.path:
            text = subprocess.run([self.path, "--version"], capture_output=True, text=True)
            self.version = (re.search(r"version (\S+)", text.stdout + text.stderr) or ["", "?"])[1]

    def start(self, place, name, command):
        return run_timed([self.path, "-n", f"{place.path}/{name}", *command], place.environment)

    def write(self, place, name, line_file):
        return run_timed([self.path, "-p", f"{place.path}/{name}"], place.environment, stdin=line_file)

    def find(self, place, name):
        """The server has no PID file: it is the process with the socket's path among its arguments."""
        wanted = f"{place.path}/{name}".encode()

        def look():
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    arguments = (folder / "cmdline").read_bytes().split(b"\0")
                    parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
                if wanted in arguments and parent != os.getpid():
                    return int(folder.name)
            return None

        return wait_for(look, "dtach server")
