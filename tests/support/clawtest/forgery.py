"""What an attacker writes: well-formed messages without the right key, and true ones with something changed.

Everything here is meant to get as far as possible through a receiver's checks before it fails.
"""

import base64
import copy
import hmac
import json

from . import crypto, wire

HOSTILE = "HOSTILE"  # in every text that must never become a turn, a reply or an outcome
REPLY_STATUSES = sorted(wire.REPLY_STATUSES)
STAGES = ("deferred", "stored", "queued", "started")
REFUSALS = ("forbidden", "expired", "journal_changed", "key_changed", "replayed", "unauthentic")


# ---- events ----


def event(kind, source, subject=None, correlation_id=None, data=None, **attributes):
    """An event of `claw.v1.<kind>`. An attribute that is None is left out."""
    made = {"specversion": "1.0", "id": wire.make_ulid(), "type": f"claw.v1.{kind}", "source": source, "subject": subject,
            "time": wire.format_time(wire.now()), "correlationid": correlation_id, **attributes}
    if data is not None:
        made |= {"datacontenttype": "application/json", "data": data}
    return {name: value for name, value in made.items() if value is not None}


def request(source, subject, incarnation=None, operation="sessions_send", data=None, **attributes):
    made = event(f"{operation}.request", source, subject, data=data or {"message": HOSTILE}, replyto=f"claw/{source}/reply",
                 expirytime=wire.format_time(wire.now() + wire.SKEW), incarnation=incarnation, **attributes)
    return {**made, "correlationid": made["id"]}


def claims(source, subject, correlation_id, digest):
    """Everything that could move an exchange on at its requester: receipts, progress, replies and refusals."""
    for stage in STAGES:
        yield event("receipt", source, subject, correlation_id, {"stage": stage, "reason": "busy", "runId": HOSTILE, "retryAfterMs": 86_400_000})
    yield event("progress", source, subject, correlation_id, {"text": HOSTILE}, sequence="0000000001")
    content = {"ok": {"reply": HOSTILE}, "no_reply": {}, "cancelled": {"ran": False}}
    for status in REPLY_STATUSES:
        failed = {"error": {"code": "internal", "message": HOSTILE, "retryable": False}}
        yield event("reply", source, subject, correlation_id, {"status": status, **content.get(status, failed)}, status=status)
    for code in REFUSALS:
        yield event("refusal", source, subject, data={"digest": digest, "code": code})


def demands(source, subject, incarnation, known_id):
    """Everything that could have an effect at a responder: turns, questions, acknowledgements."""
    bridges = [address.split("/")[0] + "/_bridge" for address in (source, subject)]
    yield request(source, subject, incarnation)
    yield {**request(source, subject, incarnation), "id": known_id, "correlationid": known_id}
    yield request(source, subject, incarnation, "sessions_spawn", {"task": HOSTILE})
    yield request(source, subject, incarnation, "format_disk")
    for operation in ("ping", "agents_list"):
        yield request(*bridges, operation=operation, data={})
    yield request(*bridges, operation="status", data={"ids": [known_id, wire.make_ulid()]})
    yield request(*bridges, incarnation, "cancel", {"id": known_id, "expirytime": wire.format_time(wire.now() + wire.SKEW)})
    yield event("ack", *bridges, data={"ids": [known_id]})
    yield {**request(source, subject, incarnation), "type": "claw.v2.sessions_send.request"}


def address_topic(made):
    """Where the contract wants an event."""
    kind = wire.Kind(made["type"]).name
    if kind == "state":
        return f"claw/{made['source'].split('/')[0]}/state"
    return "claw/_all/hello" if kind == "hello" else f"claw/{made['subject']}/{'inbox' if kind in ('request', 'ack', 'part') else 'reply'}"


def state(template, keys, gateway=None, **data):
    """A state of `gateway` with `keys`, otherwise like the event `template`; the members of `data` replace its own."""
    gateway = gateway or keys.gateway
    made = {name: value for name, value in template.items() if name not in ("signature", "keyid")}
    public = {"sign": crypto.b64url(keys.sign_public), "box": crypto.b64url(keys.box_public)}
    made |= {"id": wire.make_ulid(), "source": f"{gateway}/_bridge", "data": {**template["data"], "keys": public, **data}}
    return wire.finish(made, keys)


# ---- sealed content ----


def sealed(made, key, plaintext=None):
    """`made` with its content, or other bytes instead, sealed with that key; a kind that is never sealed as it is."""
    if wire.Kind(made["type"]).name not in wire.SEALABLE:
        return made
    content = plaintext if plaintext is not None else json.dumps(made["data"], separators=(",", ":")).encode()
    return with_box(made, crypto.seal(key, made, content))


def with_box(made, box):
    """`made` with that data_base64, whatever it holds."""
    return {**{name: value for name, value in made.items() if name != "data"},
            "datacontenttype": "application/vnd.clawbridge.sealed", "data_base64": box}


def _flipped(box, at):
    altered = bytearray(base64.b64decode(box))
    altered[at] ^= 1
    return base64.b64encode(altered).decode()


def _nonce_of(another, box):
    return base64.b64encode(base64.b64decode(another)[:24] + base64.b64decode(box)[24:]).decode()


def _first(length, box):
    return base64.b64encode(base64.b64decode(box)[:length]).decode()


# name -> function of data_base64 and of that of another true message of the same direction: what does not open any more.
BOXES = {
    "the nonce's first byte": lambda box, _: _flipped(box, 0),
    "the nonce's last byte": lambda box, _: _flipped(box, 23),
    "the text's first byte": lambda box, _: _flipped(box, 24),
    "the tag's last byte": lambda box, _: _flipped(box, -1),
    "another message's": lambda _, another: another,
    "another message's nonce": lambda box, another: _nonce_of(another, box),
    "one byte less": lambda box, _: _first(-1, box),
    "no more than a nonce": lambda box, _: _first(24, box),
    "nothing": lambda _box, _: "",
}


# ---- proofs: what an attacker puts where the MAC or the signature belongs ----


def in_the_name_of(keys, true):
    """`keys`, but with the name and the key id of another."""
    disguised = copy.copy(keys)
    disguised.gateway, disguised.keyid = true.gateway, true.keyid
    return disguised


def _is_signed(made):
    return wire.Kind(made["type"]).name in wire.SIGNED


def _close(made, keyid, proof):
    body = json.dumps({**made, "keyid": keyid}, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    return body + f',"{"signature" if _is_signed(made) else "mac"}":"{crypto.b64url(proof(body))}"}}'.encode()


def by(keys, made, true, target):
    """`made` closed by `keys`, which say they are the source's."""
    return wire.finish(made, in_the_name_of(keys, true), None if _is_signed(made) else target)


def by_the_receiver(made, true, target):
    """Signed by the receiver itself, or with the key of the other direction: what a reflection would carry."""
    return _close(made, true.keyid, lambda body: target.sign(body) if _is_signed(made) else crypto.mac(target, true, body))


def null_key(label, true, target):
    """The direction's key that an all-zero X25519 result gives; everyone can compute it."""
    return hmac.digest(bytes(32), f"clawbridge.v1.{label}|{true.gateway}|{target.gateway}|".encode() + true.fingerprint + target.fingerprint, "sha256")


def by_a_null_exchange(made, true, target):
    key = null_key("mac", true, target)
    return _close(made, true.keyid, lambda body: bytes(64) if _is_signed(made) else hmac.digest(key, body, "sha256"))


def by_nothing(made, true, _target):
    return _close(made, true.keyid, lambda _body: bytes(64 if _is_signed(made) else 32))


# ---- alterations of a true message on its way ----


def rewritten(payload, **changes):
    """The payload with attributes replaced, or removed where None; the trailer stays as it was."""
    made = {**json.loads(payload), **changes}
    made = {name: made[name] for name in sorted(made, key=("keyid", "mac", "signature").__contains__) if made[name] is not None}
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _content(message):
    made = message.event
    if "data_base64" in made:
        return rewritten(message.payload, data_base64=_flipped(made["data_base64"], -1))
    lie = {"message": HOSTILE, "reply": HOSTILE, "stage": "deferred", "retryAfterMs": 86_400_000, "ids": [wire.make_ulid()]}
    return rewritten(message.payload, data={**made["data"], **{name: value for name, value in lie.items() if name in made["data"]}, "x": 1})


def _last_digit(message, step):
    """The proof's last digit moved on: by 1 it stays the same bytes in another spelling, by 16 it is another proof."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = len(message.payload) - 3
    return message.payload[:at] + digits[(digits.index(chr(message.payload[at])) + step) % 64].encode() + message.payload[at + 1:]


def _without_proof(payload):
    return payload[:payload.rindex(b',"mac":"')]


_EVE = crypto.Keys.make("eve")


def _other_address(address):
    gateway, agent = address.split("/")
    return f"{gateway}/{'main' if agent == '_bridge' else 'jarvis'}"


def _with_source(message, source, **more):
    return rewritten(message.payload, source=source, replyto=f"claw/{source}/reply" if "replyto" in message.event else None, **more)


# name -> function of the Message, giving the payload that arrives instead. For messages that carry a MAC.
ALTERATIONS = {
    "content": _content,
    "content taken out": lambda m: rewritten(m.payload, data={}, data_base64=None, datacontenttype="application/json"),
    "content sealed by nobody": lambda m: rewritten(m.payload, data=None, data_base64=base64.b64encode(bytes(80)).decode(),
                                                    datacontenttype="application/vnd.clawbridge.sealed"),
    "readable instead of sealed": lambda m: rewritten(m.payload, data_base64=None, datacontenttype="application/json", data={
        "message": HOSTILE, "status": "ok", "reply": HOSTILE, "stage": "started"}),
    "id": lambda m: rewritten(m.payload, id=wire.make_ulid()),
    "id and correlation id": lambda m: rewritten(m.payload, **dict.fromkeys({"id", "correlationid"} & set(m.event), wire.make_ulid())),
    "type of another major": lambda m: m.payload.replace(b'"claw.v1.', b'"claw.v2.', 1),
    "operation": lambda m: m.payload.replace(b".sessions_send.", b".sessions_spawn.", 1).replace(b".reply\"", b".progress\"", 1)
    .replace(b".receipt\"", b".reply\"", 1),
    "source agent": lambda m: _with_source(m, _other_address(m.event["source"])),
    "source gateway": lambda m: _with_source(m, "studio/friday" if m.event["source"].split("/")[0] != "studio" else "imac/jarvis"),
    "subject": lambda m: rewritten(m.payload, subject=_other_address(m.event["subject"])),
    "time": lambda m: rewritten(m.payload, time=wire.format_time(wire.now() + wire.SKEW)),
    "expirytime": lambda m: rewritten(m.payload, expirytime=wire.format_time(wire.now() + wire.EXPIRY_AHEAD)),
    "incarnation": lambda m: rewritten(m.payload, incarnation="0" * 32),
    "chain": lambda m: rewritten(m.payload, chain=m.event["id"], causationid=m.event["id"]),
    "status": lambda m: rewritten(m.payload, status="expired"),
    "keyid": lambda m: rewritten(m.payload, keyid=_EVE.keyid),
    "an unknown attribute more": lambda m: b'{"x":1,' + m.payload[1:],
    "a blank more": lambda m: b"{ " + m.payload[1:],
    "content twice": lambda m: b'{"datacontenttype":"application/json","data":{"message":"HOSTILE"},' + m.payload[1:],
    "another MAC": lambda m: _last_digit(m, 16),
    "the MAC in another spelling": lambda m: _last_digit(m, 1),
    "no MAC": lambda m: _without_proof(m.payload) + b"}",
    "an empty MAC": lambda m: _without_proof(m.payload) + b',"mac":""}',
    "the MAC not last": lambda m: m.payload[:-1] + b',"x":1}',
    "a signature instead of the MAC": lambda m: _without_proof(m.payload) + b',"signature":"'
    + crypto.b64url(_EVE.sign(_without_proof(m.payload))).encode() + b'"}',
    "a signature behind the MAC": lambda m: m.payload[:-1] + b',"signature":"' + crypto.b64url(_EVE.sign(m.payload[:-1])).encode() + b'"}',
    "a blank behind the brace": lambda m: m.payload + b" ",
    "twice in one": lambda m: m.payload * 2,
    "cut off": lambda m: m.payload[:-40],
    "only the text": lambda m: b"HOSTILE",
    "nothing": lambda m: b"",
}


def alterations(another=None):
    """All of them; with an earlier message whose content is sealed, also those of sealed content."""
    if another is None:
        return ALTERATIONS
    box = another.event["data_base64"]
    return ALTERATIONS | {f"sealed content: {name}": lambda m, change=change: rewritten(m.payload, data_base64=change(m.event["data_base64"], box))
                          for name, change in BOXES.items()}


# check of the second reading of the contract (wire.Violation) -> the bridge's counter
COUNTERS = {"size": "dropped.size", "form": "dropped.form", "attributes": "dropped.attributes", "topic": "dropped.topic",
            "mac": "dropped.unauthentic", "signature": "dropped.unauthentic"}


def counter_of(violation):
    return COUNTERS.get(violation.check) or {"unknown_peer": "dropped.unknown_peer", "key_changed": "dropped.key_changed"}[violation.code]
