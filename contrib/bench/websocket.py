"""A client of WebSockets (RFC 6455) that costs little, so that the servers have the machine to themselves."""

import os
import select
import socket
import struct
import time

from running import LIMIT, CannotMeasure

CHUNK = 256 << 10
WINDOW = 64  # lines that are sent at once; two windows are under way
TEXT, BINARY = 1, 2


class WebSocket:
    """One connection. `port` is of 127.0.0.1."""

    def __init__(self, port, path, kind, token=None):
        self.kind = kind
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        self.socket.sendall(f"{head}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            got = self.socket.recv(4096)
            if not got:
                break
            answer += got
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            self.socket.close()
            raise CannotMeasure(f"no WebSocket at {path}: {answer!r}")
        self.rest = answer.partition(b"\r\n\r\n")[2]
        self.payload_left = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def fileno(self):
        return self.socket.fileno()

    def receive(self, buffer):
        """How many bytes of payload came with the next read; pings count for nothing."""
        count = self.socket.recv_into(buffer)
        if count == 0:
            raise CannotMeasure("the server has closed a WebSocket")
        data = memoryview(buffer)[:count]
        if self.rest:
            data = memoryview(self.rest + bytes(data))
            self.rest = b""
        place = payload = 0
        end = len(data)
        while place < end:
            if self.payload_left:
                part = min(self.payload_left, end - place)
                self.payload_left -= part
                payload += part
                place += part
                continue
            size, length = 2, data[place + 1] & 0x7F if end - place > 1 else 0
            size += {126: 2, 127: 8}.get(length, 0)
            if end - place < size:
                self.rest = bytes(data[place:])
                break
            if length > 125:
                length = int.from_bytes(data[place + 2 : place + size], "big")
            opcode = data[place] & 0x0F
            if opcode == 8:
                raise CannotMeasure("the server closes a WebSocket")
            place += size
            if opcode < 8:
                self.payload_left = length
            else:
                place += length
        return payload


def frame(payload, kind):
    """A client's frame of less than 126 bytes; the mask is zero, which costs the server the same."""
    return struct.pack("!BB4x", 0x80 | kind, 0x80 | len(payload)) + payload


def lines_per_second(clients, message, answer_size, count):
    """All of `clients` send `count` lines each, two windows at a time, and take back as many."""
    window = frame(message, clients[0].kind) * WINDOW
    buffer = bytearray(CHUNK)
    sent, got = {}, {}
    with select.epoll() as poller:
        for client in clients:
            poller.register(client, select.EPOLLIN)
        by_number = {client.fileno(): client for client in clients}
        started = time.perf_counter()
        for client in clients:
            client.socket.sendall(window * 2)
            sent[client], got[client] = 2 * WINDOW, 0
        left = len(clients)
        while left:
            events = poller.poll(LIMIT)
            if not events:
                raise CannotMeasure(f"no line came back within {LIMIT} s")
            for number, _ in events:
                client = by_number[number]
                got[client] += client.receive(buffer)
                back = got[client] // answer_size
                while sent[client] < count and back >= sent[client] - WINDOW:
                    client.socket.sendall(window)
                    sent[client] += WINDOW
                if back == sent[client]:
                    left -= 1
        return sum(sent.values()) / (time.perf_counter() - started)


def delays(clients, message, answer_size, rounds):
    """Each of `clients` sends a line as soon as the one before is back; nanoseconds of each."""
    one = frame(message, clients[0].kind)
    buffer = bytearray(CHUNK)
    found = []
    began, got = {}, {}
    with select.epoll() as poller:
        for client in clients:
            poller.register(client, select.EPOLLIN)
        by_number = {client.fileno(): client for client in clients}
        for client in clients:
            began[client], got[client] = time.perf_counter_ns(), 0
            client.socket.sendall(one)
        while len(found) < rounds * len(clients):
            events = poller.poll(LIMIT)
            if not events:
                raise CannotMeasure(f"no line came back within {LIMIT} s")
            for number, _ in events:
                client = by_number[number]
                got[client] += client.receive(buffer)
                if got[client] < answer_size:
                    continue
                now = time.perf_counter_ns()
                found.append(now - began[client])
                began[client], got[client] = now, 0
                client.socket.sendall(one)
        # Nothing may be left on its way for the next measurement.
        for client in clients:
            while got[client] < answer_size:
                got[client] += client.receive(buffer)
    return found


def swallow(clients):
    """Reads and forgets for as long as this process lives: a child of its own, whose PID is returned."""
    pid = os.fork()
    if pid:
        return pid
    try:
        with select.epoll() as poller:
            for client in clients:
                poller.register(client, select.EPOLLIN)
            nothing = bytearray(CHUNK)
            while True:
                for number, _ in poller.poll():
                    # The kernel throws the bytes away: this program has no part in the measurement.
                    connection = socket.socket(fileno=number)
                    if connection.recv_into(nothing, CHUNK, socket.MSG_TRUNC) == 0:
                        os._exit(0)
                    connection.detach()
    finally:
        os._exit(1)
