"""A server of JSON-RPC 2.0 with the faults of real ones. What a method does is said below, by its name."""
import json
import os
import sys
import time


def put(text):
    line = text.encode()
    while line:
        line = line[os.write(1, line):]


def say(**members):
    put(json.dumps({"jsonrpc": "2.0", **members}, ensure_ascii=False) + "\n")


held = []
count = 0
for line in sys.stdin.buffer:
    message = json.loads(line)
    count += 1
    method = message.get("method")
    parameters = message.get("params")
    if "id" not in message:
        continue
    number = message["id"]
    if method == "echo":
        say(id=number, result=parameters)
    elif method == "id":
        say(id=number, result=number)
    elif method == "count":
        say(id=number, result=count)
    elif method == "fail":
        say(id=number, error={"code": -32000, "message": "as you wish", "data": parameters})
    elif method == "null":
        say(id=number, result=None, error=None)
    elif method == "all members":
        # As some libraries write messages: with all the members there are.
        say(id=None, method="notifications/progress", params={"progress": 1}, result=None, error=None)
        time.sleep(parameters[0])
        say(id=number, method=None, params=None, result="all", error=None)
    elif method == "unreadable":
        say(id=None, error={"code": -32700, "message": "Parse error"})
        say(id=number, result="read after all")
    elif method == "twice":
        say(id=number, result=1)
        say(id=number, result=2)
    elif method == "garbage":
        put("Listening on stdio {\n{\"jsonrpc\":\"2.0\",\"id\":" + json.dumps(number) + ",\"result\":\n\n[1]\n"
            + "{\"id\":" + json.dumps(number) + "}\n" + json.dumps(message) + "\n")
        say(id="keeperctl-1-0", result="somebody else's")
        say(id=number, result="right")
    elif method == "separators":
        say(id=number, result="a\u2028b\u2029c")
    elif method == "big":
        say(id=number, result="x" * parameters[0])
    elif method == "notify":
        say(method="notifications/message", params={"text": "a\u2028b"})
        say(id=7, method="sampling/createMessage", params={})
        say(id=number, result="told")
    elif method == "work":
        # So many signs of progress, each after so many seconds.
        for _ in range(parameters["times"]):
            time.sleep(parameters["pause"])
            say(method=parameters.get("name", "notifications/progress"), params={"progress": 1})
        if not parameters.get("never"):
            say(id=number, result="worked")
    elif method == "hold":
        held.append(number)
    elif method == "release":
        for other in reversed(held):
            say(id=other, result="held")
        held = []
        say(id=number, result="released")
    elif method == "await":
        while not os.path.exists(parameters[0]):
            time.sleep(0.005)
        say(id=number, result="awaited")
    elif method == "die":
        os._exit(4)
    elif method == "answer and die":
        say(id=number, result="my last")
        os._exit(0)
    elif method is not None:
        say(id=number, error={"code": -32601, "message": "Method not found"})
