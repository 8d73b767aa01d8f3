"""What an operator sees of a running bridge, and changes of it: metrics, health, status, watch, reload."""

import json
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, metrics, process  # noqa: E402
from clawtest.bridge import SOURCE_DIR, binary, run_cli  # noqa: E402

DENY_ALL = [{"from": "*", "to": "*", "deny": "sessions_send"}]


def shown(bridge, *command):
    """The command as a person sees it."""
    return run_cli([*command, "--socket", bridge.socket], bridge.directory)


class Watch:
    """`clawbridge watch` as a process, until it is stopped."""

    def __init__(self, bridge, *options):
        self.out_path, self.err_path = bridge.directory / "watch.out", bridge.directory / "watch.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen([binary(), "--config", str(bridge.config_path), *options], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env=process.clean_environment(bridge.directory))

    @property
    def out(self):
        return process.read(self.out_path)

    @property
    def err(self):
        return process.read(self.err_path)

    def events(self):
        whole = self.out[:self.out.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines()]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


class Observed(case.SharedCase):
    bridges = {"macbook": {**case.MACBOOK, "trust": {"seal": "always"}}, "imac": {**case.IMAC, "trust": {"seal": "always"}}}

    def watch(self, bridge, *options):
        made = Watch(bridge, *options)
        self.addCleanup(made.stop)
        return made

    def send_until_seen(self, watch, text="hello"):
        """Sends until the watcher shows it: it may not listen yet. Returns the correlation id."""
        def seen():
            outcome = self.fed.macbook.cli("send", "imac/jarvis", text)
            self.assertCode(outcome, 0)
            cid = outcome.json["correlationId"]
            try:
                process.wait_until("", lambda: cid in watch.out, 2)
            except AssertionError:
                return None
            return cid
        return process.wait_until(f"the watcher to show a message; it says {watch.err!r}", seen, 40)

    def test_metrics_tell_of_an_exchange(self):
        before = [metrics.read(bridge) for bridge in (self.fed.macbook, self.fed.imac)]
        self.assertCode(self.fed.macbook.cli("send", "imac/jarvis", "hello"), 0)
        def more(side, bridge, name, **labels):
            return metrics.read(bridge).value(name, **labels) - before[side].value(name, **labels)
        for side, bridge, direction in ((0, self.fed.macbook, "outgoing"), (1, self.fed.imac, "incoming")):
            labels = {"direction": direction, "operation": "sessions_send"}
            self.assertEqual(more(side, bridge, "clawbridge_exchanges_begun_total", **labels), 1)
            self.assertEqual(more(side, bridge, "clawbridge_exchanges_ended_total", status="ok", **labels), 1)
            self.assertEqual(more(side, bridge, "clawbridge_exchange_stage_seconds_count", direction=direction, stage="ended"), 1)
            self.assertGreater(more(side, bridge, "clawbridge_broker_published_bytes_total"), 100)
            self.assertGreater(more(side, bridge, "clawbridge_journal_commit_seconds_count"), 0)
            now = metrics.read(bridge)
            self.assertEqual(now.value("clawbridge_broker_connected"), 1)
            self.assertEqual(now.value("clawbridge_gateway_connected"), 1)
            self.assertEqual(now.value("clawbridge_peers", trust="joined", presence="online"), 1)
            self.assertEqual(now.value("clawbridge_state", state="online"), 1)
            self.assertGreaterEqual(now.value("clawbridge_journal_bytes", file="data"), 4096)
            self.assertGreater(now.value("process_resident_memory_bytes"), 1 << 20)
            self.assertLess(abs(now.value("process_start_time_seconds") - time.time()), 3600)

    def test_every_metric_is_documented(self):
        page = (SOURCE_DIR / "bridge" / "observe" / "METRICS.md").read_text(encoding="utf-8")
        documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
        for bridge in self.fed.bridges.values():
            for family in metrics.read(bridge).families.values():
                name = family.name + ("_total" if family.type == "counter" else "")
                self.assertIn(name, documented)
                for sample in family.samples:
                    for label, value in sample.labels.items():
                        self.assertNotIn(value, {"macbook", "imac", "jarvis", "pepper", "main"}, f"{name}{{{label}}} names somebody")

    def test_health(self):
        for bridge in self.fed.bridges.values():
            self.assertEqual(bridge.http("GET", "/healthz"), (200, {"ok": True, "status": "live"}))
            self.assertEqual(bridge.http("GET", "/readyz"), (200, {"ready": True, "state": "online", "failing": []}))

    def test_status_at_a_glance(self):
        text = shown(self.fed.macbook, "status").text
        for line in ("state        online", "broker       connected (MQTT 5)", "peers        1 (1 online)", "queues       empty"):
            self.assertIn(line, text)
        self.assertIn(str(self.fed.macbook.config_path), text)

    def test_watch_shows_sealed_messages_and_their_texts(self):
        for bridge, sent, got in ((self.fed.macbook, "request", "reply"), (self.fed.imac, "reply", "request")):
            watch = self.watch(bridge, "watch", "--json", "--text")
            self.send_until_seen(watch)  # which may have begun to listen in the middle of that exchange
            cid = self.fed.macbook.cli("send", "imac/jarvis", "the secret word").json["correlationId"]
            def mine():
                types = {event.get("type"): event for event in watch.events() if event.get("correlationId") == cid}
                return types if {"request", "reply"} <= set(types) else None
            found = process.wait_until("both messages", mine)
            self.assertEqual((found[sent]["event"], found[got]["event"]), ("message.sent", "message.received"))
            self.assertEqual((found["request"]["from"], found["request"]["to"]), ("macbook/_bridge", "imac/jarvis"))
            self.assertEqual(found["request"]["what"], "sessions_send")
            self.assertEqual(found["request"]["sealed"], "true")
            self.assertEqual(found["request"]["text"], "the secret word")
            self.assertEqual(found["reply"]["text"], "echo: the secret word")
            self.assertGreaterEqual(found["reply"]["latencyMilliseconds"], 0)
            self.assertEqual(watch.stop(), 0)

    def test_watch_filters(self):
        everything = self.watch(self.fed.macbook, "watch")
        cid = self.send_until_seen(everything)
        self.assertNotIn("echo: hello", everything.out, "texts are shown with --text only")
        self.assertEqual(everything.stop(), 0)
        pepper = self.watch(self.fed.imac, "watch", "--agent", "pepper", "--count", "2")
        self.assertCode(self.fed.macbook.cli("send", "imac/jarvis", "not shown"), 0)
        process.wait_until("the watcher to end", lambda: self.fed.macbook.cli("send", "imac/pepper", "shown") and pepper.process.poll() is not None, 40)
        self.assertTrue(all("imac/pepper" in line for line in pepper.out.splitlines()), pepper.out)
        self.assertEqual(len(pepper.out.splitlines()), 2)
        self.assertNotIn(cid, pepper.out)

    def test_watch_outlives_the_daemon(self):
        watch = self.watch(self.fed.imac, "watch")
        self.send_until_seen(watch)
        self.fed.imac.stop()
        process.wait_until("the watcher to notice", lambda: "the daemon has gone" in watch.err)
        self.fed.imac.start()
        process.wait_until("the watcher to be back", lambda: "the daemon is back" in watch.err)
        self.fed.wait_acquainted()
        self.send_until_seen(watch, "once more")
        self.assertEqual(watch.stop(), 0)
        self.assertEqual(watch.err.count("the daemon has gone"), 1)

    def test_watch_shows_what_is_refused(self):
        watch = self.watch(self.fed.imac, "watch")
        def refused():
            self.fed.broker.publish("claw/imac/jarvis/inbox", b'{"specversion":"1.0"}')
            return "REFUSED: dropped." in watch.out
        process.wait_until("the forged message", refused, step=0.3)


class Unready(case.Case):
    def test_a_bridge_without_its_gateway_is_not_ready(self):
        fed = self.federation({"macbook": case.MACBOOK}, observe=False)
        lonely = fed.add("studio", {"gateway": {"kind": "openclaw", "agents": None, "url": "ws://127.0.0.1:1", "token": "x"}}, wait=False)
        lonely.wait_alive()
        def told():
            status, answer = lonely.http("GET", "/readyz")
            reasons = answer["failing"]
            return (status, reasons) if len(reasons) == 1 and "gateway" in reasons[0] else None
        self.assertEqual(process.wait_until("readiness to name the gateway alone", told)[0], 503)
        self.assertEqual(lonely.http("GET", "/healthz")[0], 200)
        self.assertEqual(metrics.read(lonely).value("clawbridge_gateway_connected"), 0)
        self.assertIn("gateway.down", shown(lonely, "status").text)


class Reload(case.Case):
    def setUp(self):
        self.fed = self.federation(observe=False)
        self.macbook, self.imac = self.fed.macbook, self.fed.imac

    def send(self):
        return self.macbook.cli("send", "imac/jarvis", "hello", "--timeout", "10").code

    def test_policy_on_demand(self):
        self.assertEqual(self.send(), 0)
        self.imac.configure({"policy": DENY_ALL, "log": {"level": "info"}})
        outcome = self.imac.cli("reload")
        self.assertCode(outcome, 0)
        self.assertEqual(outcome.json, {"status": "ok", "changed": ["log.level", "policy"], "restartNeeded": []})
        self.assertEqual(self.send(), 3)
        self.assertTrue(self.imac.log_lines("event=settings.reloaded", "changed=log.level,policy"))
        self.imac.configure({"policy": []})
        self.assertCode(self.imac.cli("reload"), 0)
        self.assertEqual(self.send(), 0)

    def test_on_a_signal(self):
        self.imac.configure({"policy": DENY_ALL})
        self.imac.daemon.process.send_signal(signal.SIGHUP)
        process.wait_until("the settings to hold", lambda: self.send() == 3)

    def test_when_the_file_changes(self):
        self.imac.configure({"policy": DENY_ALL})
        process.wait_until("the settings to hold", lambda: self.send() == 3)
        self.assertEqual(metrics.read(self.imac).value("clawbridge_settings_reloads_total", result="applied"), 1)

    def test_wrong_settings_leave_the_old_ones_in_force(self):
        self.imac.configure({"policy": DENY_ALL})
        self.assertCode(self.imac.cli("reload"), 0)
        self.imac.configure({"policy": [], "pollicy": []})
        outcome = shown(self.imac, "reload")
        self.assertCode(outcome, 2)
        self.assertIn('unknown key "pollicy"', outcome.text)
        self.assertIn("the settings before still hold", outcome.text)
        self.assertEqual(self.send(), 3, "the old policy holds")
        self.assertTrue(self.imac.log_lines("level=error", "event=settings.refused", "pollicy"))
        self.assertIn('unknown key \\"pollicy\\"', json.dumps(self.imac.status()["settings"]["error"]))
        self.assertIn("SETTINGS REFUSED", shown(self.imac, "status").text)
        self.assertEqual(metrics.read(self.imac).value("clawbridge_settings_valid"), 0)
        del self.imac.settings["pollicy"]
        self.imac.configure({})
        self.assertCode(self.imac.cli("reload"), 0)
        self.assertEqual(self.send(), 0)
        self.assertEqual(metrics.read(self.imac).value("clawbridge_settings_valid"), 1)
        self.assertNotIn("SETTINGS REFUSED", shown(self.imac, "status").text)

    def test_a_file_that_is_gone_changes_nothing(self):
        self.imac.configure({"policy": DENY_ALL})
        self.assertCode(self.imac.cli("reload"), 0)
        away = self.imac.config_path.rename(self.imac.config_path.with_suffix(".away"))
        outcome = shown(self.imac, "reload")
        self.assertCode(outcome, 2)
        self.assertEqual(self.send(), 3)
        away.rename(self.imac.config_path)

    def test_what_takes_a_restart_is_said_and_waits(self):
        self.imac.configure({"gateway": {"agents": ["jarvis", "pepper", "edith"]}, "expose": ["jarvis"]})
        outcome = shown(self.imac, "reload")
        self.assertCode(outcome, 0)
        self.assertEqual(outcome.stdout.decode(), "now in force: expose\nin force after a restart: gateway.agents\n")
        self.assertIn("after a restart  gateway.agents", shown(self.imac, "status").text)
        self.assertTrue(self.imac.log_lines("level=warn", "event=settings.restart_needed", "gateway.agents"))
        self.assertEqual(metrics.read(self.imac).value("clawbridge_settings_restart_needed"), 1)
        process.wait_until("macbook to see jarvis alone", lambda: [agent["id"] for agent in self.macbook.agents() if agent["gateway"] == "imac"] == ["jarvis"])
        self.imac.configure({"gateway": {"agents": ["jarvis", "pepper"]}})
        self.assertCode(self.imac.cli("reload"), 0)
        self.assertEqual(metrics.read(self.imac).value("clawbridge_settings_restart_needed"), 0)

    def test_a_turn_that_was_taken_goes_on(self):
        self.imac.configure({"gateway": {"delay": "2s"}})
        self.imac.restart()
        self.fed.wait_acquainted()
        cid = self.macbook.cli("send", "imac/jarvis", "slow", "--timeout", "0").json["correlationId"]
        process.wait_until("the turn to begin", lambda: self.imac.http("GET", f"/v1/exchanges/{cid}")[1].get("stage") == "started")
        self.imac.configure({"policy": DENY_ALL})
        self.assertCode(self.imac.cli("reload"), 0)
        self.assertEqual(self.send(), 3)
        outcome = self.macbook.cli("exchange", "wait", cid)
        self.assertCode(outcome, 0)
        self.assertEqual(outcome.json["reply"], "echo: slow")


if __name__ == "__main__":
    case.main()
