"""The official MCP client from npm (tests/support/mcp-client) as a process of its own."""

import json
import pathlib
import re
import subprocess

from . import node

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "mcp-client"


def install():
    """(node, node_modules); installed when they are not there yet."""
    done = subprocess.run([str(FOLDER / "install.sh")], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise AssertionError(f"the MCP client cannot be installed:\n{done.stderr[-3000:]}")
    return re.search(r"^MCP_NODE=(.+)$", done.stdout, re.M)[1], re.search(r"^MCP_MODULES=(.+)$", done.stdout, re.M)[1]


class Client(node.Led):
    """`transport`: {"url", "headers"} or {"command", "args", "env"}. A call ends with {"result" | "error", "progress"}."""

    def __init__(self, **transport):
        runtime, modules = install()
        super().__init__(runtime, FOLDER / "client.mjs", modules, json.dumps(transport))

    def begin(self, tool, args, **more):
        return self.begin_call(tool=tool, args=args, **more)

    def call(self, tool, args, **more):
        """The result as the client takes it, its text being the same as its structured content."""
        told = self.wait(self.begin(tool, args, **more))
        assert "result" in told, told
        result = told["result"]
        text = json.loads(result["content"][0]["text"])
        assert result.get("structuredContent", text) == text, result
        return {**text, "isError": result.get("isError", False)}
