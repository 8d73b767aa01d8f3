"""A broker that nobody may believe: a program between the bridges and a real mosquitto that does to their traffic what it likes.

Bridges connect here and see a broker. Every PUBLISH that passes, in either direction, is offered to the attacks that are
set at that time; what no attack touches goes on as it came. Acknowledgements of what an attack swallowed are forged, so
that neither side notices. Client is for what needs no place in the middle: taking over another's client id, for example.
"""

import asyncio
import contextlib
import dataclasses
import json
import re
import socket
import struct
import threading
import types

from . import process

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, DISCONNECT = 1, 2, 3, 4, 8, 9, 10, 11, 14
MQTT_3_1_1, MQTT_5 = 4, 5
UNSUPPORTED_PROTOCOL, NOT_AUTHORIZED, SERVER_MOVED = 0x84, 0x87, 0x9D  # MQTT 5.0, section 2.4
SERVER_REFERENCE = 0x1C

# Properties of a PUBLISH, MQTT 5.0 section 2.2.2.2: identifier -> how its value is written.
PAYLOAD_FORMAT, EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION_DATA, USER = 0x01, 0x02, 0x03, 0x08, 0x09, 0x26
_WRITTEN = {PAYLOAD_FORMAT: "byte", EXPIRY: "four", CONTENT_TYPE: "text", RESPONSE_TOPIC: "text", CORRELATION_DATA: "text",
            0x0B: "varint", 0x23: "two", USER: "pair"}

CLIENT_ID = re.compile(r"claw-(.+)-[0-9a-f]{8}-(sub|pub)")
OWN_IDS = range(50_000, 65_536)  # packet ids of what we publish ourselves; clients and mosquitto count up from 1


# ---- packets ----


def _varint(number):
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (128 if number else 0))
        if not number:
            return bytes(out)


def _read_varint(data, at):
    number = shift = 0
    while True:
        digit = data[at]
        at += 1
        number |= (digit & 127) << shift
        shift += 7
        if not digit & 128:
            return number, at


def _text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def _read_text(data, at):
    end = at + 2 + struct.unpack_from(">H", data, at)[0]
    return data[at + 2:end], end


def _packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + _varint(len(body)) + body


def _read_property(data, at):
    identifier, at = data[at], at + 1
    written = _WRITTEN[identifier]
    if written == "varint":
        value, at = _read_varint(data, at)
        return (identifier, value), at
    if written == "text":
        value, at = _read_text(data, at)
        return (identifier, value), at
    if written == "pair":
        name, at = _read_text(data, at)
        value, at = _read_text(data, at)
        return (identifier, (name, value)), at
    length = {"byte": 1, "two": 2, "four": 4}[written]
    return (identifier, int.from_bytes(data[at:at + length], "big")), at + length


def _write_property(identifier, value):
    written = _WRITTEN[identifier]
    if written == "varint":
        return bytes([identifier]) + _varint(value)
    if written == "text":
        return bytes([identifier]) + _text(value)
    if written == "pair":
        return bytes([identifier]) + _text(value[0]) + _text(value[1])
    return bytes([identifier]) + value.to_bytes({"byte": 1, "two": 2, "four": 4}[written], "big")


@dataclasses.dataclass(frozen=True)
class Message:
    """One PUBLISH on its way from (`outbound`) or to the bridge of `gateway`. Attacks make others with `but()`."""

    gateway: str
    outbound: bool
    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1
    dup: bool = False
    properties: tuple = ()  # (identifier, value)
    packet_id: int = 0

    def but(self, **changes):
        return dataclasses.replace(self, **changes)

    @property
    def event(self):
        """The payload as an object; an empty one when it is none."""
        try:
            event = json.loads(self.payload)
            return event if isinstance(event, dict) else {}
        except ValueError:
            return {}

    @property
    def kind(self):
        """request, receipt, reply, ack, refusal, state …"""
        return self.event.get("type", "").rsplit(".", 1)[-1]

    @property
    def operation(self):
        parts = self.event.get("type", "").split(".")
        return parts[2] if parts[-1] == "request" else None

    @property
    def source(self):
        return self.event.get("source")

    @property
    def correlation_id(self):
        return self.event.get("correlationid")

    def property(self, identifier):
        return next((value for name, value in self.properties if name == identifier), None)

    # ---- bytes ----

    @classmethod
    def parse(cls, gateway, outbound, flags, body, version):
        topic, at = _read_text(body, 0)
        qos, packet_id, properties = flags >> 1 & 3, 0, []
        if qos:
            packet_id, at = struct.unpack_from(">H", body, at)[0], at + 2
        if version == MQTT_5:
            length, at = _read_varint(body, at)
            end = at + length
            while at < end:
                one, at = _read_property(body, at)
                properties.append(one)
        return cls(gateway, outbound, topic.decode(), body[at:], bool(flags & 1), qos, bool(flags & 8), tuple(properties), packet_id)

    def packet(self, version):
        body = _text(self.topic) + (struct.pack(">H", self.packet_id) if self.qos else b"")
        if version == MQTT_5:
            properties = b"".join(_write_property(*one) for one in self.properties)
            body += _varint(len(properties)) + properties
        return _packet(PUBLISH, self.dup << 3 | self.qos << 1 | self.retain, body + self.payload)


def arriving(gateway, outbound=False, **wanted):
    """A condition for hold(): on its way into that bridge, and these attributes of Message have these values."""
    return lambda message: (message.gateway, message.outbound) == (gateway, outbound) and all(
        getattr(message, name) == value for name, value in wanted.items())


def leaving(gateway, **wanted):
    return arriving(gateway, True, **wanted)


def _parse_connect(body):
    """Client id, protocol level and the will as (topic, payload), or None."""
    _, at = _read_text(body, 0)
    version, flags, at = body[at], body[at + 1], at + 4

    def skip_properties(at):
        length, at = _read_varint(body, at)
        return at + length

    at = skip_properties(at) if version == MQTT_5 else at
    client_id, at = _read_text(body, at)
    will = None
    if flags & 4:
        at = skip_properties(at) if version == MQTT_5 else at
        topic, at = _read_text(body, at)
        payload, at = _read_text(body, at)
        will = topic.decode(), payload
    return types.SimpleNamespace(client_id=client_id.decode(), version=version, will=will)


# ---- the program in the middle ----


class _Link:
    """One connection of a bridge, and ours to the broker that goes with it."""

    def __init__(self, gateway, side, version, client, broker):
        self.gateway, self.side, self.version = gateway, side, version
        self.client, self.broker = client, broker  # writers
        self.connected = False
        self.open = True
        self.own = {True: set(), False: set()}  # outbound -> packet ids of ours that are not acknowledged
        self.next_id = OWN_IDS.start

    def writer(self, outbound):
        return self.broker if outbound else self.client

    def send(self, message, packet_id=None):
        """To the broker or to the bridge, under a packet id of our own unless one is given."""
        if message.qos and packet_id is None:
            packet_id = self.next_id
            self.next_id = packet_id + 1 if packet_id + 1 in OWN_IDS else OWN_IDS.start
            self.own[message.outbound].add(packet_id)
        self.writer(message.outbound).write(message.but(packet_id=packet_id or 0).packet(self.version))

    def acknowledge(self, message, reason):
        """Tells who published it that it has arrived, or with `reason` (MQTT 5) that it was refused."""
        if message.qos:
            body = struct.pack(">H", message.packet_id) + (bytes([reason, 0]) if reason and self.version == MQTT_5 else b"")
            self.writer(not message.outbound).write(_packet(PUBACK, 0, body))

    def abort(self):
        self.open = False
        for writer in (self.client, self.broker):
            if writer is not None:
                writer.transport.abort()


class HostileBroker:
    """Listens on `port`; the real broker is on `upstream_port` of loopback. Everything but the attacks runs in a thread of its own.

    An attack is a function that gets each Message once on its way out of the sender's bridge and once on its way into
    each receiver's, and returns None (not mine) or the list of messages that go on instead: none, others, more. One for
    another gateway, or the other way, goes there. It runs on the loop's thread; an exception in it ends up in `errors`.
    """

    def __init__(self, upstream_port, port=None):
        self.upstream_port, self.port = upstream_port, port or process.free_port()
        self.sent = []  # every Message that a bridge published, as it published it
        self.wills = {}  # gateway -> [(topic, payload)], in the order of its connections
        self.connects = []  # (gateway, side, protocol level)
        self.errors = []
        self.refuse_mqtt_5 = frozenset()  # gateways
        self._attacks = ()
        self._links = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", self.port))

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def close(self):
        async def end():
            self._server.close()
            for link in self._links:
                link.abort()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # ---- what an attacker can do ----

    @contextlib.contextmanager
    def attack(self, attack):
        """The attack is on as long as the context; earlier ones come first."""
        self._attacks += (attack,)
        try:
            yield
        finally:
            self._attacks = tuple(other for other in self._attacks if other is not attack)

    @contextlib.contextmanager
    def hold(self, condition):
        """Keeps back what fulfils the condition. Gives the list of it; release() lets go what is in a list."""
        held = []

        def keep(message):
            if not condition(message):
                return None
            held.append(message)
            return []

        with self.attack(keep):
            yield held

    def release(self, messages):
        """Sends them on in this order, each over the connection that its gateway has now."""
        async def send():
            for message in messages:
                self._send(message)

        self._call(send())

    def deliver(self, gateway, topic, payload, retain=False, properties=()):
        """Publishes to a bridge as the broker would: on any topic, subscribed or not."""
        self.release([Message(gateway, False, topic, payload, retain, properties=tuple(properties))])

    def cut(self, gateway):
        """Both connections of that gateway end without a word."""
        async def abort():
            for link in self._open_links(gateway):
                link.abort()

        self._call(abort())

    def disconnect(self, gateway, reason, server_reference=None):
        """Ends both connections as an MQTT 5 broker does when it gives a reason."""
        async def say():
            reference = b"" if server_reference is None else bytes([SERVER_REFERENCE]) + _text(server_reference)
            for link in self._open_links(gateway):
                link.client.write(_packet(DISCONNECT, 0, bytes([reason]) + _varint(len(reference)) + reference))
                await link.client.drain()
                link.abort()

        self._call(say())

    # ---- what it has seen ----

    def sent_by(self, gateway, kind=None, since=0):
        return [message for message in self.sent[since:] if message.gateway == gateway and kind in (None, message.kind)]

    def of_exchange(self, correlation_id, kind=None):
        return [message for message in self.sent if message.correlation_id == correlation_id and kind in (None, message.kind)]

    def states(self, gateway):
        """The payloads of all states that it published, in order, without wills."""
        return [message.payload for message in self.sent if message.gateway == gateway and message.topic.endswith(f"/{gateway}/state")]

    # ---- the loop's thread ----

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    def _open_links(self, gateway):
        return [link for link in self._links if link.gateway == gateway and link.open and link.connected]

    def _send(self, message):
        side = "pub" if message.outbound else "sub"
        links = [link for link in self._open_links(message.gateway) if link.side == side]
        if not links:
            raise AssertionError(f"{message.gateway} is not connected; nothing can be sent over its connection")
        links[-1].send(message)

    async def _serve(self, reader, writer):
        link = _Link("", "", MQTT_5, writer, None)
        self._links.append(link)
        try:
            await self._connect(link, reader)
        except (OSError, asyncio.IncompleteReadError):
            pass  # an end of a connection, whichever
        finally:
            link.abort()

    async def _connect(self, link, reader):
        _, flags, body = await self._read(reader)
        connect = _parse_connect(body)
        name = CLIENT_ID.fullmatch(connect.client_id)
        link.gateway, link.side = (name[1], name[2]) if name else (connect.client_id, "")
        link.version = connect.version
        self.connects.append((link.gateway, link.side, link.version))
        if link.version == MQTT_5 and link.gateway in self.refuse_mqtt_5:
            link.client.write(_packet(CONNACK, 0, bytes([0, UNSUPPORTED_PROTOCOL, 0])))
            await link.client.drain()
            return
        if connect.will:
            self.wills.setdefault(link.gateway, []).append(connect.will)
        from_broker, link.broker = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        link.broker.write(_packet(CONNECT, flags, body))
        ways = [asyncio.ensure_future(self._pump(link, reader, True)), asyncio.ensure_future(self._pump(link, from_broker, False))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _read(self, reader):
        first = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await reader.readexactly(1))[0]
            length |= (digit & 127) << shift
            shift += 7
            if not digit & 128:
                break
        return first >> 4, first & 15, await reader.readexactly(length)

    async def _pump(self, link, reader, outbound):
        to = link.writer(outbound)
        while True:
            kind, flags, body = await self._read(reader)
            if kind == PUBLISH:
                self._on_publish(link, Message.parse(link.gateway, outbound, flags, body, link.version))
            elif kind == PUBACK and (packet_id := struct.unpack_from(">H", body)[0]) in link.own[not outbound]:
                link.own[not outbound].discard(packet_id)
            else:
                link.connected = link.connected or kind == CONNACK
                to.write(_packet(kind, flags, body))
            await to.drain()

    def _on_publish(self, link, message):
        if message.outbound:
            self.sent.append(message)
        instead = None
        for attack in self._attacks:
            try:
                instead = attack(message)
            except Exception as error:  # noqa: BLE001: whatever it is, the test must hear of it
                self.errors.append(error)
            if instead is not None:
                break
        if instead is None:
            link.send(message, message.packet_id)
            return
        as_it_came = False
        for other in instead:
            if isinstance(other, Refused):
                link.acknowledge(message, other.reason)
                as_it_came = True
            elif not as_it_came and (other.gateway, other.outbound, other.qos) == (message.gateway, message.outbound, message.qos):
                link.send(other, message.packet_id)
                as_it_came = True
            else:
                try:
                    self._send(other)
                except AssertionError as error:
                    self.errors.append(error)
        if not as_it_came:
            link.acknowledge(message, 0)


@dataclasses.dataclass(frozen=True)
class Refused:
    """In an attack's list: the publisher is told that the broker refused it."""

    reason: int = NOT_AUTHORIZED


# ---- a client of our own ----


class Client:
    """An MQTT 5 client that can bear any client id. What arrives is acknowledged and in `received`, as Message."""

    def __init__(self, port, client_id, clean=True, will=None, session_expiry=0):
        self.client_id = client_id
        self.received = []
        self.closed = False
        self._answers = {}  # (kind, packet id) -> body
        self._changed = threading.Condition()
        self._next_id = 0
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.settimeout(None)
        flags = (2 if clean else 0) | (0x2C if will else 0)  # will: QoS 1, retained
        properties = b"\x11" + struct.pack(">I", session_expiry)
        body = _text("MQTT") + bytes([MQTT_5, flags]) + struct.pack(">H", 60) + _varint(len(properties)) + properties + _text(client_id)
        if will:
            body += b"\0" + _text(will[0]) + _text(will[1])
        self._socket.sendall(_packet(CONNECT, 0, body))
        self._thread = threading.Thread(target=self._read_all, daemon=True)
        self._thread.start()
        answer = self._wait((CONNACK, 0))
        assert answer[1] == 0, f"the broker refused {client_id}: {answer[1]:#x}"

    def subscribe(self, *filters):
        self._ask(SUBSCRIBE, SUBACK, b"\0" + b"".join(_text(name) + b"\x09" for name in filters))  # QoS 1, Retain As Published

    def unsubscribe(self, *filters):
        self._ask(UNSUBSCRIBE, UNSUBACK, b"\0" + b"".join(_text(name) for name in filters))

    def publish(self, topic, payload, retain=False, properties=()):
        self._next_id += 1
        message = Message("", True, topic, payload, retain, properties=tuple(properties), packet_id=self._next_id)
        self._socket.sendall(message.packet(MQTT_5))
        self._wait((PUBACK, self._next_id))

    def retained(self, topic):
        """The payload that the broker keeps for that topic; empty when none."""
        before, mark = len(self.received), f"clawtest-mark/{self.client_id}"
        self.subscribe(topic, mark)
        self.publish(mark, b"")
        process.wait_until("the mark to come back", lambda: mark in [message.topic for message in self.received[before:]])
        self.unsubscribe(topic, mark)
        found = [message.payload for message in self.received[before:] if message.topic == topic and message.retain]
        return found[0] if found else b""

    def close(self):
        """Goes without a word, so that a will is published."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _ask(self, kind, answer, body):
        self._next_id += 1
        self._socket.sendall(_packet(kind, 2, struct.pack(">H", self._next_id) + body))
        self._wait((answer, self._next_id))

    def _wait(self, what):
        with self._changed:
            self._changed.wait_for(lambda: what in self._answers or self.closed, 20)
            if what not in self._answers:
                raise ConnectionError(f"the broker closed the connection of {self.client_id}")
            return self._answers.pop(what)

    def _read_all(self):
        stream = self._socket.makefile("rb")
        with contextlib.suppress(OSError, IndexError, struct.error):
            while first := stream.read(1):
                length = shift = 0
                while True:
                    digit = stream.read(1)[0]
                    length |= (digit & 127) << shift
                    shift += 7
                    if not digit & 128:
                        break
                self._on_packet(first[0] >> 4, first[0] & 15, stream.read(length))
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _on_packet(self, kind, flags, body):
        if kind == PUBLISH:
            message = Message.parse("", False, flags, body, MQTT_5)
            if message.qos:
                self._socket.sendall(_packet(PUBACK, 0, struct.pack(">H", message.packet_id)))
            self.received.append(message)
            return
        with self._changed:
            self._answers[kind, 0 if kind == CONNACK else struct.unpack_from(">H", body)[0] if len(body) > 1 else 0] = body
            self._changed.notify_all()
