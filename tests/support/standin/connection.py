"""One client: the handshake, then requests and their responses; what is sent to it of its own accord are events."""

import json
import uuid

import websockets

from versions import BUFFERED_BYTES_MAX, PAYLOAD_BYTES_MAX

CLIENT_IDS = {"webchat-ui", "openclaw-control-ui", "openclaw-tui", "webchat", "cli", "gateway-client", "openclaw-macos", "openclaw-ios",
              "openclaw-android", "node-host", "test", "fingerprint", "openclaw-probe"}
CLIENT_MODES = {"webchat", "cli", "ui", "backend", "node", "probe", "test"}
CONNECT_FIELDS = {"minProtocol", "maxProtocol", "role", "scopes", "caps", "client", "auth", "commands", "permissions", "pathEnv", "device",
                  "locale", "userAgent"}
KEEPS_SCOPES = {("gateway-client", "backend"), ("cli", "cli")}    # of 2026.9.6, for a client without a device


class Refused(Exception):
    """A request's failure: {code, message, details?}."""

    def __init__(self, code, message, details=None, **more):
        super().__init__(message)
        self.error = {"code": code, "message": message, **({"details": details} if details else {}), **more}


def invalid(message, details=None):
    return Refused("INVALID_REQUEST", message, details)


class Connection:
    def __init__(self, socket, gateway):
        self.socket, self.gateway = socket, gateway
        self.version = gateway.version
        self.id = str(uuid.uuid4())
        self.scopes = []
        self.sequence = 0

    async def serve(self):
        await self.event("connect.challenge", {"nonce": str(uuid.uuid4()), "ts": self.gateway.now(), "capabilities": []}, count=False)
        if not await self._handshake():
            return
        self.socket.max_size = PAYLOAD_BYTES_MAX
        self.gateway.connections.add(self)
        try:
            async for text in self.socket:
                await self._request(text)
        finally:
            self.gateway.connections.discard(self)

    # ---- sent ----

    async def event(self, name, payload, count=True):
        frame = {"type": "event", "event": name, "payload": payload}
        if count:
            self.sequence += 1
            frame["seq"] = self.sequence
        await self._send(frame)

    async def respond(self, id_, ok, payload, error=None):
        frame = {"type": "res", "id": id_, "ok": ok}
        if payload is not None:
            frame["payload"] = payload
        if error is not None:
            frame["error"] = error
        await self._send(frame)

    async def _send(self, frame):
        text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            text = json.dumps(frame, separators=(",", ":"))    # half a character goes as an escape, as JavaScript writes it
        try:
            await self.socket.send(text)
        except websockets.ConnectionClosed:
            pass    # a client that has gone asks again over its next connection

    # ---- received ----

    async def _request(self, text):
        frame = _parse(text)
        if frame is None:
            return    # what is no JSON is ignored
        id_ = frame.get("id") if isinstance(frame.get("id"), str) and frame["id"] else "invalid"
        method, params = frame.get("method"), frame.get("params", {})
        if id_ == "invalid" or frame.get("type") != "req" or not isinstance(method, str) or set(frame) - {"type", "id", "method", "params"}:
            return await self.respond(id_, False, None, invalid("invalid request frame").error)
        if not isinstance(params, dict):
            return await self.respond(id_, False, None, invalid(f"invalid {method} params: must be object").error)
        try:
            await self.gateway.methods.call(self, id_, method, params)
        except Refused as refused:
            await self.respond(id_, False, None, refused.error)

    async def _handshake(self):
        text = await self.socket.recv()
        frame = _parse(text)
        if frame is None:
            await self.socket.close(1000)
            return False
        id_ = frame.get("id") if isinstance(frame.get("id"), str) else "invalid"
        try:
            if frame.get("type") != "req" or frame.get("method") != "connect":
                raise invalid("invalid handshake: first request must be connect")
            payload = self._admit(frame.get("params") or {})
        except Refused as refused:
            await self.respond(id_, False, None, refused.error)
            mismatch = refused.error.get("message") == "protocol mismatch"
            await self.socket.close(1002 if mismatch else 1008, refused.error["message"][:120])
            return False
        await self.respond(id_, True, payload)
        return True

    def _admit(self, params):
        unexpected = sorted(set(params) - CONNECT_FIELDS)
        if unexpected:
            raise invalid(f"invalid connect params: at root: unexpected property '{unexpected[0]}'")
        client = params.get("client") or {}
        identity = (client.get("id"), client.get("mode"))
        if identity[0] not in CLIENT_IDS or identity[1] not in CLIENT_MODES or not client.get("version") or not client.get("platform"):
            raise invalid("invalid connect params: at /client: must be equal to one of the allowed values")
        low, high = params.get("minProtocol"), params.get("maxProtocol")
        if not isinstance(low, int) or not isinstance(high, int):
            raise invalid("invalid connect params: at root: must have required property 'minProtocol'")
        wanted = self.gateway.options.protocol or self.version.protocol
        if not low <= wanted <= high:
            details = {"expectedProtocol": wanted}
            if self.version.keeps_keys:
                details.update(code="PROTOCOL_MISMATCH", minimumProbeProtocol=3)
            raise invalid("protocol mismatch", details)
        if self.socket.request_headers.get("Origin"):
            raise invalid("origin not allowed", {"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED"})
        self._authenticate(params)
        scopes = params.get("scopes") or []
        self.scopes = list(scopes) if not self.version.keeps_keys or identity in KEEPS_SCOPES else []
        return self._hello()

    def _authenticate(self, params):
        auth = params.get("auth") or {}
        token = auth.get("token") or (auth.get("password") if self.version.keeps_keys else None)
        if params.get("role", "operator") != "operator":
            raise Refused("NOT_PAIRED", "device identity required", {"code": "DEVICE_IDENTITY_REQUIRED"})
        if not token:
            if auth.get("password"):
                raise invalid("unauthorized: gateway token missing (provide gateway auth token)", {"code": "AUTH_TOKEN_MISSING"})
            raise Refused("NOT_PAIRED", "device identity required", {"code": "DEVICE_IDENTITY_REQUIRED"})
        if token != self.gateway.options.token:
            details = {"code": "AUTH_TOKEN_MISMATCH"}
            if self.version.keeps_keys:
                details["recommendedNextStep"] = "update_auth_credentials"
            raise invalid("unauthorized: gateway token mismatch (provide gateway auth token)", details)

    def _hello(self):
        server = {"version": self.version.name, "connId": self.id}
        payload = {"type": "hello-ok", "protocol": self.version.protocol, "server": server,
                   "features": {"methods": self.gateway.methods.names(),
                                "events": ["connect.challenge", "agent", "chat", "presence", "tick", "shutdown", "health"]},
                   "snapshot": {"presence": [], "uptimeMs": self.gateway.uptime_ms()},
                   "policy": {"maxPayload": PAYLOAD_BYTES_MAX, "maxBufferedBytes": BUFFERED_BYTES_MAX,
                              "tickIntervalMs": self.gateway.options.tick}}
        if self.version.keeps_keys:
            server["bootId"] = self.gateway.boot
            payload["auth"] = {"method": "token", "role": "operator", "scopes": self.scopes}
        return payload


def _parse(text):
    try:
        frame = json.loads(text)
    except ValueError:
        return None
    return frame if isinstance(frame, dict) else {}
