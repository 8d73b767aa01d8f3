"""Every text arrives as the very bytes it was sent as; what is not UTF-8 is refused and never repaired."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, texts  # noqa: E402
from clawtest.bridge import EXIT_OK, EXIT_REFUSED, EXIT_USAGE  # noqa: E402


class Texts(case.SharedCase):
    @classmethod
    def setUpClass(cls):
        cls.bridges = {"macbook": case.MACBOOK, "imac": {"gateway": {"agents": ["jarvis", "pepper"], "record": "turns.jsonl"}}}
        super().setUpClass()

    def turns(self):
        path = self.fed.imac.directory / "turns.jsonl"
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        return {turn["correlationId"]: turn for turn in map(json.loads, filter(None, lines))}

    def test_the_corpus_is_large_enough(self):
        self.assertGreaterEqual(len(texts.CORPUS), 60)
        self.assertGreaterEqual(max(len(text.encode()) for text in texts.CORPUS.values()), 256 * 1024)

    def test_texts_cross_unchanged(self):
        sent = {}
        for name, text in texts.CORPUS.items():
            with self.subTest(name):
                outcome = self.fed.macbook.send("imac/jarvis", text)
                self.assertCode(outcome, EXIT_OK)
                sent[outcome.json["correlationId"]] = name
                self.assertEqual(outcome.json["reply"].encode(), b"echo: " + text.encode())
                shown = self.fed.imac.exchange(outcome.json["correlationId"]).json
                self.assertEqual(shown["message"].encode(), text.encode())
        turns = self.turns()
        for id_, name in sent.items():
            with self.subTest(name, recorded=True):
                self.assertEqual(turns[id_]["text"].encode(), texts.CORPUS[name].encode())

    def test_texts_cross_the_broker_unchanged(self):
        for name in ("NUL inside", "every blank before reset", "noncharacters", "JSON with a trailer", "CRLF"):
            with self.subTest(name):
                result = self.fed.macbook.send("imac/pepper", texts.CORPUS[name]).json
                events = [seen.event for seen in self.fed.capture.of_exchange(result["correlationId"])]
                self.assertEqual(events[0]["data"]["message"], texts.CORPUS[name])
                self.assertEqual(events[-1]["data"]["reply"], "echo: " + texts.CORPUS[name])

    def test_a_leading_command_is_only_text(self):
        for name in ("reset", "new", "blank before reset"):
            outcome = self.fed.macbook.cli("send", "imac/jarvis", "--message-file", self.file(texts.CORPUS[name]))
            self.assertEqual(outcome.json["reply"], "echo: " + texts.CORPUS[name])

    def file(self, text):
        path = self.directory / "text"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def test_invalid_utf8_is_refused(self):
        before = len(self.turns())
        for name, data in texts.INVALID.items():
            for how, outcome in (("file", self.fed.macbook.send("imac/jarvis", data)),
                                 ("stdin", self.fed.macbook.cli("send", "imac/jarvis", stdin=data))):
                with self.subTest(name, how=how):
                    self.assertIn(outcome.code, (EXIT_USAGE, EXIT_REFUSED), outcome)
                    self.assertIn("utf-8", outcome.text.lower())
        self.assertEqual(len(self.turns()), before, "something ran all the same")

    def test_invalid_utf8_is_refused_by_the_api(self):
        import http.client
        from clawtest.bridge import _UnixConnection
        for name, data in texts.INVALID.items():
            with self.subTest(name):
                connection = _UnixConnection(self.fed.macbook.socket, 20)
                connection.request("POST", "/v1/tools/sessions_send",
                                   body=b'{"gateway":"imac","agentId":"jarvis","message":"' + data + b'"}',
                                   headers={"Content-Type": "application/json"})
                response = connection.getresponse()
                self.assertEqual(response.status, http.client.BAD_REQUEST, response.read())
                connection.close()

    def test_an_empty_text_is_refused(self):
        self.assertIn(self.fed.macbook.send("imac/jarvis", "").code, (EXIT_USAGE, EXIT_REFUSED))

    def test_too_large_a_text_is_refused_and_the_limit_named(self):
        outcome = self.fed.macbook.send("imac/jarvis", "x" * (1 << 20))
        self.assertCode(outcome, EXIT_REFUSED)
        self.assertEqual(outcome.json["error"]["code"], "too_large", outcome)
        self.assertRegex(outcome.json["error"]["message"], r"1048576|1 MiB|1024")


if __name__ == "__main__":
    case.main()
