#!/usr/bin/python3
"""The ways to set clawbridge up that the first hour (test_first_hour.py) does not go, and what goes wrong on them."""

import json
import os
import pathlib
import plistlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import bridge, broker, case, home, process, standin  # noqa: E402


class Setup(case.Case):
    def setUp(self):
        self.directory = self.make_directory()

    def home(self, name, **options):
        made = home.Home(self.directory, name, **options)
        self.addCleanup(made.close)
        return made

    def broker(self, **options):
        made = broker.Broker(self.directory / "broker", **options)
        self.addCleanup(made.stop)
        return made

    def gateway(self, name, version, agents):
        made = standin.StandIn(self.directory / f"gateway-{name}", version, agents)
        self.addCleanup(made.stop)
        return made


class ByScript(Setup):
    def test_a_broker_for_all_openclaw_elsewhere_and_a_program(self):
        mqtt = self.broker()
        mac, imac, studio = (self.home(name) for name in ("macbook", "imac", "studio"))
        new, old = self.gateway("macbook", standin.NEW, ["main"]), self.gateway("imac", standin.OLD, ["jarvis", "pepper"])
        new.write_settings(mac.path / ".openclaw")
        elsewhere = old.write_settings(imac.path / "elsewhere")
        before = {each.name: each.tree() for each in (mac, imac, studio)}

        first = mac.json("init", "--name", "macbook", "--broker", mqtt.url, "--advertise", "127.0.0.1", "--service", "--plugin")
        self.assertEqual(first["broker"], {"url": mqtt.url, "found": "as --broker says", "reached": True})
        self.assertTrue(first["service"]["installed"] and first["plugin"]["installed"], first)
        token = first["invitation"]["token"]
        said = imac.ok("join", "-", "--name", "imac", "--openclaw-home", imac.path / "elsewhere", "--service", "--no-plugin",
                       stdin=f"  clawbridge join {token[:50]}\n{token[50:]}\n")
        self.assertIn("clawbridge openclaw install", said.text)
        studio.ok("join", token, "--name", "studio", "--agent", "helper", "--service", "--", "/usr/bin/tr", "a-z", "A-Z")

        everyone = {"macbook/main", "imac/jarvis", "imac/pepper", "studio/helper"}
        for each in (mac, imac, studio):
            each.wait_until_knows(*everyone)
            self.assertEqual(each.json("service", "status")["state"].split(":")[0], "active")
        self.assertEqual(mac.ok("send", "studio/helper", "hello").stdout, b"HELLO\n")
        self.assertEqual(mac.ok("send", "imac/pepper", "hello").stdout, b"echo: hello\n")
        for path in (mac.settings, mac.settings.parent / "join-secret", mac.state / "keys.json"):
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
        # The service has no variable of the shell but those of its unit; the file says where all lies.
        self.assertNotIn("NOTIFY_SOCKET", process.read(f"/proc/{mac.service_pid()}/environ").replace("NOTIFY_SOCKET=" + str(mac.manager / "notify"), ""))
        self.assertIn(f'openclaw_config: "{elsewhere}"', imac.settings.read_text(encoding="utf-8"))

        for each in (mac, imac, studio):
            refused = each.run("uninstall", "--purge")
            self.assertCode(refused, bridge.EXIT_USAGE)
            self.assertIn(str(each.state / "keys.json"), refused.text)
            self.assertTrue(each.settings.exists())
            each.ok("uninstall", "--purge", "--yes")
            self.assertEqual(each.tree(), before[each.name])
            self.assertFalse(pathlib.Path(f"/proc/{each.service_pid()}/exe").exists())

    def test_uninstall_without_purge_keeps_what_is_ones_own(self):
        mqtt, mac = self.broker(), self.home("macbook")
        mac.ok("init", "--kind", "echo", "--broker", mqtt.url, "--service")
        fingerprint = mac.json("key", "show")["fingerprint"]
        mac.ok("uninstall")
        self.assertTrue(mac.settings.exists())
        mac.ok("service", "install")
        self.assertEqual(mac.json("key", "show")["fingerprint"], fingerprint)
        self.assertEqual(mac.json("status")["fingerprint"], fingerprint)
        mac.ok("service", "uninstall")
        self.assertCode(mac.run("service", "status"), bridge.EXIT_UNREACHABLE)

    def test_uninstall_takes_the_service_out_whatever_the_settings_say(self):
        mqtt, mac = self.broker(), self.home("macbook")
        mac.ok("init", "--kind", "echo", "--broker", mqtt.url, "--service")
        running = mac.service_pid()
        good = mac.settings.read_text(encoding="utf-8")
        mac.settings.write_text(good + "\nlog: [", encoding="utf-8")
        self.assertCode(mac.run("uninstall", "--purge"), bridge.EXIT_USAGE)  # --yes is missing
        self.assertTrue(pathlib.Path(f"/proc/{running}/exe").exists())
        refused = mac.run("uninstall", "--purge", "--yes")
        self.assertCode(refused, bridge.EXIT_USAGE)
        self.assertIn("taken out", refused.text)
        self.assertIn(f"{mac.settings}:", refused.text)
        self.assertFalse(pathlib.Path(f"/proc/{running}/exe").exists())
        self.assertTrue((mac.state / "keys.json").exists())
        mac.settings.write_text(good, encoding="utf-8")
        mac.ok("uninstall", "--purge", "--yes")
        self.assertEqual(mac.files(), [])

    def test_uninstall_takes_what_those_settings_made_and_nothing_else(self):
        mqtt, mac = self.broker(), self.home("macbook")
        mac.ok("init", "--kind", "echo", "--broker", mqtt.url, "--service")
        mistyped = mac.run("--config", f"{mac.settings}x", "uninstall", "--purge", "--yes")
        self.assertCode(mistyped, bridge.EXIT_USAGE)
        self.assertIn(f"{mac.settings}x", mistyped.text)

        # A second bridge of the same person, whose settings lie in the home itself beside other things.
        theirs = [mac.path / name for name in ("broker/password", "openclaw-plugin/index.ts", "page-token", "two/turns/diary", "two/journal.db-photos/1.jpg")]
        for path in theirs:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("mine", encoding="utf-8")
        second, runtime = mac.path / "clawbridge.yaml", mac.path / "two"
        places = {"XDG_STATE_HOME": str(mac.path / "two-state"), "XDG_RUNTIME_DIR": str(runtime), "CLAWBRIDGE_STORE_PATH": str(runtime / "journal.db")}
        mac.ok("--config", second, "init", "--kind", "echo", "--name", "two", "--broker", mqtt.url, env=places)
        mac.ok("--config", second, "uninstall", "--purge", "--yes", env=places)
        self.assertFalse(second.exists())
        self.assertFalse((mac.path / "join-secret").exists())
        self.assertEqual([path for path in theirs if not path.exists()], [])
        self.assertEqual(mac.json("service", "status")["state"].split(":")[0], "active")
        mac.ok("config", "check")
        mac.ok("send", "main", "hello")


class Init(Setup):
    def test_what_it_finds_and_what_it_says_when_it_finds_nothing(self):
        mac = self.home("macbook")
        refused = mac.run("init")
        self.assertCode(refused, bridge.EXIT_USAGE)
        self.assertIn(str(mac.path / ".openclaw" / "openclaw.json"), refused.text)
        self.assertIn("--kind echo", refused.text)
        self.assertEqual(mac.files(), [])

    def test_a_second_init_changes_nothing_and_force_keeps_the_first(self):
        mqtt, mac = self.broker(), self.home("macbook")
        first = mac.json("init", "--kind", "echo", "--name", "one", "--broker", mqtt.url)
        text = mac.settings.read_text(encoding="utf-8")
        refused = mac.run("init", "--kind", "echo", "--name", "one", "--broker", mqtt.url, "--base", "other")
        self.assertCode(refused, bridge.EXIT_FAILED)
        self.assertIn("--force", refused.text)
        self.assertEqual(mac.settings.read_text(encoding="utf-8"), text)
        again = mac.json("init", "--kind", "echo", "--name", "one", "--broker", mqtt.url, "--base", "other", "--force")
        self.assertEqual(mac.settings.with_name("clawbridge.yaml.bak").read_text(encoding="utf-8"), text)
        self.assertEqual(again["fingerprint"], first["fingerprint"])
        secret = (mac.settings.parent / "join-secret").read_text(encoding="utf-8")
        self.assertFalse((mac.settings.parent / "join-secret.bak").exists())
        self.assertEqual(len(secret.strip()), 22)

    def test_the_settings_are_commented_and_pass_the_check(self):
        mac = self.home("macbook")
        mac.ok("init", "--kind", "echo", "--agent", "jarvis", "--agent", "pepper", "--broker", "mqtt://127.0.0.1:9")
        text = mac.settings.read_text(encoding="utf-8")
        self.assertGreater(sum(line.lstrip().startswith("#") for line in text.splitlines()), 20)
        self.assertIn('agents: ["jarvis", "pepper"]', text)
        mac.ok("config", "check")

    def test_a_token_that_only_this_shell_has_is_copied_for_the_service(self):
        mac = self.home("macbook")
        folder = mac.path / ".openclaw"
        folder.mkdir()
        (folder / "openclaw.json").write_text('{ gateway: { port: 19999, auth: { token: "${MY_TOKEN}" } } }', encoding="utf-8")
        said = mac.json("init", "--broker", "mqtt://127.0.0.1:9", env={"MY_TOKEN": "secret-of-the-shell"})
        self.assertIn("openclaw-token", " ".join(said["notes"]))
        self.assertEqual((mac.settings.parent / "openclaw-token").read_text(encoding="utf-8"), "secret-of-the-shell\n")
        self.assertNotIn("secret-of-the-shell", mac.settings.read_text(encoding="utf-8") + json.dumps(said))
        mac.ok("config", "check")

    def test_a_broker_with_tls_and_a_login_for_all_is_carried_by_the_token(self):
        mac, imac = self.home("macbook"), self.home("imac")
        (mac.path / "password").write_text("pass word\n", encoding="utf-8")
        (mac.path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="utf-8")
        first = mac.json("init", "--kind", "echo", "--broker", "mqtts://hub.invalid", "--username", "claw", "--password-file", mac.path / "password",
                         "--ca", mac.path / "ca.pem", "--share-login")
        self.assertFalse(first["broker"]["reached"])
        imac.ok("join", first["invitation"]["token"], "--kind", "echo", "--name", "imac")
        folder = imac.settings.parent
        self.assertEqual((folder / "broker-password").read_text(encoding="utf-8"), "pass word\n")
        self.assertEqual((folder / "broker-authority.pem").read_bytes(), (mac.path / "ca.pem").read_bytes())
        self.assertIn('username: "claw"', imac.settings.read_text(encoding="utf-8"))
        # Without --share-login everybody needs a login of their own.
        token = mac.json("invite")["token"]
        other = self.home("studio")
        refused = other.run("join", token, "--kind", "echo", "--name", "studio")
        self.assertCode(refused, bridge.EXIT_USAGE)
        self.assertIn("--broker-files", refused.text)
        self.assertEqual(other.files(), [])

    def test_the_host_for_the_others_is_a_host(self):
        mac = self.home("macbook")
        refused = mac.run("init", "--kind", "echo", "--broker", "ws://127.0.0.1/mqtt", "--advertise", "hub/x")
        self.assertCode(refused, bridge.EXIT_USAGE)
        for host in ("hub.example:99", "mqtt://hub.example", "[::1]:99", "a b"):
            refused = mac.run("init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--advertise", host)
            self.assertCode(refused, bridge.EXIT_USAGE)
            self.assertIn("--advertise HOST", refused.text)
        self.assertEqual(mac.files(), [])
        first = mac.json("init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--advertise", "fd00::1")
        self.assertEqual(first["invitation"]["broker"], "mqtt://[fd00::1]:9")

    def test_a_port_that_is_taken_is_no_page(self):
        mac = self.home("macbook")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            refused = mac.run("init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--page", taken.getsockname()[1])
            self.assertCode(refused, bridge.EXIT_USAGE)
            self.assertIn("--page PORT", refused.text)
            self.assertEqual(mac.files(), [])
            mac.ok("init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--no-page")
            self.assertCode(mac.run("init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--page", taken.getsockname()[1], "--force"), bridge.EXIT_USAGE)
            self.assertCode(mac.run("page"), bridge.EXIT_USAGE)

    def test_a_port_that_its_own_daemon_has_stays_its_page(self):
        mac, port = self.home("macbook"), str(process.free_port())
        wanted = ["init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--page", port]
        mac.ok(*wanted, "--service")
        process.wait_until("the page to answer", lambda: mac.run("status").code == bridge.EXIT_OK, 30)
        mac.ok(*wanted, "--force")
        mac.ok("uninstall", "--purge", "--yes")

    def test_it_asks_at_a_terminal(self):
        mqtt, mac = self.broker(), self.home("macbook")
        self.gateway("macbook", standin.NEW, ["main"]).write_settings(mac.path / ".openclaw")
        line = f"{bridge.binary()} init --name macbook --broker {mqtt.url}"
        said = mac.types(line, answers="n\nn\n\n")  # no page, no plugin; Enter: the service
        self.assertCode(said, bridge.EXIT_OK)
        self.assertIn("plugin into", said.text)
        self.assertEqual(mac.json("service", "status")["state"].split(":")[0], "active")
        self.assertFalse((mac.path / ".config" / "clawbridge" / "openclaw-plugin").exists())
        self.assertCode(mac.run("page"), bridge.EXIT_USAGE)
        mac.ok("uninstall", "--purge", "--yes")
        said = mac.types(line, answers="\nn\nn\n")  # Enter: a page, on a port that is free
        self.assertCode(said, bridge.EXIT_OK)
        self.assertIn("clawbridge page\n", said.text)
        link = mac.json("page")["url"]
        self.assertRegex(link, r"^http://127\.0\.0\.1:187\d\d/#token=[0-9a-f]{64}$")
        # The link that somebody kept stays good, on the port that is named now.
        again = mac.json("init", "--name", "macbook", "--broker", mqtt.url, "--page", "12345", "--force")
        self.assertEqual(again["page"], "http://127.0.0.1:12345/")
        self.assertEqual(mac.json("page")["url"], again["page"] + link.split("/")[-1])
        token = mac.settings.parent / "page-token"
        self.assertEqual(token.stat().st_mode & 0o777, 0o600)
        token.write_text("no token\n", encoding="utf-8")
        mac.ok("init", "--name", "macbook", "--broker", mqtt.url, "--page", "12345", "--force")
        self.assertRegex(mac.json("page")["url"], r"#token=[0-9a-f]{64}$")
        mac.ok("uninstall", "--purge", "--yes")


class Join(Setup):
    def test_a_token_that_is_none_is_named(self):
        mac = self.home("macbook")
        token = self.home("imac").json("init", "--kind", "echo", "--broker", "mqtt://hub.invalid")["invitation"]["token"]
        for given, words in ((token[:-12], "cut off"), (token.replace("claw1", "claw7"), "another release"), ("hello", "claw"),
                             (token[:20] + token[21:], "changed or left out")):
            refused = mac.run("join", given, "--kind", "echo")
            self.assertCode(refused, bridge.EXIT_USAGE)
            self.assertIn(words, refused.text)
        refused = mac.run("join", "--kind", "echo")
        self.assertIn("clawbridge join -", refused.text)
        refused = mac.run("join", token, "--kind", "echo")  # the tests' homes are on one host, so both would have its name
        self.assertCode(refused, bridge.EXIT_USAGE)
        self.assertIn("--name", refused.text)
        self.assertEqual(mac.files(), [])

    def test_a_folder_of_broker_init_is_all_that_a_machine_needs(self):
        port = process.free_port()
        hub, mac, imac = self.home("hub"), self.home("macbook"), self.home("imac")
        self.directory.chmod(0o711)  # as root, mosquitto changes to its own user
        folder = self.directory / "hub-broker"
        hub.ok("broker", "init", folder, "--gateway", "macbook", "imac", "--host", "127.0.0.1", "--port", str(port))
        # As the words of `broker init` say: copied to the place that it names.
        (mac.path / ".config" / "clawbridge").mkdir(parents=True)
        (folder / "gateways" / "macbook").rename(mac.path / ".config" / "clawbridge" / "broker")
        daemon = process.Daemon(["/usr/sbin/mosquitto", "-c", str(folder / "mosquitto.conf")], self.directory / "mosquitto.log")
        self.addCleanup(daemon.stop)
        for option, said in (("--broker", "mqtts://hub.invalid"), ("--ca", folder / "authority.pem"), ("--username", "claw")):
            refused = mac.run("init", "--kind", "echo", option, said)  # the folder says it, too
            self.assertCode(refused, bridge.EXIT_USAGE)
            self.assertIn(f"leave {option} out", refused.text)
        first = mac.json("init", "--name", "macbook", "--kind", "echo", "--service")
        refused = imac.run("join", first["invitation"]["token"], "--broker", "mqtts://hub.invalid", "--kind", "echo", "--broker-files", folder / "gateways" / "imac")
        self.assertCode(refused, bridge.EXIT_USAGE)
        self.assertIn("leave --broker out", refused.text)
        imac.ok("join", first["invitation"]["token"], "--name", "imac", "--kind", "echo", "--broker-files", folder / "gateways" / "imac", "--service")
        mac.wait_until_knows("imac/main")
        self.assertEqual(mac.ok("send", "imac/main", "over tls").stdout, b"echo: over tls\n")
        for each in (mac, imac):
            each.ok("uninstall", "--purge", "--yes")
            self.assertEqual(each.files(), [])


class Service(Setup):
    def test_where_there_is_no_service_manager_that_is_said(self):
        mac = self.home("macbook", services=False)
        (self.directory / "bin").mkdir()
        outcome = mac.run("init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--service", env={"PATH": str(self.directory / "bin")})
        self.assertCode(outcome, bridge.EXIT_FAILED)
        self.assertIn("systemctl --user daemon-reload", outcome.text)
        self.assertIn("clawbridge run", outcome.text)
        self.assertTrue(mac.settings.exists())
        mac.ok("uninstall", "--purge", "--yes", env={"PATH": str(self.directory / "bin")})
        self.assertEqual(mac.files(), [])

    def test_the_units_are_what_systemd_takes(self):
        mac = self.home("macbook")
        mac.ok("init", "--kind", "echo", "--broker", "mqtt://127.0.0.1:9", "--service")
        unit = mac.path / ".config" / "systemd" / "user" / "clawbridge.service"
        self.verify(unit, "--user")
        system = self.directory / "clawbridge.service"
        template = (bridge.SOURCE_DIR / "packaging" / "clawbridge.service.in").read_text(encoding="utf-8")
        system.write_text(template.replace("@PROGRAM@", bridge.binary()), encoding="utf-8")
        self.verify(system, "--system")
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=15", str(system)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-1500:] + done.stderr)  # exposure at most 1.5 of 10
        mac.ok("uninstall", "--purge", "--yes")

    def verify(self, unit, scope):
        done = subprocess.run(["systemd-analyze", scope, "--man=no", "verify", str(unit)], capture_output=True, text=True, check=False,
                              env={**os.environ, "XDG_RUNTIME_DIR": str(self.directory), "HOME": str(self.directory)})
        self.assertEqual((done.returncode, [line for line in done.stderr.splitlines() if "clawbridge" in line]), (0, []), done.stderr)

    def test_the_launchd_agent_is_a_property_list(self):
        text = (bridge.SOURCE_DIR / "packaging" / "clawbridge.plist.in").read_text(encoding="utf-8")
        agent = plistlib.loads(text.replace("@PROGRAM@", "/p").replace("@CONFIG@", "/c").replace("@PATH@", "/bin").replace("@LOG@", "/l").encode())
        self.assertEqual(agent["ProgramArguments"], ["/p", "run", "--config", "/c"])
        self.assertEqual((agent["Label"], agent["RunAtLoad"], agent["KeepAlive"]), ("clawbridge", True, {"SuccessfulExit": False}))


if __name__ == "__main__":
    case.main()
