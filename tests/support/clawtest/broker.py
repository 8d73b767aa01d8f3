"""A mosquitto on loopback for one test, started by the script that people use too."""

import os
import pathlib
import shutil
import subprocess

from . import process

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "brokers"


class Broker:
    """Stock settings, but for longer queues, so that an observer on two busy cores loses nothing.

    `users`: name -> password. Clients without a user name stay welcome (the observer is one), but a name with a wrong
    password is refused. `acl`: lines of mosquitto's acl_file. `extra`: further configuration, for example a listener.
    """

    def __init__(self, directory, users=None, acl=None, extra="", persistent=True, port=None, stock=False):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = port or process.free_port()
        self.persistent = persistent
        lines = [] if stock else ["max_queued_messages 0"]
        if users:
            lines.append(f"password_file {self._write_passwords(users)}")
        if acl is not None:
            (self.directory / "acl").write_text(acl, encoding="utf-8")
            (self.directory / "acl").chmod(0o600)
            lines.append(f"acl_file {self.directory / 'acl'}")
        self.extra = "\n".join([*lines, extra])
        self.start()

    def _write_passwords(self, users):
        path = self.directory / "passwords"
        path.write_text("".join(f"{name}:{password}\n" for name, password in users.items()), encoding="utf-8")
        path.chmod(0o600)
        tool = shutil.which("mosquitto_passwd", path=os.environ["PATH"] + ":/usr/bin:/usr/sbin")
        subprocess.run([tool, "-U", str(path)], check=True)
        return path

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        env = {**os.environ, "MOSQUITTO_EXTRA": self.extra, "PERSIST": "1" if self.persistent else "0"}
        subprocess.run([str(SCRIPTS / "start-mosquitto.sh"), str(self.port), str(self.directory)], check=True, env=env)

    def running(self):
        return (self.directory / "broker.pid").exists()

    def stop(self, signal="TERM"):
        if self.running():
            subprocess.run([str(SCRIPTS / "stop.sh"), str(self.directory), signal], check=True)

    def restart(self, signal="TERM"):
        self.stop(signal)
        self.start()

    def publish(self, topic, payload, retain=False, qos=1):
        """Publishes bytes as an anonymous client, acknowledged by the broker when this returns."""
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), "-V", "5", "-q", str(qos), "-t", topic]
        command += ["-r"] if retain else []
        command += ["-s"] if payload else ["-n"]
        subprocess.run(command, input=payload or None, check=True, timeout=30)
