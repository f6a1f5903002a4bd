"""A line to a server that loses, delays, cuts and garbles, the same way again for the same seed and the same requests.

usage: python3 proxy.py TARGET_URL --seed S [--rate R] [--record FILE]

Listens on a free loopback port and prints one line of JSON: `url` is TARGET_URL with the proxy's host in place of the
server's. Requests are forwarded one by one, with nothing rewritten but Host. R of them (a share, 0.2 unless said) meet a
fault, see FAULTS. Asked directly, it does as it is told:

  GET /__proxy__/off   forward everything as it is
  GET /__proxy__/on    faults again (so it begins)
  GET /__proxy__/log   JSON: how many requests came while faults were on, how often each fault struck, and how often each
                       method was asked, faults or not

With --record, each request and what it was answered is a line of JSON in FILE; the login is left out.

It ends with SIGTERM, SIGINT, or when standard input is closed.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

FAULTS = {
    "drop-before": "the request never reaches the server, the connection is closed",
    "drop-after": "the server does it, the connection is closed without an answer",
    "500-before": "500, nothing done",
    "500-after": "500, and it is done",
    "503": "503 with Retry-After: 0, nothing done",
    "slow": "the answer comes 50 ms late",
    "cut": "the connection is closed in the midst of the body, if there is one",
    "short": "only a part of the body comes, if there is one, and Content-Length says that it is all",
    "html": "200 (207 to PROPFIND and REPORT) with a web page, nothing done",
    "404": "404 to this and up to five more requests, nothing done",
    "401": "401, once, nothing done",
}
PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>Please log in.</p></body></html>"
SLOW_SECONDS = 0.05


class Closed(Exception):
    """The other end has closed its connection."""


@dataclass
class Message:
    """A request or an answer. `body` is what it says, `sent` the same as it came: in chunks, if in chunks."""

    start: str
    headers: list
    body: bytes = b""
    sent: bytes = b""
    ends_with_connection: bool = False

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), "")

    def head(self):
        return "\r\n".join([self.start, *(f"{key}: {value}" for key, value in self.headers), "", ""]).encode("latin-1")

    def keeps_open(self):
        last_word = self.header("connection").lower()
        return not self.ends_with_connection and "close" not in last_word and "HTTP/1.0" not in self.start


async def read_message(reader, answers=None):
    """Reads a request, or the answer to a request of the method `answers`."""
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *rest = text.rstrip("\r\n").split("\r\n")
        message = Message(start, [tuple(part.strip() for part in line.split(":", 1)) for line in rest])
        await read_body(reader, message, answers)
        return message
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Closed from error


async def read_body(reader, message, answers):
    status = message.start.split(" ")[1] if answers else ""
    if answers == "HEAD" or status.startswith("1") or status in ("204", "304"):
        return
    if "chunked" in message.header("transfer-encoding").lower():
        message.body, message.sent = await read_chunks(reader)
    elif message.header("content-length"):
        message.body = message.sent = await reader.readexactly(int(message.header("content-length")))
    elif answers:
        message.body = message.sent = await reader.read(-1)
        message.ends_with_connection = True


async def read_chunks(reader):
    """The body, and the bytes it came in, with the trailer."""
    body, sent = b"", b""
    while True:
        line = await reader.readuntil(b"\r\n")
        length = int(line.split(b";")[0], 16)
        if length:
            chunk = await reader.readexactly(length + 2)
            body, sent = body + chunk[:-2], sent + line + chunk
            continue
        sent += line
        while True:
            trailer = await reader.readuntil(b"\r\n")
            sent += trailer
            if trailer == b"\r\n":
                return body, sent


def made(status, reason, body=b"", kind="text/plain", **headers):
    """An answer of the proxy's own."""
    pairs = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    pairs += [(key.replace("_", "-"), value) for key, value in headers.items()]
    return Message(f"HTTP/1.1 {status} {reason}", pairs, body, body)


@dataclass
class Proxy:
    """What meets which request is drawn from the seed and the number of the request, and from nothing else."""

    target: str
    port: int
    seed: int
    rate: float
    record: str = None
    is_on: bool = True
    requests: int = 0
    missing_left: int = 0
    struck: Counter = field(default_factory=Counter)
    methods: Counter = field(default_factory=Counter)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def serve(self, reader, writer):
        try:
            while True:
                request = await read_message(reader)
                async with self.turn:
                    is_open = await self.answer(request, writer)
                if not (is_open and request.keeps_open()):
                    break
        except (Closed, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, request, writer):
        """Answers one request; false when the connection is to be closed."""
        method, path = request.start.split(" ")[:2]
        if path.startswith("/__proxy__/"):
            return await send(writer, self.told(path.rsplit("/", 1)[1]))
        self.methods[method] += 1
        fault, chance = self.draw()
        if fault in ("drop-before", "500-before", "503", "html", "404", "401"):
            answer = self.without_server(fault, request)
            return answer is not None and await send(writer, answer)
        answer = await self.forward(request)
        self.note(request, answer)
        if answer is None or fault == "drop-after":
            return False
        if fault == "500-after":
            return await send(writer, made(500, "Internal Server Error"))
        if fault == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if fault in ("cut", "short") and answer.body:
            await self.spoil(answer, fault, chance, writer)
            return False
        return await send(writer, answer)

    def draw(self):
        """The fault of the next request, None if it meets none, and what else is to be drawn for it."""
        if not self.is_on:
            return None, None
        self.requests += 1
        chance = random.Random(f"{self.seed} {self.requests}")
        if self.missing_left:
            self.missing_left -= 1
            fault = "404"
        elif chance.random() < self.rate:
            fault = chance.choice(list(FAULTS))
            self.missing_left = chance.randrange(6) if fault == "404" else 0
        else:
            return None, chance
        self.struck[fault] += 1
        return fault, chance

    def without_server(self, fault, request):
        lists = request.start.split(" ")[0] in ("PROPFIND", "REPORT")
        return {
            "drop-before": None,
            "500-before": made(500, "Internal Server Error"),
            "503": made(503, "Service Unavailable", Retry_After="0"),
            "html": made(207 if lists else 200, "Multi-Status" if lists else "OK", PAGE, "text/html; charset=utf-8"),
            "404": made(404, "Not Found"),
            "401": made(401, "Unauthorized", WWW_Authenticate='Basic realm="proxy"'),
        }[fault]

    async def forward(self, request):
        """The server's answer, on a connection of its own; None if it breaks off."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        except OSError:
            return None
        try:
            host = [(key, self.target if key.lower() == "host" else value) for key, value in request.headers]
            writer.write(Message(request.start, host).head() + request.sent)
            answer = Message("HTTP/1.1 100 Continue", [])
            while answer.start.split(" ")[1].startswith("1"):
                answer = await read_message(reader, request.start.split(" ")[0])
            return answer
        except (Closed, ConnectionError):
            return None
        finally:
            writer.close()

    def note(self, request, answer):
        if not self.record:
            return
        method, path = request.start.split(" ")[:2]
        told = {
            "method": method,
            "path": path,
            "headers": [pair for pair in request.headers if pair[0].lower() != "authorization"],
            "body": request.body.decode("utf-8", "replace"),
            "status": answer and int(answer.start.split(" ")[1]),
            "answer": answer and answer.body.decode("utf-8", "replace"),
        }
        with open(self.record, "a") as file:
            file.write(json.dumps(told) + "\n")

    async def spoil(self, answer, fault, chance, writer):
        """Sends a part of the body: `cut` says how long it was to be, `short` lies about it."""
        if fault == "short":
            unmeasured = [pair for pair in answer.headers if pair[0].lower() not in ("content-length", "transfer-encoding")]
            part = answer.body[: chance.randrange(len(answer.body))]
            answer = Message(answer.start, [*unmeasured, ("Content-Length", str(len(part)))], part, part)
        else:
            answer.sent = answer.sent[: chance.randrange(len(answer.sent))]
        await send(writer, answer)

    def told(self, word):
        if word in ("on", "off"):
            self.is_on, self.missing_left = word == "on", 0
        elif word != "log":
            return made(404, "Not Found")
        body = {"on": self.is_on, "requests": self.requests, "faults": self.struck, "methods": self.methods}
        return made(200, "OK", json.dumps(body).encode(), "application/json")


async def send(writer, answer):
    writer.write(answer.head() + answer.sent)
    await writer.drain()
    return answer.keeps_open()


async def listen(asked):
    target = urlsplit(asked.target)
    proxy = Proxy(target.netloc, target.port or 80, asked.seed, asked.rate, asked.record)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
    host = "127.0.0.1:{}".format(server.sockets[0].getsockname()[1])
    print(json.dumps({"url": target._replace(netloc=host).geturl()}), flush=True)
    await server.serve_forever()


def end_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description="A line to a server that loses, delays, cuts and garbles.")
    parser.add_argument("target", help="the server's address, http:// on the loopback")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.2, help="share of the requests that meet a fault")
    parser.add_argument("--record", help="a file for what went through")
    asked = parser.parse_args()
    if urlsplit(asked.target).hostname not in ("127.0.0.1", "localhost"):
        sys.exit("failed to start: the target must be on the loopback")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    threading.Thread(target=end_with_stdin, daemon=True).start()
    asyncio.run(listen(asked))


if __name__ == "__main__":
    main()
