"""One message and its reply, in every way of naming the target and of waiting."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case  # noqa: E402
from clawtest.bridge import EXIT_OK, EXIT_REFUSED, EXIT_WAIT_ENDED  # noqa: E402
from clawtest.wire import ULID  # noqa: E402

STAGES = ["published", "deferred", "stored", "queued", "started", "ended"]


class Exchange(case.SharedCase):
    def assertOk(self, outcome, reply, agent="jarvis", session=None):
        self.assertCode(outcome, EXIT_OK)
        result = outcome.json
        self.assertEqual(result["status"], "ok", outcome)
        self.assertEqual(result["reply"], reply)
        self.assertEqual(result["agent"], agent)
        self.assertEqual(result["sessionKey"], session or f"agent:{agent}:main")
        return result

    def test_the_answer_has_every_member(self):
        result = self.assertOk(self.fed.macbook.send("imac/jarvis", "hello"), "echo: hello")
        self.assertEqual(result["gateway"], "imac")
        self.assertIs(result["remote"], True)
        self.assertRegex(result["correlationId"], ULID)
        self.assertTrue(result["runId"])
        self.assertNotIn("error", result)

    def test_text_as_argument_and_from_stdin(self):
        self.assertOk(self.fed.macbook.cli("send", "imac/jarvis", "an argument"), "echo: an argument")
        self.assertOk(self.fed.macbook.cli("send", "imac/jarvis", stdin="aus der Röhre\n".encode()), "echo: aus der Röhre\n")

    def test_a_person_reads_the_reply_alone(self):
        from clawtest.bridge import run_cli
        outcome = run_cli(["send", "--socket", self.fed.macbook.socket, "imac/jarvis", "hello"], self.directory)
        self.assertCode(outcome, EXIT_OK)
        self.assertIn("echo: hello", outcome.stdout.decode())

    def test_every_way_to_name_the_target(self):
        for target, agent, session in (
                ("imac/pepper", "pepper", None),
                ("imac/agent:pepper:main", "pepper", None),
                ("pepper", "pepper", None),
                ("agent:pepper:main", "pepper", None),
                ("butler", "jarvis", None)):
            with self.subTest(target):
                self.assertOk(self.fed.macbook.send(target, target), f"echo: {target}", agent, session)

    def test_the_api_takes_the_tools_arguments(self):
        for arguments, agent, session in (
                ({"gateway": "imac", "agentId": "jarvis"}, "jarvis", None),
                ({"agentId": "imac/jarvis"}, "jarvis", None),
                ({"agentId": "butler"}, "jarvis", None),
                ({"gateway": "imac", "sessionKey": "agent:jarvis:main"}, "jarvis", "agent:jarvis:main"),
                ({"sessionKey": "imac/agent:pepper:main"}, "pepper", "agent:pepper:main")):
            with self.subTest(arguments):
                status, result = self.fed.macbook.http("POST", "/v1/tools/sessions_send", {**arguments, "message": "via HTTP"})
                self.assertEqual((status, result.get("status")), (200, "ok"), result)
                self.assertEqual(result["reply"], "echo: via HTTP")
                self.assertEqual((result["agent"], result["sessionKey"]), (agent, session or f"agent:{agent}:main"))

    def test_the_caller_is_named_in_the_message(self):
        status, result = self.fed.macbook.http(
            "POST", "/v1/tools/sessions_send", {"gateway": "imac", "agentId": "jarvis", "message": "from an agent"},
            headers={"X-Claw-Agent": "main", "X-Claw-Session": "agent:main:main"})
        self.assertEqual((status, result["status"]), (200, "ok"))
        request = self.fed.capture.of_exchange(result["correlationId"])[0].event
        self.assertEqual(request["source"], "macbook/main")
        self.assertEqual(request["replyto"], "claw/macbook/main/reply")

    def test_an_own_agent_is_asked_without_the_broker(self):
        outcome = self.fed.macbook.send("main", "at home")
        result = self.assertOk(outcome, "echo: at home", "main")
        self.assertIs(result["remote"], False)
        self.assertEqual(self.fed.capture.of_exchange(result["correlationId"]), [])

    def test_both_directions(self):
        result = self.assertOk(self.fed.imac.send("macbook/main", "back"), "echo: back", "main")
        self.assertEqual(result["gateway"], "macbook")

    def test_both_sides_can_show_the_exchange(self):
        result = self.assertOk(self.fed.macbook.send("imac/jarvis", "show me"), "echo: show me")
        for bridge, direction in ((self.fed.macbook, "outgoing"), (self.fed.imac, "incoming")):
            outcome = bridge.exchange(result["correlationId"])
            self.assertCode(outcome, EXIT_OK)
            shown = outcome.json
            self.assertEqual((shown["direction"], shown["status"], shown["reply"]), (direction, "ok", "echo: show me"))
            self.assertEqual((shown["gateway"], shown["agent"]), ("imac", "jarvis"))
            self.assertEqual(shown["correlationId"], result["correlationId"])
            names, times = [item["stage"] for item in shown["stages"]], [item["time"] for item in shown["stages"]]
            self.assertEqual(times, sorted(times))
            self.assertTrue(names, shown)

    def test_a_list_of_exchanges(self):
        ids = [self.fed.macbook.send("imac/jarvis", f"number {number}").json["correlationId"] for number in range(3)]
        outcome = self.fed.macbook.cli("exchange", "list")
        self.assertCode(outcome, EXIT_OK)
        listed = [item["correlationId"] for item in outcome.json["exchanges"]]
        self.assertEqual(listed[:3], ids[::-1], "newest first")

    def test_the_agents_of_everyone(self):
        outcome = self.fed.macbook.cli("agents")
        self.assertCode(outcome, EXIT_OK)
        found = {(agent["gateway"], agent["id"]): agent["remote"] for agent in outcome.json["agents"]}
        self.assertEqual(found, {("macbook", "main"): False, ("imac", "jarvis"): True, ("imac", "pepper"): True})

    def test_status_tells_what_an_operator_asks(self):
        status = self.fed.macbook.status()
        self.assertEqual((status["gateway"], status["state"]), ("macbook", "online"))
        self.assertEqual(status["broker"]["state"], "connected")
        self.assertEqual(status["broker"]["protocol"], 5)
        self.assertEqual(status["fingerprint"], self.fed.macbook.keys().fingerprint.hex())
        self.assertEqual(status["peers"], 1)

    def test_an_unknown_exchange(self):
        self.assertCode(self.fed.macbook.exchange("01M820XBZAC4PEAQ5JRFVJ00CF"), EXIT_REFUSED)

    def test_many_at_once_each_gets_its_own_reply(self):
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool:
            def ask(number):
                agent = ("jarvis", "pepper")[number % 2]
                return self.fed.macbook.http("POST", "/v1/tools/sessions_send",
                                             {"gateway": "imac", "agentId": agent, "message": f"text {number}"})
            answers = list(pool.map(ask, range(100)))
        self.assertEqual([answer[1].get("reply") for answer in answers], [f"echo: text {number}" for number in range(100)])
        self.assertEqual(len({answer[1]["correlationId"] for answer in answers}), 100)


class Waiting(case.SharedCase):
    """A slow agent: the asker's wait ends long before the turn does."""

    bridges = {"macbook": case.MACBOOK, "imac": {"gateway": {"agents": ["jarvis", "pepper"], "delay": "1500ms"}}}

    def test_no_wait_then_show_then_wait(self):
        outcome = self.fed.macbook.send("imac/jarvis", "later", "--timeout", "0")
        self.assertIn(outcome.code, (EXIT_OK, EXIT_WAIT_ENDED), outcome)
        accepted = outcome.json
        self.assertEqual(accepted["status"], "accepted", outcome)
        self.assertNotIn("reply", accepted)
        shown = self.fed.macbook.exchange(accepted["correlationId"]).json
        self.assertIn(shown["status"], ("accepted", "ok"))
        waited = self.fed.macbook.cli("exchange", "wait", accepted["correlationId"], "--timeout", "30")
        self.assertCode(waited, EXIT_OK)
        self.assertEqual((waited.json["status"], waited.json["reply"]), ("ok", "echo: later"))
        self.assertEqual(self.fed.macbook.exchange(accepted["correlationId"]).json["reply"], "echo: later")

    def test_a_wait_that_ends_early_says_how_far_it_came(self):
        outcome = self.fed.macbook.send("imac/pepper", "slow", "--timeout", "0.7")
        self.assertCode(outcome, EXIT_WAIT_ENDED)
        self.assertEqual(outcome.json["status"], "accepted")
        self.assertEqual(outcome.json["stage"], "started", outcome)
        ended = self.fed.macbook.wait_for_exchange(outcome.json["correlationId"])
        self.assertEqual((ended["status"], ended["reply"]), ("ok", "echo: slow"))
        stages = [item["stage"] for item in ended["stages"]]
        self.assertIn("started", stages)
        self.assertEqual(stages, sorted(stages, key=lambda stage: STAGES.index(stage) if stage in STAGES else -1))

    def test_one_session_keeps_the_order_and_other_sessions_do_not_wait(self):
        texts = [f"in line {number}" for number in range(3)]
        ids = [self.fed.macbook.send("imac/agent:jarvis:main", text, "--timeout", "0").json["correlationId"] for text in texts]
        other = self.fed.macbook.send("imac/pepper", "beside", "--timeout", "30")
        self.assertCode(other, EXIT_OK)
        self.assertNotEqual(self.fed.macbook.exchange(ids[-1]).json["status"], "ok", "the third cannot be ready before the other")
        ended = [self.fed.macbook.wait_for_exchange(id_) for id_ in ids]
        self.assertEqual([item["reply"] for item in ended], [f"echo: {text}" for text in texts])
        starts = [next(stage["time"] for stage in item["stages"] if stage["stage"] == "started") for item in ended]
        self.assertEqual(starts, sorted(starts))


class Ambiguous(case.SharedCase):
    """Two gateways with an agent of the same name."""

    bridges = {"macbook": case.MACBOOK, "imac": case.IMAC, "studio": {"gateway": {"agents": ["jarvis", "smith"]}}}

    def test_an_ambiguous_agent_is_refused_and_the_candidates_are_named(self):
        outcome = self.fed.macbook.send("jarvis", "who?")
        self.assertCode(outcome, EXIT_REFUSED)
        self.assertEqual(outcome.json["error"]["code"], "ambiguous")
        for candidate in ("imac", "studio"):
            self.assertIn(candidate, outcome.json["error"]["message"])

    def test_the_full_name_and_the_short_name_still_work(self):
        for target, gateway in (("studio/jarvis", "studio"), ("imac/jarvis", "imac"), ("butler", "imac"), ("smith", "studio")):
            with self.subTest(target):
                outcome = self.fed.macbook.send(target, "you")
                self.assertCode(outcome, EXIT_OK)
                self.assertEqual(outcome.json["gateway"], gateway)


if __name__ == "__main__":
    case.main()
