#!/usr/bin/env python3
"""A small MCP server that tells the time. Standard library only; speaks JSON-RPC over stdio, one message per line.

It speaks both eras of MCP: a request whose _meta says 2026-07-28 is answered by those rules, any other by those of before.
"""

import json
import sys
import threading
from datetime import datetime, timezone

VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26"]
# The versions that know neither initialize nor sessions, and the prefix of what their requests and results say in _meta.
STATELESS = ["2026-07-28"]
KEY = "io.modelcontextprotocol/"
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class RpcError(Exception):
    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {"code": code, "message": message, **({} if data is None else {"data": data})}


class Cancelled(Exception):
    """The client does not want the answer any more: none is sent."""


class Call:
    """One request on its way: who asked, how to report to them, and whether they still want the answer."""

    def __init__(self, server, request):
        self.server = server
        self.id = request["id"]
        self.params = request.get("params") or {}
        meta = self.params.get("_meta") or {}
        self.token = meta.get("progressToken")
        # Without a session a request says itself which version it is of, and which log messages it wants: none by default.
        self.version = meta.get(KEY + "protocolVersion")
        self.level = server.level if self.version is None else meta.get(KEY + "logLevel")
        self.cancelled = threading.Event()

    def wait(self, seconds):
        if self.cancelled.wait(seconds):
            raise Cancelled

    def progress(self, done, total, message):
        if self.token is not None:
            self.server.notify("progress", {"progressToken": self.token, "progress": done, "total": total, "message": message})

    def log(self, level, data):
        if self.level in LEVELS and LEVELS.index(level) >= LEVELS.index(self.level):
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


INFO = {"name": "clock", "title": "Clock", "version": "1.0.0"}
CAPABILITIES = {"tools": {}, "resources": {}, "prompts": {}, "logging": {}}


def initialize(call):
    wanted = call.params.get("protocolVersion")
    version = wanted if wanted in VERSIONS else VERSIONS[0]
    return {"protocolVersion": version, "capabilities": CAPABILITIES, "serverInfo": INFO}


def discover(call):
    return {"supportedVersions": STATELESS, "capabilities": CAPABILITIES}


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
        raise RpcError(-32002 if call.version is None else -32602, f"Resource not found: {uri}")
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
    "tools/list": lambda call: {"tools": TOOLS},
    "tools/call": call_tool,
    "resources/list": lambda call: {"resources": RESOURCES},
    "resources/read": read_resource,
    "prompts/list": lambda call: {"prompts": PROMPTS},
    "prompts/get": get_prompt,
}
WITH_SESSION = {**METHODS, "initialize": initialize, "ping": lambda call: {}, "logging/setLevel": set_level}
WITHOUT_SESSION = {**METHODS, "server/discover": discover}


def answer(call, method):
    """The result of a request, by the rules of its version."""
    methods = WITH_SESSION if call.version is None else WITHOUT_SESSION
    if call.version is not None and call.version not in STATELESS:
        raise RpcError(-32022, "Unsupported protocol version", {"supported": STATELESS, "requested": call.version})
    if method not in methods:
        raise RpcError(-32601, f"Method not found: {method}")
    result = methods[method](call)
    if call.version is None:
        return result
    # What may be kept, and for how long: lists for a minute, by everybody; the time not at all.
    keep = {"ttlMs": 60_000, "cacheScope": "public"} if method.endswith(("/list", "/discover")) else {}
    if method == "resources/read":
        keep = {"ttlMs": 0, "cacheScope": "private"}
    return {**result, **keep, "resultType": "complete", "_meta": {KEY + "serverInfo": INFO}}


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
            self.send({"id": call.id, "result": answer(call, method)})
        except RpcError as error:
            self.send({"id": call.id, "error": error.error})
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
