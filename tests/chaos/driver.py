#!/usr/bin/python3
"""Sends numbered exchanges through the local HTTP API of several bridges, and writes down what it was told.

    driver.py PLAN.json      the plan: {"log", "bridges": {name: socket}, "lanes": [[source, target]…], "open_per_lane"}

A process of its own, which nobody kills. One number is sent once, whatever becomes of it. In a lane the requests go out
one after the other, each when the one before was answered, or lost with its connection: so their order is known. Standard
output has the counts so far, ten times a second; the line `stop` on standard input ends the sending, and when everything
that was accepted has ended, the driver ends.

The log has one JSON object a line, by `n`, the number:
    {"n", "from", "to", "id", "status", "t"}   an answer with a correlation id
    {"n", "from", "to", "refused", "why", "t"} an answer without one: the error's code and message
    {"n", "from", "to", "unanswered", "t"}     the connection ended before the answer: taken or not, nobody can say
    {"n", "ended", "t"}                        what `GET /v1/exchanges/<id>?wait=…` said at its end
"""

import asyncio
import contextlib
import json
import sys
import time

from traffic import lane_name, text_of

ANSWER_SECONDS = 120  # a bridge that lives and does not answer for so long hangs
WATCH_SECONDS = 30
RETRY_SECONDS = 0.05
WAITS_EVERY = 9  # every so many requests one waits for its reply instead of only for `accepted`
WAIT_SECONDS = 3


class Unanswered(Exception):
    """The request went out and the connection ended."""


class Client:
    """One connection with keep-alive."""

    def __init__(self, path):
        self.path, self.reader, self.writer = path, None, None

    async def connect(self):
        """Returns when there is a connection, however long the bridge is away."""
        while self.reader is None or self.reader.at_eof() or self.writer.is_closing():
            self.close()
            try:
                self.reader, self.writer = await asyncio.open_unix_connection(self.path, limit=1 << 20)
            except OSError:
                await asyncio.sleep(RETRY_SECONDS)

    async def ask(self, method, path, body=None, agent=None):
        """(status, JSON). Unanswered when the connection ends first."""
        await self.connect()
        data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        caller = f"X-Claw-Agent: {agent}\r\n" if agent else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{caller}Content-Length: {len(data)}\r\n\r\n"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self.writer.write(head.encode() + data)
                return await self._answer()
        except TimeoutError:
            self.close()
            raise Unanswered(f"the bridge hangs: no answer for {ANSWER_SECONDS} s") from None
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise Unanswered("the connection ended") from None

    async def _answer(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        content = await self.reader.readexactly(int(fields["content-length"]))
        if fields.get("connection") == "close":
            self.close()
        return int(lines[0].split(" ")[1]), json.loads(content)

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class Driver:
    def __init__(self, plan):
        self.plan = plan
        self.log = open(plan["log"], "w", buffering=1, encoding="utf-8")  # noqa: SIM115 open as long as the process
        self.sockets = plan["bridges"]
        self.number = 0
        self.over = False
        self.counts = {"sent": 0, "accepted": 0, "ended": 0}

    def write(self, **line):
        self.log.write(json.dumps({**line, "t": round(time.time(), 3)}) + "\n")

    async def run_lane(self, source, target):
        """Sends until it is over; then returns when all of this lane has ended."""
        accepted, room = asyncio.Queue(), asyncio.Semaphore(self.plan["open_per_lane"])
        path = self.sockets[source.split("/")[0]]
        watching = asyncio.create_task(self.watch(path, accepted, room))
        client = Client(path)
        while not self.over:
            await room.acquire()
            await client.connect()
            if self.over:
                break
            number, id_ = await self.send(client, source, target)
            if id_ is None:
                room.release()
            else:
                accepted.put_nowait((number, id_))
        client.close()
        accepted.put_nowait(None)
        await watching

    async def send(self, client, source, target):
        """(number, correlation id), the latter None when none was told."""
        self.number += 1
        number = self.number
        self.counts["sent"] += 1
        agent, (gateway, target_agent) = source.split("/")[1], target.split("/")
        request = {"gateway": gateway, "agentId": target_agent, "message": text_of(number, lane_name(source, target)),
                   "timeoutSeconds": WAIT_SECONDS if number % WAITS_EVERY == 0 else 0}
        what = {"n": number, "from": source, "to": target}
        try:
            _, answer = await client.ask("POST", "/v1/tools/sessions_send", request, agent)
        except Unanswered as why:
            self.write(**what, unanswered=str(why))
            return number, None
        if "correlationId" not in answer:
            error = answer.get("error") or {"code": "?", "message": str(answer)[:200]}
            self.write(**what, refused=error["code"], why=error["message"])
            await asyncio.sleep(RETRY_SECONDS)  # it is full or going down: not at once again
            return number, None
        self.counts["accepted"] += 1
        self.write(**what, id=answer["correlationId"], status=answer["status"])
        return number, answer["correlationId"]

    async def watch(self, path, accepted, room):
        """The ends of one lane's exchanges. They end in order, or nearly: one connection is enough."""
        client = Client(path)
        while (item := await accepted.get()) is not None:
            number, id_ = item
            status = "accepted"
            while status == "accepted":
                with contextlib.suppress(Unanswered):
                    code, view = await client.ask("GET", f"/v1/exchanges/{id_}?wait={WATCH_SECONDS}")
                    status = view.get("status") if code == 200 else view.get("error", {}).get("code", "?")
                    if code >= 500:  # the bridge is going down
                        status = "accepted"
                        await asyncio.sleep(RETRY_SECONDS)
            self.counts["ended"] += 1
            self.write(n=number, ended=status)
            room.release()
        client.close()

    async def listen(self):
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        await orders.readline()
        self.over = True

    async def report(self):
        while True:
            print(json.dumps(self.counts), flush=True)
            await asyncio.sleep(0.1)

    async def run(self):
        report, listen = asyncio.create_task(self.report()), asyncio.create_task(self.listen())
        await asyncio.gather(*(self.run_lane(source, target) for source, target in self.plan["lanes"]))
        self.log.close()
        print(json.dumps({**self.counts, "over": True}), flush=True)
        report.cancel()
        listen.cancel()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        asyncio.run(Driver(json.load(file)).run())
