"""A program for Node that a test leads: it shows a line of JSON when it is ready, then each line in is a call and each line
out the end of one, all at once."""

import json
import subprocess
import tempfile
import threading

from . import process


class Led:
    """`shown`: its first line."""

    def __init__(self, node, program, *arguments):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # a pipe that nobody reads would fill and stop it
        self.process = subprocess.Popen([node, str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        first = self.process.stdout.readline()
        if not first:
            raise AssertionError(f"{program} ended before it was ready:\n{self.close()}")
        self.shown = json.loads(first)
        self.ended, self.next = {}, 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            self.ended[told["id"]] = told

    def begin_call(self, **call):
        """Its id."""
        self.next += 1
        id_ = f"call_{self.next}"
        self.process.stdin.write(json.dumps({"id": id_, **call}) + "\n")
        self.process.stdin.flush()
        return id_

    def wait(self, id_, seconds=90):
        """How that call ended."""
        return process.wait_until(f"the end of {id_}", lambda: self.ended.get(id_), seconds)

    def close(self):
        """What it wrote to standard error."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()
        if not self.errors.closed:
            self.errors.seek(0)
            self.complaints = self.errors.read()
            self.errors.close()
        return self.complaints
