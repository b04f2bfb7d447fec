"""Speaks to a gateway with clients of other people's: NAME PORT TOKEN. Says "ok" when all is as it should be."""

import json
import socket
import sys

name, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]
host, url = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
authorization = {"Authorization": f"Bearer {token}"}
hello = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "hello"})


def with_httpx():
    import httpx

    with httpx.Client(base_url=url, headers=authorization) as client:
        page = client.get("/")
        assert page.status_code == 200 and page.text.lower().startswith("<!doctype html>"), page
        assert client.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
        made = client.post("/api/v1/sessions", json={"sessionId": "x", "command": ["cat"]})
        assert made.status_code == 201 and made.json() == {"sessionId": "x"}, made.text
        assert client.post("/api/v1/sessions/x/write", json={"lines": ["one", {"two": 2}]}).status_code == 204
        with client.stream("GET", "/api/v1/sessions/x/logs", params={"follow": "1"}) as logs:
            lines = logs.iter_lines()
            assert [next(lines), next(lines)] == ["one", '{"two":2}']
        assert [one["sessionId"] for one in client.get("/api/v1/sessions").json()] == ["x"]
        # Chunks that a generator makes.
        assert client.post("/api/v1/sessions/x/eof", content=iter([b"{", b"}"]),
                           headers={"Content-Type": "application/json"}).status_code == 204
        assert client.delete("/api/v1/sessions/x").status_code in (204, 404)
        assert client.get("/api/v1/sessions/none").status_code == 404


def with_h11():
    import h11

    connection = h11.Connection(h11.CLIENT)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for method, target, body in [
            ("GET", "/healthz", b""), ("HEAD", "/", b""), ("GET", "/api/v1/stats", b""), ("GET", "/nothing", b""),
            ("HEAD", "/api/v1/stats", b""), ("POST", "/api/v1/sessions", b"{}"), ("GET", "/healthz", b""),
        ]:
            head = [("Host", host), *authorization.items(), ("Content-Length", str(len(body)))]
            head.append(("Content-Type", "application/json"))
            sent = connection.send(h11.Request(method=method, target=target, headers=head))
            peer.sendall(sent + (connection.send(h11.Data(data=body)) or b"") + connection.send(h11.EndOfMessage()))
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(peer.recv(65536))
                elif isinstance(event, h11.EndOfMessage):
                    break
            connection.start_next_cycle()


def with_websockets():
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    address = f"ws://{host}/api/v1/ws"
    # One who names no protocol is welcomed first, as older clients want it.
    known = {"additional_headers": authorization, "subprotocols": ["keeper.v1"]}
    with connect(address, compression="deflate", **known) as client:
        client.send(hello)
        assert json.loads(client.recv())["result"]["right"] == "control"
        client.send([hello[:5], hello[5:9], hello[9:]])
        assert json.loads(client.recv())["id"] == 1
        assert client.ping().wait(10)
        command = ["sh", "-c", "head -n 500 | sort -u; exec cat >/dev/null"]
        request = {"jsonrpc": "2.0", "id": 2, "method": "spawn", "params": {"sessionId": "x", "command": command}}
        client.send(json.dumps(request))
        assert json.loads(client.recv())["result"] == {"sessionId": "x"}
    attach = f"ws://{host}/api/v1/sessions/x/attach"
    with connect(attach, additional_headers=authorization) as reader:
        # Many short messages, and a close at once: all of them get there, in their order.
        with connect(attach, additional_headers=authorization) as writer:
            for number in range(500):
                writer.send(b"%03d" % number)
                writer.send(b"\n")
        wanted = b"".join(b"%03d\n" % number for number in range(500))
        got = b""
        while len(got) < len(wanted):
            got += reader.recv(10)
        assert got == wanted, got
    with connect(address, subprotocols=["keeper.v1", f"keeper.bearer.{token}"]) as client:
        assert not client.subprotocol.startswith("keeper.bearer."), "the token is told back"
    try:
        connect(address)
        raise AssertionError("without a token")
    except InvalidStatus as refused:
        assert refused.response.status_code == 401


def with_wsproto():
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import AcceptConnection, CloseConnection, Message, Ping, Pong, Request, TextMessage

    connection = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        def events():
            while True:
                yield from connection.events()
                connection.receive_data(peer.recv(65536) or None)

        fields = [(key.encode(), value.encode()) for key, value in authorization.items()]
        request = Request(host=host, target="/api/v1/ws", extra_headers=fields, subprotocols=["keeper.v1"])
        peer.sendall(connection.send(request))
        stream = events()
        assert isinstance(next(stream), AcceptConnection)
        peer.sendall(connection.send(Message(data=hello[:7], message_finished=False)))
        peer.sendall(connection.send(Ping(payload=b"between")))
        peer.sendall(connection.send(Message(data=hello[7:])))
        pong = next(stream)
        assert isinstance(pong, Pong) and pong.payload == b"between", pong
        answer = next(stream)
        assert isinstance(answer, TextMessage) and "result" in json.loads(answer.data), answer
        peer.sendall(connection.send(CloseConnection(code=1000)))
        assert next(stream).code == 1000


globals()[f"with_{name}"]()
print("ok")
