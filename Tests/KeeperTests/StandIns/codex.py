"""An app server that speaks JSON-RPC as codex does, with the faults of real ones.

The first argument is '/' or '.', what stands in the names of its notifications; the second, if any, a conversation that
it can resume. The message says what happens: words separated by spaces, each a step.
"""
import json
import os
import sys
import time

STYLE = sys.argv[1]
KNOWN = set(sys.argv[2:])
loaded = set()
is_initialized = False
turns = 0
# As some libraries write messages: with all the members there are.
fillers = {}


def put(text):
    line = text.encode()
    while line:
        line = line[os.write(1, line):]


def say(**members):
    put(json.dumps(members, ensure_ascii=False) + "\n")


def note(method, **parameters):
    say(**fillers, method=method.replace("/", STYLE), params=parameters)


def answer(request, **members):
    say(id=request["id"], **members)


def refuse(request, message, code=-32600):
    answer(request, error={"code": code, "message": message})


def item(kind, number, thread, turn, done=True, **more):
    what = dict(type=kind, id=number, **more)
    note("item/completed" if done else "item/started", threadId=thread, turnId=turn, item=what)


def await_file(name):
    while not os.path.exists(name):
        time.sleep(0.005)


def run(thread, turn, words):
    """The turn; returns how it ended."""
    status = "completed"
    error = None
    for number, word in enumerate(words.split(" ")):
        name, _, argument = word.partition("=")
        if name == "stream":
            item("agentMessage", f"i{number}", thread, turn, done=False, text="")
            for start in range(0, len(argument), 3):
                note("item/agentMessage/delta", threadId=thread, turnId=turn, itemId=f"i{number}",
                     delta=argument[start:start + 3])
            item("agentMessage", f"i{number}", thread, turn, text=argument)
        elif name == "nulls":
            fillers.update(id=None, result=None, error=None)
        elif name == "run":
            for done in (False, False, True, True):
                item("commandExecution", "c1", thread, turn, done=done, command="ls\u2028", status=argument)
        elif name == "mcp":
            item("mcpToolCall", "c2", thread, turn, done=False, server="s", tool="clock", status="inProgress")
            item("mcpToolCall", "c2", thread, turn, server="s", tool="clock", status="completed")
        elif name == "compact":
            item("contextCompaction", "k1", thread, turn)
            note("thread/compacted", threadId=thread, turnId=turn)
        elif name == "others":
            note("item/agentMessage/delta", threadId=thread, turnId="another", itemId="z", delta="WRONG")
            note("item/agentMessage/delta", threadId="another", turnId=turn, itemId="z", delta="WRONG")
            note("turn/completed", threadId=thread, turn={"id": "another", "status": "completed"})
        elif name == "garbage":
            put("thread 'main' panicked at {\n\n{\"method\":\"turn/completed\"\n[]\n7\n")
        elif name == "big":
            item("agentMessage", f"i{number}", thread, turn, text="x" * int(argument))
        elif name == "retry":
            note("error", threadId=thread, turnId=turn, error={"message": "a moment"}, willRetry=True)
        elif name == "error":
            note("error", threadId=thread, turnId=turn, error={"message": argument}, willRetry=False)
        elif name == "failed":
            status, error = "failed", {"message": argument}
        elif name == "interrupted":
            status = "interrupted"
        elif name == "approve":
            say(id=99, method="item/commandExecution/requestApproval".replace("/", STYLE),
                params={"threadId": thread, "turnId": turn, "itemId": "c1"})
        elif name == "await":
            await_file(argument)
        elif name == "silent":
            return
        elif name == "die":
            os._exit(int(argument))
        else:
            item("agentMessage", f"i{number}", thread, turn, text=word)
    usage = {"totalTokens": 12, "inputTokens": 7, "outputTokens": 5}
    note("thread/tokenUsage/updated", threadId=thread, turnId=turn, tokenUsage={"total": usage, "last": usage})
    note("turn/completed", threadId=thread, turn={"id": turn, "status": status, "error": error, "items": []})


for line in sys.stdin.buffer:
    request = json.loads(line)
    method, parameters = request.get("method"), request.get("params", {})
    if "id" not in request or method is None:
        continue
    if method == "initialize":
        if is_initialized:
            refuse(request, "Already initialized")
        else:
            is_initialized = True
            answer(request, result={"userAgent": parameters["clientInfo"]["name"]})
    elif not is_initialized:
        refuse(request, "Not initialized")
    elif method == "thread/start":
        thread = f"thread-{os.getpid()}-{len(loaded)}"
        loaded.add(thread)
        answer(request, result={"thread": {"id": thread}, "model": "model-7"})
        note("thread/started", thread={"id": thread})
    elif method == "thread/resume":
        if parameters["threadId"] in KNOWN:
            loaded.add(parameters["threadId"])
            answer(request, result={"thread": {"id": parameters["threadId"]}, "model": "model-8"})
        else:
            refuse(request, "no rollout found")
    elif method == "turn/start":
        thread = parameters["threadId"]
        if thread not in loaded:
            refuse(request, "thread not found: " + thread)
            continue
        turns += 1
        turn = f"turn-{turns}"
        words = parameters["input"][0]["text"]
        if words.startswith("early "):
            note("turn/started", threadId=thread, turn={"id": turn, "status": "inProgress"})
            answer(request, result={"turn": {"id": turn, "status": "inProgress"}})
        else:
            answer(request, result={"turn": {"id": turn, "status": "inProgress"}})
            note("turn/started", threadId=thread, turn={"id": turn, "status": "inProgress"})
        item("userMessage", "u", thread, turn, content=parameters["input"])
        run(thread, turn, words.removeprefix("early "))
