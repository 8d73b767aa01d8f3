"""A headless Chromium for one test: the browser's own debugging protocol over a pipe, so nothing listens and nothing but Debian's
package is needed. https://chromedevtools.github.io/devtools-protocol/"""

import base64
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

from . import process

SILENT = ("about:", "data:", "blob:")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}


def program():
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        raise AssertionError("no chromium-headless-shell: run tests/support/setup.sh test")
    return path


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="claw-browser-")
        to_read, self.output = os.pipe()
        self.input, to_write = os.pipe()
        # Chromium reads at 3 and writes at 4. From above ten, so that neither move hits the other.
        ours = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]
        command = [program(), "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run", "--disable-gpu",
                   "--disable-background-networking", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--force-color-profile=srgb", "--font-render-hinting=none", *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ours[0]} 4>&{ours[1]} {ours[0]}<&- {ours[1]}>&-', "bash", *command], pass_fds=ours,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**process.clean_environment(self.profile), "TZ": "UTC"})
        for end in (to_read, to_write, *ours):
            os.close(end)
        self.buffer = b""
        self.next_id = 0
        self.events = []

    def page(self, **options):
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        return Page(self, target, self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"], **options)

    def call(self, method, params=None, session=None, seconds=30):
        self.next_id += 1
        number = self.next_id
        message = {"id": number, "method": method, "params": params or {}, **({"sessionId": session} if session else {})}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.output, data):]
        end = time.monotonic() + seconds
        while True:
            answer = self._read(end - time.monotonic())
            if answer is None:
                raise AssertionError(f"the browser did not answer {method} within {seconds} s")
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error'].get('message')}")
                return answer["result"]
            self.events.append(answer)

    def collect(self):
        """Takes in the events that have come."""
        while (event := self._read(0)) is not None:
            self.events.append(event)

    def _read(self, seconds):
        """The next message; None when none comes in time."""
        end = time.monotonic() + max(0, seconds)
        while b"\0" not in self.buffer:
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                return None
            chunk = os.read(self.input, 1 << 20)
            if not chunk:
                raise AssertionError(f"the browser ended with code {self.process.poll()}")
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def close(self):
        try:
            self.call("Browser.close", seconds=5)
            self.process.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own: what it started, and nothing else
            self.process.wait(10)
        for end in (self.input, self.output):
            os.close(end)
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """One tab, with an empty session storage of its own."""

    def __init__(self, browser, target, session, width=1280, height=860, dark=False, phone=False, still=True):
        self.browser, self.target, self.session = browser, target, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.setCacheDisabled", {"cacheDisabled": True})
        self.look(width, height, dark, phone, still)

    def close(self):
        self.browser.call("Target.closeTarget", {"targetId": self.target})

    def call(self, method, params=None):
        return self.browser.call(method, params, self.session)

    def look(self, width=1280, height=860, dark=False, phone=False, still=True):
        """What the reader has: a window's size, a colour scheme, a finger instead of a mouse, no wish for motion."""
        self.call("Emulation.setDeviceMetricsOverride",
                  {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone, "screenWidth": width, "screenHeight": height})
        self.call("Emulation.setTouchEmulationEnabled", {"enabled": phone})
        self.call("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}]})

    def go(self, url):
        self.call("Page.navigate", {"url": url})
        self.wait("document.readyState === 'complete'")

    def js(self, expression):
        """The JSON value of an expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}\n{json.dumps(result['exceptionDetails'], indent=1)[:2000]}")
        return result["result"].get("value")

    def wait(self, expression, seconds=15):
        try:
            return process.wait_until(expression, lambda: self.js(expression), seconds)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\non the page stands:\n{self.text()[:3000]}") from None

    def find(self, selector):
        self.wait(f"Boolean(document.querySelector({json.dumps(selector)}))")

    def text(self, selector="body"):
        """What can be read there."""
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def wait_text(self, *words, selector="body", seconds=15):
        for word in words:
            self.wait(f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes({json.dumps(word)})", seconds)

    def click(self, selector):
        """As a person does: at its middle, where it can be seen."""
        place = self.wait("(() => { const node = document.querySelector(%s); if (!node) return null;"
                          " node.scrollIntoView({block: 'center', behavior: 'instant'}); const box = node.getBoundingClientRect();"
                          " const x = box.x + box.width / 2, y = box.y + box.height / 2;"
                          " return box.width > 0 && node.contains(document.elementFromPoint(x, y)) && [x, y]; })()" % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1})

    def press(self, key):
        code = KEYS[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code})

    def type(self, text):
        self.call("Input.insertText", {"text": text})

    def screenshot(self, path, height_max=2400):
        """The whole page, from its top."""
        self.js("scrollTo(0, 0)")
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height_max), "scale": 1}
        image = self.call("Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True})
        pathlib.Path(path).write_bytes(base64.b64decode(image["data"]))

    def heard(self):
        """What a screen reader finds, in order: (role, name, description)."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        value = lambda node, key: node.get(key, {}).get("value", "")  # noqa: E731
        return [(value(node, "role"), value(node, "name"), value(node, "description")) for node in nodes if not node.get("ignored")]

    def _own(self, *methods):
        self.browser.collect()
        return [event["params"] for event in self.browser.events if event.get("sessionId") == self.session and event.get("method") in methods]

    def complaints(self):
        """Everything that stands in the console as an error or a warning."""
        thrown = [params["exceptionDetails"] for params in self._own("Runtime.exceptionThrown")]
        logged = [params["entry"] for params in self._own("Log.entryAdded") if params["entry"]["level"] in ("error", "warning")]
        printed = [params for params in self._own("Runtime.consoleAPICalled") if params["type"] in ("error", "warning", "assert")]
        return [json.dumps(entry)[:600] for entry in (*thrown, *logged, *printed)]

    def forget_complaints(self):
        self.browser.collect()
        self.browser.events = [event for event in self.browser.events if event.get("method") == "Network.requestWillBeSent"]

    def addresses(self):
        """Every address that was asked for."""
        found = [params["request"]["url"] for params in self._own("Network.requestWillBeSent")]
        return [url for url in found if not url.startswith(SILENT)]
