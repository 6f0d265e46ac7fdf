#!/usr/bin/env python3
"""A small MCP server that tells the time. Standard library only; speaks JSON-RPC over stdio, one message per line."""

import json
import sys
import threading
from datetime import datetime, timezone

VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26"]
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Cancelled(Exception):
    """The client does not want the answer any more: none is sent."""


class Call:
    """One request on its way: who asked, how to report to them, and whether they still want the answer."""

    def __init__(self, server, request):
        self.server = server
        self.id = request["id"]
        self.params = request.get("params") or {}
        self.token = (self.params.get("_meta") or {}).get("progressToken")
        self.cancelled = threading.Event()

    def wait(self, seconds):
        if self.cancelled.wait(seconds):
            raise Cancelled

    def progress(self, done, total, message):
        if self.token is not None:
            self.server.notify("progress", {"progressToken": self.token, "progress": done, "total": total, "message": message})

    def log(self, level, data):
        if LEVELS.index(level) >= LEVELS.index(self.server.level):
            self.server.notify("message", {"level": level, "logger": "clock", "data": data})


def now(call, arguments):
    """The time now, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def countdown(call, arguments):
    """Count down to zero, with progress."""
    start = number(arguments, "from", 3)
    pause = number(arguments, "seconds", 1)
    for done in range(1, start + 1):
        call.wait(pause)
        call.progress(done, start, f"{start - done} to go")
    return "Zero."


def alarm(call, arguments):
    """Wait, then ring: the ringing is a log message."""
    call.wait(number(arguments, "seconds", 1))
    call.log("info", "the alarm is about to ring")
    call.log("warning", {"ring": arguments.get("text", "Wake up!")})
    return "It rang."


def number(arguments, name, default):
    value = arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 60:
        raise RpcError(-32602, f"{name} must be an integer from 0 to 60")
    return value


def tool(run, **properties):
    schema = {"type": "object", "properties": properties}
    return {"name": run.__name__, "description": run.__doc__, "inputSchema": schema, "annotations": {"readOnlyHint": True}}


COUNT = {"type": "integer", "minimum": 0, "maximum": 60}
RUN = {run.__name__: run for run in (now, countdown, alarm)}
TOOLS = [
    tool(now),
    tool(countdown, **{"from": {**COUNT, "default": 3}, "seconds": {**COUNT, "default": 1}}),
    tool(alarm, seconds={**COUNT, "default": 1}, text={"type": "string"}),
]
RESOURCES = [{"uri": "clock://now", "name": "now", "description": now.__doc__, "mimeType": "text/plain"}]
PROMPTS = [
    {
        "name": "plan_day",
        "description": "Plan the rest of the day.",
        "arguments": [{"name": "until", "description": "When the day ends, such as 18:00.", "required": True}],
    }
]


def initialize(call):
    wanted = call.params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}, "resources": {}, "prompts": {}, "logging": {}},
        "serverInfo": {"name": "clock", "title": "Clock", "version": "1.0.0"},
    }


def set_level(call):
    if call.params.get("level") not in LEVELS:
        raise RpcError(-32602, f"level must be one of {', '.join(LEVELS)}")
    call.server.level = call.params["level"]
    return {}


def call_tool(call):
    name = call.params.get("name")
    if name not in RUN:
        raise RpcError(-32602, f"Unknown tool: {name}")
    text = RUN[name](call, call.params.get("arguments") or {})
    return {"content": [{"type": "text", "text": text}]}


def read_resource(call):
    uri = call.params.get("uri")
    if uri != "clock://now":
        raise RpcError(-32002, f"Resource not found: {uri}")
    return {"contents": [{"uri": uri, "mimeType": "text/plain", "text": now(call, {})}]}


def get_prompt(call):
    if call.params.get("name") != "plan_day":
        raise RpcError(-32602, f"Unknown prompt: {call.params.get('name')}")
    until = (call.params.get("arguments") or {}).get("until")
    if not until:
        raise RpcError(-32602, "Missing argument: until")
    text = f"It is {now(call, {})}. Plan my day until {until}."
    return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}


METHODS = {
    "initialize": initialize,
    "ping": lambda call: {},
    "logging/setLevel": set_level,
    "tools/list": lambda call: {"tools": TOOLS},
    "tools/call": call_tool,
    "resources/list": lambda call: {"resources": RESOURCES},
    "resources/read": read_resource,
    "prompts/list": lambda call: {"prompts": PROMPTS},
    "prompts/get": get_prompt,
}


class Server:
    def __init__(self):
        self.level = "debug"
        self.running = {}
        self.lock = threading.Lock()

    def send(self, message):
        line = json.dumps({"jsonrpc": "2.0", **message})
        with self.lock:
            print(line, flush=True)

    def notify(self, name, params):
        self.send({"method": f"notifications/{name}", "params": params})

    def receive(self, message):
        if "method" not in message:
            return  # an answer, and this server asks nothing
        if "id" in message:
            call = Call(self, message)
            self.running[call.id] = call
            # A thread per request, so that a slow tool keeps neither a ping nor its own cancellation waiting.
            threading.Thread(target=self.answer, args=(call, message["method"])).start()
        elif message["method"] == "notifications/cancelled":
            call = self.running.get((message.get("params") or {}).get("requestId"))
            if call:
                call.cancelled.set()

    def answer(self, call, method):
        try:
            if method not in METHODS:
                raise RpcError(-32601, f"Method not found: {method}")
            self.send({"id": call.id, "result": METHODS[method](call)})
        except RpcError as error:
            self.send({"id": call.id, "error": {"code": error.code, "message": str(error)}})
        except Cancelled:
            pass
        except Exception as error:
            print(f"clock: {method} failed: {error!r}", file=sys.stderr)
            self.send({"id": call.id, "error": {"code": -32603, "message": "Internal error"}})
        finally:
            self.running.pop(call.id, None)

    def serve(self):
        for line in sys.stdin.buffer:
            try:
                message = json.loads(line)
            except ValueError:
                self.send({"id": None, "error": {"code": -32700, "message": "Parse error"}})
                continue
            if isinstance(message, dict):
                self.receive(message)
            else:
                self.send({"id": None, "error": {"code": -32600, "message": "Invalid request"}})
        for call in list(self.running.values()):
            call.cancelled.set()  # nobody is left to answer: let the threads, and with them the process, end


if __name__ == "__main__":
    Server().serve()
