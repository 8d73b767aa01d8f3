"""The web page, in a real browser before a real federation: what it shows, what it lets a person do, and how it looks.

CLAWBRIDGE_SCREENSHOTS=FOLDER keeps the screenshots there."""

import json
import os
import pathlib
import secrets
import shutil
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process  # noqa: E402
from clawtest.bridge import EXIT_OK, EXIT_USAGE, join_secret, run_cli  # noqa: E402
from clawtest.browser import Browser  # noqa: E402

HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script> & “quotes” \u202e reversed'
LONG = "\n".join(f"line {number}: a report that goes on" for number in range(200))
PHONE, DESKTOP = (360, 740, True), (1280, 860, False)

# Texts that can be seen and are less than 4.5 : 1 against what is behind them (3 : 1 when large), as WCAG 2.2, 1.4.3 computes it.
CONTRAST = """(() => {
  const parse = (color) => { const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number); return {r, g, b, a}; };
  const light = ({r, g, b}) => { const [x, y, z] = [r, g, b].map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
                                 return .2126 * x + .7152 * y + .0722 * z; };
  const ground = (node) => { for (; node; node = node.parentElement) { const color = parse(getComputedStyle(node).backgroundColor); if (color.a === 1) return color; }
                             return parse(getComputedStyle(document.documentElement).backgroundColor); };
  const faint = [];
  let seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility({visibilityProperty: true}) || node.closest('.unseen, .skip, noscript')) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parse(style.color)), light(ground(node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 40)}`);
  }
  return {seen, faint};
})()"""

# What sticks out to the right, although the page as a whole may hide it.
WIDE = """(() => {
  const over = [...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && !node.closest('.unseen, .skip, pre, svg'))
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5).map((node) => `${node.tagName}.${node.className} ${node.textContent.slice(0, 40)}`);
  return {whole: document.documentElement.scrollWidth - innerWidth, over: over.slice(0, 5)};
})()"""


class World:
    """Six bridges: this one, a friend, one at work for long, one that is away, one whose keys changed, and a stranger."""

    def __init__(self, test):
        self.port = process.free_port()
        self.tokens = {name: secrets.token_hex(32) for name in ("_bridge", "_watch", "main", "scout")}
        sealing = {"trust": {"join": join_secret(), "seal": "when_possible"}}
        echo = lambda *agents, **more: {"gateway": {"agents": list(agents), **more}, **sealing}  # noqa: E731
        self.fed = case.Federation(test.directory, {
            "macbook": {**echo("main", "scout"), "api": {"listen": f"127.0.0.1:{self.port}", "tokens": self.tokens}},
            "imac": echo("jarvis", "pepper", "archivist", delay="120ms"), "studio": echo("friday", delay="10m"),
            "attic": echo("sleeper"), "cellar": echo("vintner")}, observe=False)
        fed = self.fed
        fed.add("lodger", {"gateway": {"agents": ["guest"]}, "trust": {"join": join_secret()}})
        fed.cellar.stop()
        fed.attic.stop()
        fed.attic.keys_path.unlink()
        fed.attic.start()
        self.make_traffic()
        process.wait_until("attic's other keys to be seen", lambda: self.peer("attic").get("offeredFingerprint"))
        process.wait_until("the stranger to be seen", lambda: self.peer("lodger").get("trust") == "pending")

    def peer(self, name):
        return {peer["gateway"]: peer for peer in self.fed.macbook.http("GET", "/v1/peers")[1]["peers"]}.get(name, {})

    def make_traffic(self):
        self.hostile = self.send("imac", "jarvis", HOSTILE, 20)["correlationId"]
        self.long = self.send("imac", "pepper", LONG, 20, "scout")["correlationId"]
        self.send("imac", "jarvis", "Is the build green?", 20)
        self.send("macbook", "scout", "Look at the north door.", 20)
        self.fed.imac.http("POST", "/v1/tools/sessions_send", {"gateway": "macbook", "agentId": "main", "message": "Dinner at eight?", "timeoutSeconds": 20},
                           {"X-Claw-Agent": "pepper"})
        self.refused = [self.send("imac", "nobody", text, 20)["correlationId"] for text in ("Who are you?", "Are you there?")]
        self.running = self.send("studio", "friday", "Write the report of the week.", 0)["correlationId"]
        self.waiting = self.send("cellar", "vintner", "How many bottles are left?", 0)["correlationId"]
        self.expired = self.send("cellar", "vintner", "Turn them today.", 0, expiresInSeconds=1)["correlationId"]
        self.fed.macbook.wait_for_exchange(self.expired)
        process.wait_until("studio to have begun", lambda: self.fed.macbook.exchange(self.running).json.get("stage") == "started")

    def send(self, gateway, agent, text, wait, caller="main", **more):
        return self.fed.macbook.http("POST", "/v1/tools/sessions_send", {
            "gateway": gateway, "agentId": agent, "message": text, "timeoutSeconds": wait, **more}, {"X-Claw-Agent": caller})[1]


class PageTest(case.Case):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.world = World(cls)
        cls.addClassCleanup(cls.world.fed.close)
        cls.fed = cls.world.fed
        cls.origin = f"http://127.0.0.1:{cls.world.port}"
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.addCleanup(self._print_logs, self.fed)

    def tab(self, **look):
        page = self.browser.page(**look)
        self.addCleanup(page.close)  # a browser makes six connections to one server, and each page keeps one
        return page

    def open(self, view="map", caller="_bridge", **look):
        """A page of its own, let in by a link."""
        page = self.tab(**look)
        page.go(f"{self.origin}/#token={self.world.tokens[caller]}")
        page.wait("document.querySelector('#live')?.innerText.includes('live')")
        if view != "map":
            self.turn(page, view)
        return page

    def turn(self, page, view):
        page.js(f"location.hash = {json.dumps('#/' + view)}")
        page.find("#main .view")
        ready = {"map": ".card", "exchanges": ".exchanges li", "dead": ".letters li, .more .empty"}.get(view, ".stages li, section.empty")
        page.find(ready)

    def assertClean(self, page):
        self.assertEqual(page.complaints(), [])
        addresses = page.addresses()
        self.assertTrue(addresses)
        self.assertEqual([url for url in addresses if not url.startswith(self.origin + "/")], [], "it asked somebody else")
        self.assertEqual([url for url in addresses if any(token in url for token in self.world.tokens.values()) and "#" not in url], [], "a token in an address")

    # ---- the way in ----

    def test_the_door_wants_a_token_and_forgets_a_wrong_one(self):
        page = self.tab()
        page.go(self.origin + "/")
        page.wait_text("clawbridge page", "token of api.tokens")
        self.assertIn(("textbox", "Or paste a token of api.tokens"), [heard[:2] for heard in page.heard()])
        self.assertEqual([url for url in page.addresses() if "/v1/" in url], [], "nothing is asked without a token")
        page.click("#token")
        page.type("x" * 40)
        page.press("Enter")
        page.wait_text("The daemon does not know this token")
        self.assertIn("alert", [heard[0] for heard in page.heard()])
        page.forget_complaints()  # the browser writes down the 401
        page.click("#token")
        page.type(self.world.tokens["_bridge"])
        page.press("Enter")
        page.wait_text("macbook", "imac", "jarvis")
        self.assertClean(page)

    def test_a_link_lets_in_and_the_address_forgets_its_token(self):
        outcome = run_cli(["page", "--config", self.fed.macbook.config_path], self.fed.macbook.directory)
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(outcome.stdout.decode(), f"{self.origin}/#token={self.world.tokens['_bridge']}\n")
        page = self.tab()
        page.go(outcome.stdout.decode().strip())
        page.wait_text("macbook", "imac", "jarvis")
        self.assertEqual(page.js("location.href"), self.origin + "/#/map")
        self.assertNotIn("token", json.dumps([entry["url"] for entry in page.call("Page.getNavigationHistory")["entries"]]))
        self.assertClean(page)
        watching = run_cli(["page", "--watch", "--json", "--config", self.fed.macbook.config_path], self.fed.macbook.directory).json
        self.assertEqual(watching, {"url": f"{self.origin}/#token={self.world.tokens['_watch']}", "caller": "_watch", "mayChange": False})
        without = run_cli(["page", "--config", self.fed.imac.config_path], self.fed.imac.directory)
        self.assertCode(without, EXIT_USAGE)
        self.assertIn("api.listen", without.text)

    # ---- what it shows ----

    def test_the_map_tells_who_is_there_and_whose_keys_are_good(self):
        page = self.open()
        page.wait("document.querySelectorAll('.card').length === 6")
        cards = {name: page.text(f'[data-gateway="{name}"]') for name in ("macbook", "imac", "studio", "attic", "cellar", "lodger")}
        for name, words in {"macbook": ("this bridge", "online", "main", "scout"), "imac": ("online", "jarvis", "pepper", "pinned by the join secret"),
                            "studio": ("friday", "1 under way"), "attic": ("other keys claim this name",), "cellar": ("offline since", "vintner", "1 under way"),
                            "lodger": ("wait for your trust",)}.items():
            for word in words:
                self.assertIn(word, cards[name], name)
        self.assertNotIn("guest", cards["lodger"], "a stranger's agents are nobody's yet")
        names = [heard[:2] for heard in page.heard()]
        for role, name in (("heading", "imac"), ("heading", "What is wrong"), ("navigation", "Views"), ("list", "Agents of imac"), ("heading", "Broker")):
            self.assertIn((role, name), names)
        self.assertClean(page)

    def test_what_is_wrong_comes_with_what_to_do(self):
        page = self.open()
        page.wait_text("Other keys claim to be attic", "lodger waits for your trust", "1 request for cellar waits", " dead letters", selector="#problems")
        self.assertIn("clawbridge peers trust attic FINGERPRINT", page.text("#problems"))
        offered = self.world.peer("attic")["offeredFingerprint"]
        self.assertIn(offered[:4] + " " + offered[4:8], page.text("#problems"))
        self.assertEqual(page.js("document.title"), "(4) Map · macbook")
        self.turn(page, "exchanges")
        page.wait_text("Other keys claim to be attic and 3 more things to look at", selector="#problems")
        self.assertClean(page)

    def test_an_exchange_is_told_stage_by_stage(self):
        page = self.open(f"exchange/{self.world.long}")
        page.wait_text("accepted", "published", "ended", selector=".stages")
        page.wait_text("macbook asks, imac answers", "Operation", "sessions_send", self.world.long, selector=".one")
        self.assertIn("line 3:", page.text("pre"))
        self.assertNotIn("line 150:", page.text(".one"))
        page.click(".text button[aria-expanded]")
        page.wait_text("line 150:", selector="pre")
        self.turn(page, f"exchange/{self.world.running}")
        page.wait_text("started", "under way", "the agent works on it", selector=".stages")
        self.turn(page, "exchange/01KAN000000000000000000000")
        page.wait_text("This exchange is not known here", "clawbridge exchange show 01KAN000000000000000000000")
        page.forget_complaints()  # the browser writes down the 404
        self.assertClean(page)

    def test_remote_text_stays_text(self):
        page = self.open(f"exchange/{self.world.hostile}")
        page.wait_text("<img src=x onerror=", "echo: <img", selector=".one")
        self.assertEqual(page.js("document.querySelectorAll('#main img, #main script').length"), 0)
        self.assertNotIn("owned", page.js("document.title"))
        with self.assertRaisesRegex(AssertionError, "TrustedHTML"):  # not even the page itself could
            page.js("document.body.innerHTML = '<p>x</p>'")
        with urllib.request.urlopen(self.origin + "/") as answer:
            policy = answer.headers["Content-Security-Policy"]
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'self';"), policy)
        self.assertNotIn("unsafe", policy)

    def test_exchanges_come_as_they_happen(self):
        page = self.open("exchanges", still=False)
        sent = self.world.send("imac", "archivist", "Where is the deed?", 20)["correlationId"]
        row = f'a[href="#/exchange/{sent}"]'
        page.wait_text("macbook/main", "imac/archivist", "ok", selector=row)
        self.assertTrue(page.js(f"document.querySelector('.exchanges li a') === document.querySelector({json.dumps(row)})"), "the newest is first")
        page.click("#filter")
        page.type("vintner")
        page.wait("document.querySelectorAll('.exchanges li').length === 2")
        page.click('[data-kind="open"]')
        page.wait("document.querySelectorAll('.exchanges li').length === 1")
        self.turn(page, "map")
        self.world.send("imac", "jarvis", "A light on the wire", 20)
        page.wait("document.querySelector('[data-gateway=imac]').classList.contains('lit') || document.querySelector('[data-gateway=imac]').innerText.includes('just now')")
        self.assertClean(page)

    def test_an_agent_sees_its_own(self):
        page = self.open(caller="scout")
        page.wait_text("read-only", selector="#live")
        page.wait_text("jarvis", selector=".cards")
        self.assertNotIn("lodger", page.text())
        self.assertFalse(page.js("document.querySelector('#to-dead').checkVisibility()"))
        self.turn(page, "exchanges")
        self.assertEqual(page.js("document.querySelectorAll('.exchanges li').length"), 1)
        self.assertClean(page)

    # ---- what it does ----

    def test_dead_letters_are_asked_again_or_dropped_by_the_operator_only(self):
        for text in ("first", "second"):
            self.world.send("imac", "stranger", text, 20)
        watcher = self.open("dead", caller="_watch")
        watcher.wait_text("This token only looks", selector=".more")
        self.assertEqual(watcher.js("document.querySelectorAll('.letters button').length"), 0)
        for path in ("/v1/dead/01KAN000000000000000000000/drop", "/v1/tools/status", "/v1/peers/imac/revoke"):
            self.assertEqual(watcher.js(f"fetch('{path}', {{method: 'POST', headers: {{Authorization: 'Bearer ' + sessionStorage.getItem('clawbridge-token')}}}}).then((answer) => answer.status)"), 403, path)

        page = self.open("dead")
        count = page.js("document.querySelectorAll('.letter').length")
        page.wait_text("unknown_agent", "stranger", selector=".letters")
        self.assertTrue(any(role == "button" and name.startswith("Ask again: refused request of macbook/main to imac/stranger") for role, name, _ in page.heard()))
        page.click(".letter:first-child button:nth-child(2)")
        page.wait_text("Drop this dead letter?", selector="dialog")
        self.assertEqual(page.js("document.activeElement.textContent"), "Keep it", "the harmless answer has the focus")
        page.press("Escape")
        page.wait("!document.querySelector('dialog').open")
        page.click(".letter:first-child button:nth-child(2)")
        page.click("#ask-yes")
        page.wait_text("Dropped.", selector=".result")
        page.wait(f"document.querySelectorAll('.letter').length === {count - 1}")
        page.click(".letter:first-child button:nth-child(1)")
        page.wait_text("It did not run the first time.", selector="dialog")
        page.click("#ask-yes")
        page.wait_text("Asked again, as", selector=".result")
        page.click(".result a")
        page.wait_text("macbook/main", "imac/stranger", "refused", "unknown_agent", selector=".one")
        self.assertClean(page)

    def test_it_works_without_a_mouse(self):
        page = self.open()
        heard = []
        for _ in range(12):
            page.press("Tab")
            heard.append(page.js("document.activeElement.textContent"))
            if heard[-1].startswith("Exchanges"):
                break
        self.assertEqual(heard[0], "Skip to the content")
        self.assertNotEqual(page.js("getComputedStyle(document.activeElement).outlineStyle"), "none")
        page.press("Enter")
        page.wait("document.activeElement.id === 'main'")  # the map has a list of exchanges, too
        page.find(".exchanges li a")
        for _ in range(8):
            page.press("Tab")
            if page.js("document.activeElement.className").startswith("exchange "):
                break
        page.press("Enter")
        page.find(".stages li")
        self.assertClean(page)

    # ---- when things break ----

    def test_a_broker_and_a_daemon_that_go_are_said(self):
        page = self.open()
        self.fed.broker.stop()
        page.wait_text("The broker cannot be reached", "clawbridge doctor", selector="#problems")
        page.wait("document.querySelector('.trunk').classList.contains('down')")
        self.shoot(page, "broker-down")
        self.fed.broker.start()
        self.fed.macbook.stop()
        page.wait_text("The daemon does not answer", "clawbridge run", selector="#problems")
        page.wait_text("daemon gone", selector="#live")
        self.shoot(page, "daemon-gone")
        self.fed.macbook.start()
        page.wait_text("live", selector="#live", seconds=30)
        page.wait("!document.querySelector('#problems').innerText.includes('does not answer')")

    # ---- how much ----

    def test_thousands_are_drawn_in_part_and_said(self):
        page = self.open()
        page.js("""import('/page/state.js').then(({state, changed}) => {
          const real = state.peers.find(({gateway}) => gateway === 'imac');
          const fix = (name, value) => Object.defineProperty(state, name, {get: () => value, set: () => {}});  // whatever is read again
          fix('peers', Array.from({length: 1000}, (_, number) => ({...real, gateway: `node-${number}`})));
          const one = [...state.exchanges.values()][0];
          const exchanges = new Map(Array.from({length: 10000}, (_, number) => [`${number}`, {...one, correlationId: `${number}`}]));
          fix('exchanges', exchanges);
          changed();
        })""")
        page.wait_text("24 of 1,001 gateways are shown.", selector=".map")
        self.assertEqual(page.js("document.querySelectorAll('.card').length"), 24)
        page.click(".map .more button")
        page.wait("document.querySelectorAll('.card').length === 72")
        page.click("#map-filter")
        page.type("node-77")
        page.wait("document.querySelectorAll('.card').length === 11")
        self.turn(page, "exchanges")
        page.wait_text("50 of 10,000 exchanges are shown.", selector=".more")
        self.assertLess(page.js("document.querySelectorAll('*').length"), 2500)
        self.assertClean(page)

    def test_what_it_says_of_times_and_troubles(self):
        page = self.open()
        said = page.js("""Promise.all([import('/page/words.js'), import('/page/problems.js')]).then(([words, {problems}]) => {
          const status = {gateway: 'here', state: 'online', broker: {state: 'connected'}, agentGateway: {connected: true}, counters: {}};
          const titles = (changes, peers = []) => problems({connection: 'up', status: {...status, ...changes}, peers, dead: []}).map(({level, title}) => `${level}: ${title}`);
          const strangers = Array.from({length: 7}, (_, n) => ({gateway: `g${n}`, trust: 'pending', fingerprint: 'f'.repeat(64)}));
          return {durations: [0.2, 999, 1234, 59900, 3599000, 86399000, 90000000].map(words.duration), fine: titles({}),
                  conflict: titles({state: 'name_conflict', broker: {state: 'waiting'}}), insecure: titles({broker: {state: 'connected', insecure: true}}),
                  gateway: titles({agentGateway: {connected: false, kind: 'openclaw', error: 'refused'}}), strangers: titles({}, strangers),
                  queue: titles({queues: [{name: 'outgoing', size: 95, limit: 100}, {name: 'runs', size: 4, limit: 4}, {name: 'asks', size: 1, limit: 64}]}),
                  settings: titles({settings: {error: 'clawbridge.yaml:3: unknown key', restartNeeded: ['broker.url']}}),
                  dropped: titles({counters: {'queue.dropped': 2}})};
        })""")
        self.assertEqual(said, {
            "durations": ["< 1 ms", "999 ms", "1.23 s", "59.9 s", "59 min 59 s", "1 d 0 h", "1 d 1 h"], "fine": [],
            "conflict": ["wrong: Another bridge calls itself here"], "insecure": ["attention: Whoever answers is believed to be the broker"],
            "gateway": ["wrong: The agent gateway of here is down"], "strangers": ["attention: 7 gateways wait for your trust"],
            "queue": ["wrong: 4 of 4 turns at once", "attention: 95 of 100 requests under way"],
            "settings": ["wrong: The changed settings have an error", "attention: Some changed settings wait for a restart"],
            "dropped": ["attention: 2 messages of the broker had to be dropped"]})

    # ---- how it looks ----

    def shoot(self, page, name):
        folder = pathlib.Path(os.environ.get("CLAWBRIDGE_SCREENSHOTS") or self.directory / "screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(folder / f"{name}.png")
        self.assertGreater((folder / f"{name}.png").stat().st_size, 5_000)

    def test_screens_are_readable_in_both_lights_and_on_a_phone(self):
        page = self.open()
        views = {"map": "map", "exchanges": "exchanges", "exchange": f"exchange/{self.world.long}", "exchange-running": f"exchange/{self.world.running}", "dead": "dead"}
        for name, view in views.items():
            self.turn(page, view)
            for device, (width, height, phone) in (("desktop", DESKTOP), ("phone", PHONE)):
                for dark in (False, True):
                    page.look(width, height, dark, phone)
                    shot = f"{name}-{device}-{'dark' if dark else 'light'}"
                    page.js("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
                    wide = page.js(WIDE)
                    self.assertEqual((wide["whole"] <= 0, wide["over"]), (True, []), shot)
                    contrast = page.js(CONTRAST)
                    self.assertGreater(contrast["seen"], 20, shot)
                    self.assertEqual(contrast["faint"], [], shot)
                    self.shoot(page, shot)
            page.look()
        self.assertClean(page)


if __name__ == "__main__":
    case.main()
