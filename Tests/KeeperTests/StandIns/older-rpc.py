"""Speaks to a gateway as clients of older RPC servers do: PORT TOKEN. Says "ok" when all is as it should be."""

import base64
import json
import os
import socket
import struct
import sys

port, token = int(sys.argv[1]), sys.argv[2]
peer = socket.create_connection(("127.0.0.1", port), timeout=60)
peer.sendall((
    f"GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
    f"Sec-WebSocket-Protocol: keeper.bearer.{token}\r\n\r\n").encode())
incoming = peer.makefile("rb")
assert b" 101 " in incoming.readline()
while incoming.readline().strip():
    pass


def receive():
    while True:
        first, size = incoming.read(2)
        if size == 126:
            size = struct.unpack(">H", incoming.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", incoming.read(8))[0]
        payload = incoming.read(size)
        if first & 15 == 1:
            return json.loads(payload)


def send(**message):
    payload = json.dumps(message).encode()
    assert len(payload) < 126
    peer.sendall(bytes([0x81, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)


welcome = receive()
assert welcome["type"] == "welcome" and "list" in welcome["functions"], welcome
send(method="r.echo", args=[1, {"b": 2}], id="one")
assert receive() == {"id": "one", "result": [1, {"b": 2}]}
send(method="r.fail", args=[], id=2)
assert receive() == {"id": 2, "error": "as you wish"}
send(method="r.work", args={"times": 2, "pause": 0}, id=3)
for _ in range(2):
    assert receive() == {"type": "progress", "id": 3, "message": {"progress": 1}}
assert receive() == {"id": 3, "result": "worked"}
send(method="list", args={}, id=4)
assert [one["sessionId"] for one in receive()["result"]] == ["r"]
send(method="nothing", args={}, id=5)
answer = receive()
assert answer["id"] == 5 and isinstance(answer["error"], str), answer
print("ok")
