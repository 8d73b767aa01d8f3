#!/usr/bin/python3
"""TCP relays between the parts of a chaos run, and every way a network fails between them.

    relay.py LINK=LISTEN:TARGET …      loopback ports; a process of its own, so that it costs the driver nothing

Reads orders from standard input, one JSON object a line, `{"link": NAME, "do": WHAT}`, and ends with it:

    cut      the connections end, new ones are reset
    stall    bytes stay where they are in both directions, new connections too
    out, in  the same for one direction alone: from or to the one who connected
    reset    what is under way in the relay is lost with its connection; new ones work
    heal     everything flows again
"""

import asyncio
import json
import socket
import struct
import sys

CHUNK = 65536
LINGER_NONE = struct.pack("ii", 1, 0)  # close() sends RST


def reset(transport):
    """Ends the connection as a network or a crashed machine does. Harmless when it has ended."""
    connection = transport.get_extra_info("socket")
    if connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    transport.abort()


class Link:
    """One listening port and its connections. `flows[True]` lets through what goes from the client to the target."""

    def __init__(self, target):
        self.target = target
        self.refuses = False
        self.flows = {True: asyncio.Event(), False: asyncio.Event()}
        self.open = set()  # transports of both sides
        self.do("heal")

    def do(self, what):
        if what in ("cut", "reset"):
            for transport in list(self.open):
                reset(transport)
        if what == "cut":
            self.refuses = True
        if what in ("stall", "out"):
            self.flows[True].clear()
        if what in ("stall", "in"):
            self.flows[False].clear()
        if what in ("heal", "reset"):
            self.refuses = False
            self.flows[True].set()
            self.flows[False].set()

    async def serve(self, reader, writer):
        ends = [writer.transport]
        self.open.update(ends)
        try:
            await self.flows[True].wait()
            if self.refuses:
                raise ConnectionRefusedError
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(inner_writer.transport)
            self.open.update(ends)
            await asyncio.gather(self.pump(reader, inner_writer, True), self.pump(inner_reader, writer, False))
        except OSError:
            reset(writer.transport)  # whoever listens there is down, or the link is
        self.open.difference_update(ends)

    async def pump(self, reader, writer, outward):
        """What has been read and not yet passed on when the connection is reset is lost."""
        try:
            while data := await reader.read(CHUNK):
                await self.flows[outward].wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()  # the end of one side is passed on; the other direction may go on


async def main(arguments):
    links = {}
    for argument in arguments:
        name, ports = argument.split("=")
        listen, target = map(int, ports.split(":"))
        links[name] = Link(target)
        await asyncio.start_server(links[name].serve, "127.0.0.1", listen)
    print("ready", flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        links[order["link"]].do(order["do"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
