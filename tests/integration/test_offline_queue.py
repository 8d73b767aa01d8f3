"""A peer is away while more is asked of it than a broker keeps for an offline client: all of it waits in the requester's
journal, and is delivered in order per lane when the peer is back, without overflowing the broker.

CLAWBRIDGE_OFFLINE_QUEUE sets how many exchanges wait (default 1,000; `make check-long` 10,000). A stock mosquitto keeps
1,000 messages for a client that is away and says nothing about those it drops.
"""

import asyncio
import collections
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))
from clawtest import bridge, broker, case, process  # noqa: E402
from check import read_exchanges  # noqa: E402
from driver import Client  # noqa: E402
from gateways import Echo  # noqa: E402
from traffic import lane_name, number_of, text_of  # noqa: E402

EXCHANGES = int(os.environ.get("CLAWBRIDGE_OFFLINE_QUEUE", "1000"))
AGENTS = [f"a{number}" for number in range(10)]
RESIDENT_MIB_MOST = 80  # design.md, with 10,000 exchanges open
DROPPED, UPTIME = "$SYS/broker/publish/messages/dropped", "$SYS/broker/uptime"


async def ask_all(made, gateway):
    """correlation id -> number, after each was accepted; in every lane one after the other."""
    numbers = {}

    async def ask_lane(lane):
        client = Client(made.socket)
        for number in range(lane + 1, EXCHANGES + 1, len(AGENTS)):
            target = AGENTS[lane]
            status, answer = await client.ask("POST", "/v1/tools/sessions_send", {
                "gateway": gateway, "agentId": target, "timeoutSeconds": 0,
                "message": text_of(number, lane_name(f"{made.name}/main", f"{gateway}/{target}"))}, "main")
            assert status == 200 and answer["status"] == "accepted", (status, answer)
            numbers[answer["correlationId"]] = number
        client.close()

    await asyncio.gather(*(ask_lane(lane) for lane in range(len(AGENTS))))
    return numbers


class OfflineQueue(case.Case):
    def setUp(self):
        self.directory = self.make_directory()
        self.broker = broker.Broker(self.directory / "broker", stock=True, extra="sys_interval 1")
        self.addCleanup(self.broker.stop)
        join = bridge.join_secret()
        quiet = {"log": {"level": "info"}}
        self.macbook = bridge.Bridge(self.directory, "macbook", self.broker, quiet, join)
        self.addCleanup(self.macbook.stop)
        self.imac = bridge.Bridge(self.directory, "imac", self.broker, {
            **quiet, "gateway": {"agents": AGENTS, "record": str(self.directory / "imac" / "turns.jsonl")}}, join)
        self.addCleanup(self.imac.stop)
        self.macbook.wait_until_knows(*(f"imac/{agent}" for agent in AGENTS))

    def dropped(self):
        """Messages that the broker has thrown away since its start, as it says itself: when that changes, after the uptime,
        which it tells every second. Two new uptimes mean that all up to now has been told."""
        done = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-v", "-t", DROPPED, "-t", UPTIME, "-C", "4", "-W", "20"],
                              capture_output=True, check=True, timeout=30, text=True)
        return int([line.split()[1] for line in done.stdout.splitlines() if line.startswith(DROPPED)][-1])

    def presence(self, name):
        return {agent["presence"] for agent in self.macbook.agents() if agent["gateway"] == name}

    def test_everything_waits_and_is_delivered(self):
        idle = self.macbook.resident_kib() / 1024
        self.imac.stop()
        process.wait_until("imac to be offline", lambda: self.presence("imac") == {"offline"})
        began = time.monotonic()
        numbers = asyncio.run(ask_all(self.macbook, "imac"))
        asked = time.monotonic() - began
        self.assertEqual(len(numbers), EXCHANGES)
        self.assertEqual(self.macbook.http("GET", "/v1/status")[1]["outgoingOpen"], EXCHANGES)
        waiting = self.macbook.resident_kib() / 1024
        published = self.macbook.counters().get("request.published", 0)
        self.assertLessEqual(published, 2, "a peer that is away was sent more than a probe")

        self.imac.start()
        began = time.monotonic()
        process.wait_until("all exchanges to end", lambda: self.macbook.http("GET", "/v1/status")[1]["outgoingOpen"] == 0, 900, step=0.2)
        delivered = time.monotonic() - began
        print(f"{EXCHANGES} exchanges: asked in {asked:.1f} s, delivered in {delivered:.1f} s ({EXCHANGES / delivered:.0f}/s); resident memory of the "
              f"requester {idle:.1f} MiB idle, {waiting:.1f} MiB with all of them waiting, {self.macbook.resident_kib() / 1024:.1f} MiB after")

        self.assertOnceAndInOrder(numbers)
        self.assertEqual(self.dropped(), 0, "the broker has dropped messages")
        self.assertNotIn("being dropped", process.read(self.broker.directory / "broker.log"))
        if not bridge.is_sanitized():
            self.assertLessEqual(waiting, RESIDENT_MIB_MOST)

    def assertOnceAndInOrder(self, numbers):
        turns = [(number_of(turn.text), turn.correlation_id) for turn in Echo.turns(self.imac.directory)]
        self.assertEqual(sorted(number for number, _ in turns), list(range(1, EXCHANGES + 1)))
        self.assertEqual({numbers[id_] for _, id_ in turns}, set(range(1, EXCHANGES + 1)))
        lanes = collections.defaultdict(list)
        for number, _ in turns:
            lanes[number % len(AGENTS)].append(number)
        for lane, ran in lanes.items():
            self.assertEqual(ran, sorted(ran), f"lane {lane} ran out of order")
        views = [read_exchanges(made.socket, list(numbers)) for made in (self.macbook, self.imac)]
        for id_, number in numbers.items():
            target = AGENTS[(number - 1) % len(AGENTS)]
            expected = ("ok", "echo: " + text_of(number, lane_name("macbook/main", f"imac/{target}")))
            for view in views:
                self.assertEqual((view[id_]["status"], view[id_]["reply"]), expected)


if __name__ == "__main__":
    case.main()
