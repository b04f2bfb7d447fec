"""The rows, how pairs become a ratio, and how the table is printed."""

import os
import platform
import statistics

TABLE = []


def measurement(name):
    def register(function):
        TABLE.append((name, function))
        return function

    return register


class Row:
    """One line of the table; good is a ratio, else a value, of `bound` at the most or of `least` at the least."""

    def __init__(
        self, what, unit, value, peer=None, peer_name="", ratio=None, bound=None, least=None, digits=0
    ):
        self.what, self.unit, self.value, self.peer = what, unit, value, peer
        self.peer_name, self.ratio, self.bound, self.least = peer_name, ratio, bound, least
        self.digits = digits

    def members(self):
        return {
            **{"what": self.what, "unit": self.unit, "keeper": self.value, "peer": self.peer},
            **{"peerName": self.peer_name, "ratio": self.ratio, "bound": self.bound, "least": self.least},
            "verdict": self.verdict,
        }

    @property
    def verdict(self):
        if self.bound is None and self.least is None:
            return ""
        measured = self.ratio if self.peer_name else self.value
        if measured is None:
            return "skipped"
        if self.bound is not None:
            return "ok" if measured <= self.bound else "over"
        return "ok" if measured >= self.least else "under"


def pairs(sides, once, runs):
    """All sides in turn, `runs` times; each other turn the other way round."""
    values = {side: [] for side in sides}
    for run in range(runs):
        for side in sides if run % 2 == 0 else sides[::-1]:
            values[side].append(once(side))
    return values


def paired_row(what, own, other, peer_name, unit="µs", scale=1000, **rest):
    """Of nanoseconds, unless told otherwise; a peer without figures leaves its columns empty."""
    row = Row(what, unit, statistics.median(own) / scale, peer_name=peer_name, **rest)
    if other:
        row.peer = statistics.median(other) / scale
        row.ratio = statistics.median(a / b for a, b in zip(own, other))
    return row


def cells(row):
    def number(value):
        return "–" if value is None else f"{value:,.{row.digits}f} {row.unit}".strip()

    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    kind = " ×" if row.peer_name else ""
    target = f"≤ {row.bound}{kind}" if row.bound is not None else ""
    target = f"≥ {row.least}{kind}" if row.least is not None else target
    peer = number(row.peer) + (f" ({row.peer_name})" if row.peer_name else "")
    return [row.what, number(row.value), peer, ratio, target, row.verdict]


def print_table(rows, bench):
    head = ["what", f"keeper {bench.keeper.version} ({bench.keeper.libc})", "peer", "ratio", "target", ""]
    lines = [head] + [cells(row) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, {bench.runs} pairs of short commands")
    print(f"start, write, memory, idle: in {bench.root}; all else: in {bench.fast}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
