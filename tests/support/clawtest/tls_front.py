"""TLS in front of a plain port, as a reverse proxy gives it: what wss:// usually ends at."""

import contextlib
import select
import socket
import ssl
import threading

from . import process


class TlsFront:
    """Takes TLS on `port` and passes the bytes to 127.0.0.1:backend. `authority`, `revoked`: PEM files by which clients are
    asked for a certificate. `piece`: at most so many bytes go to the client in one TLS record."""

    def __init__(self, backend, certificate, key, authority=None, revoked=None, piece=65536):
        self.backend, self.port, self.piece = backend, process.free_port(), piece
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        if authority:
            self.context.load_verify_locations(authority)
            self.context.load_verify_locations(revoked)
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.ending, self.wake = socket.socketpair()
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self):
        while self.ending not in select.select([self.listener, self.ending], [], [])[0]:
            client, _ = self.listener.accept()
            self.threads.append(threading.Thread(target=self._serve, args=(client,)))
            self.threads[-1].start()

    def _serve(self, client):
        # A refused handshake sends its alert and is no error of ours; nor is an end that comes early.
        with contextlib.suppress(OSError), client:
            client.settimeout(20)
            with self.context.wrap_socket(client, server_side=True) as outer, \
                    socket.create_connection(("127.0.0.1", self.backend)) as inner:
                self._pump(outer, inner)

    def _pump(self, outer, inner):
        while True:
            ready = [outer] if outer.pending() else select.select([outer, inner, self.ending], [], [])[0]
            if self.ending in ready:
                return
            for source in ready:
                source.settimeout(0)  # a record may be incomplete, or hold no data
                try:
                    data = source.recv(65536)
                except (ssl.SSLWantReadError, BlockingIOError):
                    continue
                finally:
                    source.settimeout(20)
                if not data:
                    return
                if source is outer:
                    inner.sendall(data)
                else:
                    for begin in range(0, len(data), self.piece):
                        outer.sendall(data[begin:begin + self.piece])

    def stop(self):
        self.wake.close()
        for thread in self.threads:
            thread.join(20)
        self.listener.close()
        self.ending.close()
