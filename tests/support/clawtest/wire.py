"""A second reading of the wire contract: is this payload, on this topic, what the contract allows?

Receiver.receive() makes a receiver's checks in the contract's order and raises Violation for the first that fails.
Written from the contract alone, so that a misreading in the bridge and one here would have to be the same to hide.
"""

import base64
import binascii
import datetime
import hashlib
import hmac
import json
import pathlib
import re
import warnings

import jsonschema

from . import crypto

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from jsonschema import RefResolver

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[3]
SCHEMA_DIR = SOURCE_DIR / "topics" / "schema"
VECTORS = SOURCE_DIR / "tests" / "golden" / "wire-vectors.json"

MESSAGE_BYTES = 1 << 20
DEPTH, VALUES = 64, 20_000
STATE_BYTES = 64 * 1024
EXPIRY_AHEAD = datetime.timedelta(days=7)
SKEW = datetime.timedelta(minutes=5)
WILL_REVISION = 4294967295
MAX_HOPS = 8

GATEWAY = r"[a-z0-9][a-z0-9_-]{0,62}"
AGENT = r"[a-z0-9][a-z0-9_-]{0,63}"
ADDRESS = re.compile(rf"({GATEWAY})/({AGENT}|_bridge)")
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
HEX16, HEX32, HEX64 = (re.compile(rf"[0-9a-f]{{{n}}}") for n in (16, 32, 64))
MAC_TRAILER = re.compile(rb',"mac":"([A-Za-z0-9_-]{43})"\}')
SIGNATURE_TRAILER = re.compile(rb',"signature":"([A-Za-z0-9_-]{86})"\}')

SIGNED = {"state", "hello", "refusal"}
SEALABLE = {"request", "progress", "reply"}
READ_ONLY = {"ping", "status", "agents_list", "sessions_list", "sessions_history", "session_status"}
OPERATIONS = READ_ONLY | {"sessions_send", "sessions_spawn", "cancel"}
TO_BRIDGE = {"agents_list", "status", "cancel", "ping"}
REPLY_STATUSES = {"ok", "no_reply", "error", "rejected", "expired", "cancelled", "interrupted"}

# Every attribute of the contract's table: what a bridge of this project sends must stay within it.
KNOWN_ATTRIBUTES = {"specversion", "id", "type", "source", "time", "traceparent", "keyid", "mac", "signature",
                    "subject", "correlationid", "causationid", "chain", "replyto", "expirytime", "incarnation",
                    "status", "sequence", "datacontenttype", "data", "data_base64", "partindex", "partcount", "digest"}


class Violation(Exception):
    """The first check that a payload fails: its name in the contract's order, the error code, and what is wrong."""

    def __init__(self, check, code, text):
        super().__init__(f"{check}: {text}")
        self.check, self.code = check, code


def parse_time(text):
    """A datetime of the one form the contract takes; ValueError for any other."""
    if not isinstance(text, str) or not TIME.fullmatch(text):
        raise ValueError(f"not a time: {text!r}")
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)


def format_time(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def from_seconds(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


# ---- topics ----


def parse_topic(topic, base="claw"):
    """(kind, address) with kind inbox, reply, state or hello; None when it is no topic of the federation."""
    if topic == f"{base}/_all/hello":
        return "hello", None
    if not topic.startswith(base + "/"):
        return None
    rest = topic[len(base) + 1:]
    if (state := re.fullmatch(rf"({GATEWAY})/state", rest)):
        return "state", f"{state[1]}/_bridge"
    if (ends := re.fullmatch(rf"({GATEWAY}/(?:{AGENT}|_bridge))/(inbox|reply)", rest)):
        return ends[2], ends[1]
    return None


# ---- form ----


def _scan_depth(payload):
    """The greatest nesting, found without recursion. REQUIRES: the brackets outside strings are what JSON says."""
    depth = deepest = 0
    in_string = False
    position = 0
    for match in re.finditer(rb'\\.|["\[\]{}]', payload, re.DOTALL):
        token, position = match[0], match.end()
        if token == b'"':
            in_string = not in_string
        elif not in_string and token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif not in_string and token in b"]}":
            depth -= 1
    return deepest


def _count_values(value):
    """Objects, arrays and scalars; names do not count. Also refuses unpaired surrogates, which Python lets pass."""
    count, todo = 0, [value]
    while todo:
        item = todo.pop()
        count += 1
        if isinstance(item, dict):
            todo.extend(item.values())
            for name in item:
                name.encode("utf-8")
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, str):
            item.encode("utf-8")
    return count


def _unique(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member appears twice")
    return value


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def check_form(payload):
    """The event and the length of what its trailer covers."""
    def bad(text):
        return Violation("form", "bad_request", text)

    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad(f"invalid UTF-8: {error}") from error
    if not payload.startswith(b"{"):
        raise bad("does not begin with {")
    if _scan_depth(payload) > DEPTH:
        raise bad("nested too deeply")
    try:
        event = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        values = _count_values(event)
    except (ValueError, RecursionError) as error:
        raise bad(str(error)) from error
    if values > VALUES:
        raise bad(f"{values} values")
    if not payload.endswith(b"}"):
        raise bad("bytes after the closing brace")
    if "mac" not in event and "signature" not in event:
        raise Violation("form", "unauthentic", "neither mac nor signature")
    wants_signature = event.get("type") in {f"claw.v1.{kind}" for kind in SIGNED}
    trailer, name = (SIGNATURE_TRAILER, "signature") if wants_signature else (MAC_TRAILER, "mac")
    length = len(',"signature":"') + 88 if wants_signature else len(',"mac":"') + 45
    if not trailer.fullmatch(payload[-length:]) or {"mac", "signature"} & set(event) != {name}:
        raise bad(f"does not end in exactly one {name}")
    try:
        crypto.unb64url(event[name])
    except ValueError as error:
        raise bad(str(error)) from error
    return event, len(payload) - length


# ---- attributes ----


class Kind:
    """What the type attribute says: kind (request, receipt …), operation and major version."""

    def __init__(self, type_):
        request = re.fullmatch(r"claw\.v([1-9]\d{0,8})\.([a-z][a-z0-9_]*)\.request", type_)
        other = re.fullmatch(r"claw\.v1\.(receipt|progress|reply|ack|refusal|part|state|hello)", type_)
        if not request and not other:
            raise ValueError(f"unknown type {type_!r}")
        self.name = "request" if request else other[1]
        self.operation = request[2] if request else None
        self.major = int(request[1]) if request else 1


def check_attributes(event, base="claw"):
    """The event's Kind."""
    def need(condition, text):
        if not condition:
            raise Violation("attributes", "bad_request", text)

    def text_of(name, pattern=None):
        value = event.get(name)
        need(isinstance(value, str), f"{name} is missing or no text")
        need(pattern is None or pattern.fullmatch(value), f"{name} is {value!r}")
        return value

    def time_of(name):
        try:
            return parse_time(event.get(name))
        except ValueError as error:
            raise Violation("attributes", "bad_request", f"{name}: {error}") from error

    need(event.get("specversion") == "1.0", "specversion is not 1.0")
    text_of("id", ULID)
    try:
        kind = Kind(text_of("type"))
    except ValueError as error:
        raise Violation("attributes", "bad_request", str(error)) from error
    source = text_of("source", ADDRESS)
    time_of("time")
    text_of("keyid", HEX16)
    if kind.name in {"state", "hello", "ack"}:
        need(source.endswith("/_bridge"), "source is not the bridge")
    if kind.name in {"state", "hello"}:
        need("subject" not in event, "has a subject")
    else:
        text_of("subject", ADDRESS)
    if kind.name in {"request", "receipt", "progress", "reply"}:
        text_of("correlationid", ULID)
    elif kind.name in {"ack", "refusal", "state", "hello"}:
        need("correlationid" not in event, "has a correlationid")
    if kind.name == "request":
        _check_request_attributes(event, kind, base, need, text_of, time_of)
    if kind.name == "reply":
        need(text_of("status") in REPLY_STATUSES, "status")
    if kind.name == "progress":
        need(int(text_of("sequence", re.compile(r"[0-9]{10}"))) > 0, "sequence counts from 1")
    if kind.name == "part":
        _check_part_attributes(event, need, text_of, time_of)
    _check_content_form(event, kind, need)
    return kind


def _check_request_attributes(event, kind, base, need, text_of, time_of):
    need(event["correlationid"] == event["id"], "correlationid is not id")
    need(text_of("replyto") == f"{base}/{event['source']}/reply", "replyto is not the source's")
    time_of("expirytime")
    if kind.operation in OPERATIONS - READ_ONLY or "incarnation" in event:
        text_of("incarnation", HEX32)
    need(("chain" in event) == ("causationid" in event), "chain and causationid belong together")
    if "chain" in event:
        ids = text_of("chain").split(" ")
        need(all(ULID.fullmatch(item) for item in ids), "chain is not a list of ids")
        need(event["causationid"] == ids[-1], "causationid is not the last of chain")


def _check_part_attributes(event, need, text_of, time_of):
    for name in ("partindex", "partcount"):
        need(isinstance(event.get(name), int) and not isinstance(event[name], bool), f"{name} is no integer")
    need(2 <= event["partcount"] <= 64, "partcount")
    need(0 <= event["partindex"] < event["partcount"], "partindex")
    text_of("digest", HEX64)
    if "expirytime" in event:
        time_of("expirytime")


def _check_content_form(event, kind, need):
    need(not ("data" in event and "data_base64" in event), "both data and data_base64")
    content = event.get("datacontenttype")
    if kind.name == "hello":
        need("data" not in event and "data_base64" not in event, "hello with data")
    elif kind.name == "part" or (kind.name in SEALABLE and content == "application/vnd.clawbridge.sealed"):
        need(kind.name != "part" or content == "application/octet-stream", "datacontenttype")
        try:
            text = event["data_base64"]
            need(base64.b64encode(base64.b64decode(text, validate=True)).decode() == text, "data_base64 is not canonical")
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise Violation("attributes", "bad_request", f"data_base64: {error}") from error
    else:
        need(content == "application/json", "datacontenttype")
        need(isinstance(event.get("data"), dict), "data is no object")


# ---- topic ----


def check_topic(event, kind, topic, retained, base="claw"):
    """Which message may be on which topic, whose names must agree, and what may be retained."""
    def need(condition, text):
        if not condition:
            raise Violation("topic", "bad_request", text)

    place = parse_topic(topic, base)
    need(place is not None, f"{topic} is no topic of the federation")
    where, address = place
    if kind.name == "state":
        need((where == "state" and address == event["source"]) or (where == "inbox" and address.endswith("/_bridge")),
             "a state belongs on its owner's topic, or into the inbox of a bridge that said hello")
    elif kind.name == "hello":
        need(where == "hello", "a hello belongs on the hello topic")
    else:
        if kind.name == "part":
            need(where in ("inbox", "reply"), "a part belongs on the topic of the whole")
        else:
            need(where == ("inbox" if kind.name in {"request", "ack"} else "reply"), f"a {kind.name} on {where}")
        need(address == event["subject"], "the topic's address is not the subject")
    need(not retained or where == "state", "retained, but not on a state topic")


# ---- content ----

_schemas = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMA_DIR.glob("*.json"))}
_resolver = RefResolver(base_uri="file:///", referrer={},
                        store={f"file:///{name}.json": schema for name, schema in _schemas.items()})


def schema_names():
    return sorted(set(_schemas) - {"common"})


def schema_name(kind):
    """The schema of a message; common's `request` for operations that version 1 does not know."""
    if kind.name != "request":
        return kind.name
    return f"{kind.operation}.request" if kind.major == 1 and kind.operation in OPERATIONS else None


def schema_errors(event, kind):
    """What the message's schema objects to, as texts."""
    name = schema_name(kind)
    ref = f"file:///{name}.json" if name else "file:///common.json#/$defs/request"
    validator = jsonschema.Draft202012Validator({"$ref": ref}, resolver=_resolver)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in validator.iter_errors(event)]


def check_schemas_themselves():
    for schema in _schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


# ---- the receiver ----


class Receiver:
    """One bridge as a receiver of messages: whom it knows, what it took, and the checks in the contract's order."""

    def __init__(self, keys, peers, base="claw", incarnation=None, clock=now):
        self.keys, self.base, self.incarnation, self.clock = keys, base, incarnation, clock
        self.peers = {peer.gateway: peer for peer in peers}
        self.known = {}  # (source gateway, id) -> SHA-256 of the request's bytes, hex
        self.replay_marks = {}  # source gateway -> (id time, expirytime)

    def receive(self, payload, topic, retained=False):
        """(event, Kind, "new" or "duplicate"), or Violation."""
        if len(payload) > MESSAGE_BYTES:
            raise Violation("size", "too_large", f"{len(payload)} bytes")
        event, covered = check_form(payload)
        kind = check_attributes(event, self.base)
        check_topic(event, kind, topic, retained, self.base)
        source = self._check_authentic(event, kind, payload[:covered])
        if kind.name != "request":
            self._check_content(event, kind, source)
            return event, kind, "new"
        if self._is_known(event, payload):
            return event, kind, "duplicate"
        self._check_request(event, kind, source)
        return event, kind, "new"

    def _check_authentic(self, event, kind, covered):
        gateway = event["source"].split("/")[0]
        if kind.name == "state":
            return self._check_state_signature(event, covered, gateway)
        source = self.keys if gateway == self.keys.gateway else self.peers.get(gateway)
        if source is None:
            raise Violation("key", "unknown_peer", f"no key of {gateway}")
        if source.keyid != event["keyid"]:
            raise Violation("key", "key_changed", f"keyid of {gateway} is {event['keyid']}")
        if kind.name in SIGNED:
            if not crypto.verify(source.sign_public, covered, crypto.unb64url(event["signature"])):
                raise Violation("signature", "unauthentic", "wrong signature")
        elif not hmac.compare_digest(crypto.mac(source, self.keys, covered), crypto.unb64url(event["mac"])):
            raise Violation("mac", "unauthentic", "wrong MAC")
        return source

    def _check_state_signature(self, event, covered, gateway):
        """A state names its own keys: it must be signed with them."""
        try:
            keys = crypto.Keys(gateway, *(crypto.unb64url(event["data"]["keys"][part]) for part in ("sign", "box")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Violation("key", "bad_request", f"a state without keys: {error}") from error
        if keys.keyid != event["keyid"]:
            raise Violation("key", "key_changed", "keyid is not of the keys in the state")
        if not crypto.verify(keys.sign_public, covered, crypto.unb64url(event["signature"])):
            raise Violation("signature", "unauthentic", "wrong signature")
        return keys

    def _is_known(self, event, payload):
        digest = self.known.get((event["source"].split("/")[0], event["id"]))
        if digest is None:
            return False
        if digest != hashlib.sha256(payload).hexdigest():
            raise Violation("id_reused", "id_reused", "a known id with other bytes")
        return True

    def _check_request(self, event, kind, source):
        if "incarnation" in event and self.incarnation and event["incarnation"] != self.incarnation:
            raise Violation("journal_changed", "journal_changed", "made for another journal")
        expiry, moment = parse_time(event["expirytime"]), self.clock()
        mark = self.replay_marks.get(source.gateway)
        if mark and ulid_time(event["id"]) <= mark[0] and expiry <= mark[1]:
            raise Violation("replayed", "replayed", "not above the replay mark")
        if expiry + SKEW < moment:
            raise Violation("expired", "expired", f"expired at {event['expirytime']}")
        if expiry > moment + EXPIRY_AHEAD + SKEW:
            raise Violation("expired", "bad_request", "expirytime is too far ahead")
        if kind.major != 1 or kind.operation not in OPERATIONS:
            raise Violation("op", "unsupported", event["type"])
        if kind.operation in TO_BRIDGE and not event["subject"].endswith("/_bridge"):
            raise Violation("op", "bad_request", f"{kind.operation} to an agent")
        self._check_content(event, kind, source)

    def _check_content(self, event, kind, source):
        if "data_base64" in event and kind.name != "part":
            plain = crypto.unseal(source, self.keys, event)
            if plain is None:
                raise Violation("op", "bad_request", "sealed content cannot be opened")
            event = {**event, "data": json.loads(plain), "datacontenttype": "application/json"}
            del event["data_base64"]
        errors = schema_errors(event, kind)
        if errors:
            raise Violation("op", "bad_request", "; ".join(errors))


def ulid_time(ulid):
    value = 0
    for digit in ulid[:10]:
        value = value * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(digit)
    return from_seconds(value / 1000)


# ---- making messages, for tests that attack ----


def make_ulid(moment=None, randomness=None):
    import secrets
    value = (int((moment or now()).timestamp() * 1000) << 80) | (randomness if randomness is not None else secrets.randbits(80))
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(value >> shift) & 31] for shift in range(125, -1, -5))


def finish(event, source, target=None):
    """The payload of `event` with keyid and trailer: a MAC for `target`, a signature without one."""
    body = json.dumps({**event, "keyid": source.keyid}, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    if target is None:
        return body + b',"signature":"' + crypto.b64url(source.sign(body)).encode() + b'"}'
    return body + b',"mac":"' + crypto.b64url(crypto.mac(source, target, body)).encode() + b'"}'
