"""The official MCP client from npm (tests/support/mcp-client) as a process of its own."""

import json
import pathlib
import re
import subprocess
import threading

from . import process

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "mcp-client"


def install():
    """(node, node_modules); installed when they are not there yet."""
    done = subprocess.run([str(FOLDER / "install.sh")], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise AssertionError(f"the MCP client cannot be installed:\n{done.stderr[-3000:]}")
    return re.search(r"^MCP_NODE=(.+)$", done.stdout, re.M)[1], re.search(r"^MCP_MODULES=(.+)$", done.stdout, re.M)[1]


class Client:
    """`transport`: {"url", "headers"} or {"command", "args", "env"}."""

    def __init__(self, **transport):
        node, modules = install()
        self.process = subprocess.Popen([node, str(FOLDER / "client.mjs"), modules, json.dumps(transport)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.shown = json.loads(self.process.stdout.readline() or '{"failed": "no answer"}')
        self.ended, self.next = {}, 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            self.ended[told["id"]] = told

    def begin(self, tool, args, **more):
        self.next += 1
        self.process.stdin.write(json.dumps({"id": self.next, "tool": tool, "args": args, **more}) + "\n")
        self.process.stdin.flush()
        return self.next

    def wait(self, id_, seconds=90):
        """{"result" | "error", "progress"}"""
        return process.wait_until(f"the end of call {id_}", lambda: self.ended.get(id_), seconds)

    def call(self, tool, args, **more):
        """The result as the client takes it, its text being the same as its structured content."""
        told = self.wait(self.begin(tool, args, **more))
        assert "result" in told, told
        result = told["result"]
        text = json.loads(result["content"][0]["text"])
        assert result.get("structuredContent", text) == text, result
        return {**text, "isError": result.get("isError", False)}

    def close(self):
        """What it wrote to standard error."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()
            self.errors = self.process.stderr.read()
            self.process.stderr.close()
        return self.errors
