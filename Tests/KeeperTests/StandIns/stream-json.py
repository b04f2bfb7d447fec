"""An agent that speaks stream-json as real ones do, with their faults.

The message says what happens: words separated by spaces, each a step. A word may have an argument behind '='.
"""
import json
import os
import sys
import time

NUMBER = 0


def put(text):
    os.write(1, text.encode())


def say(**members):
    line = (json.dumps(members, ensure_ascii=False) + "\n").encode()
    while line:
        line = line[os.write(1, line):]


def unique():
    global NUMBER
    NUMBER += 1
    return f"u-{NUMBER}"


def assistant(*blocks, **more):
    say(type="assistant", uuid=unique(), session_id=CONVERSATION, parent_tool_use_id=more.get("parent"),
        message={"id": "m1", "role": "assistant", "model": more.get("model", "model-1"), "content": list(blocks)})


def text(words, **more):
    assistant({"type": "text", "text": words}, **more)


def use(name, number):
    assistant({"type": "tool_use", "id": number, "name": name, "input": {"file": "a\u2028b"}})


def tool_result(number, **more):
    say(type="user", uuid=unique(), session_id=CONVERSATION, parent_tool_use_id=None,
        message={"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": number, "content": "done", **more}]})


def piece(**event):
    say(type="stream_event", uuid=unique(), session_id=CONVERSATION, parent_tool_use_id=None, event=event)


def pieces(words):
    piece(type="message_start", message={"id": "m2"})
    piece(type="content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
    piece(type="content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hidden"})
    piece(type="content_block_stop", index=0)
    piece(type="content_block_start", index=1, content_block={"type": "text", "text": ""})
    for start in range(0, len(words), 4):
        piece(type="content_block_delta", index=1, delta={"type": "text_delta", "text": words[start:start + 4]})
    piece(type="content_block_stop", index=1)
    text(words)


def result(**more):
    members = dict(type="result", subtype="success", is_error=False, duration_ms=1, num_turns=1, result="the end",
                   session_id=CONVERSATION, total_cost_usd=0.0125, usage={"input_tokens": 3, "output_tokens": 4},
                   uuid=unique())
    members.update(more)
    say(**members)


def await_file(name):
    while not os.path.exists(name):
        time.sleep(0.005)


def step(word):
    """Returns whether the turn goes on."""
    name, _, argument = word.partition("=")
    if name == "say":
        text(argument)
    elif name == "pieces":
        pieces(argument)
    elif name == "dashes":
        text("a\u2028b\u2029c\nd \U0001F600 \\ \"")
    elif name == "surrogate":
        put('{"type":"assistant","message":{"content":[{"type":"text","text":"\\ud83d\\ude00 \\ud83d!"}]}}\n')
    elif name == "tool":
        use("Read", "t1")
        use("Read", "t1")
        tool_result("t1")
        tool_result("t1", is_error=True)
        use("Write", "t2")
        tool_result("t2", is_error=True)
    elif name == "sub":
        text("not for people", parent="t1")
    elif name == "twice":
        line = json.dumps(dict(type="assistant", uuid=unique(), parent_tool_use_id=None,
                               message={"content": [{"type": "text", "text": argument}]})) + "\n"
        put(line + line)
    elif name == "compact":
        say(type="system", subtype="compact_boundary", session_id=CONVERSATION,
            compact_metadata={"trigger": "auto", "pre_tokens": 1000})
    elif name == "garbage":
        put("npm WARN deprecated {\"type\":\"result\"\n\n[1,2]\n\"text\"\n{\"type\":\"result\",\n\x1b[31mred\x1b[0m\n")
    elif name == "torn":
        put('{"type":"assistant","message":{"content":[{"type":"te\n')
    elif name == "big":
        text("x" * int(argument))
    elif name == "error":
        say(type="error", error={"type": "overloaded_error", "message": argument})
    elif name == "word":
        say(type="error", error=argument)
    elif name == "stderr":
        os.write(2, b"y" * int(argument) + b"the last words\n")
    elif name == "await":
        await_file(argument)
    elif name == "ask":
        say(type="control_request", request_id="r1", request={"subtype": "can_use_tool", "tool_name": "Bash"})
    elif name == "failed":
        result(subtype="error_max_turns", is_error=True, result="", errors=["too many turns"])
        return False
    elif name == "bare":
        put('{"type":"result"}\n')
        return False
    elif name == "silent":
        return False
    elif name == "die":
        os._exit(int(argument))
    else:
        text(word)
    return True


CONVERSATION = sys.argv[1] if len(sys.argv) > 1 else "conversation-1"
for line in sys.stdin.buffer:
    message = json.loads(line)
    words = message["message"]["content"]
    if not isinstance(words, str):
        words = words[0]["text"]
    # Neither of them begins by saying who it is.
    goes_on = words != "silent"
    is_late = words.startswith("late ")
    for word in words.removeprefix("late ").split(" "):
        if goes_on and NUMBER == 0 and not is_late:
            say(type="system", subtype="init", session_id=CONVERSATION, model="model-0", tools=[])
            unique()
        goes_on = goes_on and step(word)
    if goes_on:
        result()
