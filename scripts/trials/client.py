"""What the trials over HTTP share: the service as a process, requests that do not wait for each other, small papers."""

import argparse
import asyncio
import collections
import hashlib
import json
import math
import os
import pathlib
import struct
import sys
import tempfile
import time
import uuid
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "faults"), str(HERE.parent / "bench")]

import common  # noqa: E402

PROJECT = common.PROJECT
# What a request may meet while the service is being restarted or overrun.
BROKEN = (OSError, EOFError, asyncio.TimeoutError, ValueError)

Answer = collections.namedtuple("Answer", "status headers body")


def problem(answer):
    """Code of an answer that is a problem."""
    return json.loads(answer.body).get("code") if "problem+json" in answer.headers.get("content-type", "") else None


class Connection:
    """One connection to the service; requests on it follow each other."""

    def __init__(self, port):
        self.port, self.writer = port, None

    async def request(self, method, path, body=b"", headers=None, timeout=90):
        async with asyncio.timeout(timeout):
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
            lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
            self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
            self.writer.write(body)
            answer = await read_answer(self.reader)
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self):
        if self.writer is not None:
            self.writer.close()
            self.writer = None


async def read_answer(reader):
    """Status, headers and body. Answers of length unknown are not among what the service gives."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(status, headers, body)


async def once(port, method, path, body=b"", headers=None, timeout=90):
    """An answer on a connection of its own."""
    connection = Connection(port)
    try:
        return await connection.request(method, path, body, headers, timeout)
    finally:
        connection.close()


def form(claim, photos):
    """Body and media type of a claim with photos."""
    mark = uuid.uuid4().hex
    part = lambda name: f"--{mark}\r\nContent-Disposition: form-data; name={name}\r\n\r\n".encode()
    body = part('"claim"') + json.dumps(claim).encode() + b"\r\n"
    for photo in photos:
        body += part('"photo"; filename="photo"') + photo + b"\r\n"
    return body + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


async def submit(port, name, photo, prefer="wait=60", key=None, timeout=90):
    """The answer to a claim of one photo."""
    body, media_type = form({"id": name}, [photo])
    headers = {"Content-Type": media_type, "Prefer": prefer} | ({"Idempotency-Key": key} if key else {})
    return await once(port, "POST", "/v1/claims", body, headers, timeout)


async def decided(port, claim, patience=120):
    """The claim once it is no longer being worked on."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        found = json.loads((await once(port, "GET", f"/v1/claims/{claim}")).body)
        if found.get("status") != "processing":
            return found
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{claim} is not decided after {patience} s")


async def open_loop(rate, count, send):
    """Sends so many requests at a steady rate, whether or not the earlier ones were answered; gives what `send` gives
    for each, with the seconds since it was due: a client that is late itself must not flatter the service."""
    begun = time.monotonic()

    async def one(n):
        due = begun + n / rate
        await asyncio.sleep(due - time.monotonic())
        result = await send(n)
        return result, time.monotonic() - due

    return await asyncio.gather(*(one(n) for n in range(count)))


async def closed_loop(clients, count, send):
    """So many requests a second by clients that each wait for their answer."""
    numbers, begun = iter(range(count)), time.monotonic()

    async def client():
        for n in numbers:
            await send(n)

    await asyncio.gather(*(client() for _ in range(clients)))
    return count / (time.monotonic() - begun)


def percentile(values, share):
    """The least value that so large a share of them does not exceed."""
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def busy():
    """How many programs wait for the processors, averaged over a minute; how many processors there are."""
    return f"{os.getloadavg()[0]:.1f} programs at a time before this on {len(os.sched_getaffinity(0))} cores"


# Digits as they are printed, seven rows of five dots, each row a number of which the highest bit is the leftmost dot.
DIGITS = (
    (14, 17, 19, 21, 25, 17, 14), (4, 12, 4, 4, 4, 4, 14), (14, 17, 1, 2, 4, 8, 31), (31, 2, 4, 2, 1, 17, 14),
    (2, 6, 10, 18, 31, 2, 2), (31, 16, 30, 1, 1, 17, 14), (6, 8, 16, 30, 17, 17, 14), (31, 1, 2, 4, 8, 8, 8),
    (14, 17, 17, 14, 17, 17, 14), (14, 17, 17, 15, 1, 2, 12),
)  # fmt: skip


def mark_of(number):
    """Ten digits that tell a number from every other even where some of them are misread."""
    return f"{int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8]) % 10**10:010}"


def paper(number, scale=5):
    """A small picture on which [`mark_of`] a number stands, and no more."""
    text, width, height = mark_of(number), 480, 160
    left, top = (width - 6 * scale * len(text)) // 2, (height - 7 * scale) // 2
    rows = [bytearray(b"\xf5" * width) for _ in range(height)]
    for place, digit in enumerate(text):
        for y, dots in enumerate(DIGITS[int(digit)]):
            for x in range(5):
                if dots >> (4 - x) & 1:
                    at = left + (6 * place + x) * scale
                    for row in rows[top + y * scale : top + (y + 1) * scale]:
                        row[at : at + scale] = b"\x10" * scale
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 1)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def serve(arguments, folder, *more, **how):
    """The service on a folder, taking claims."""
    service = common.Service(arguments.program, pathlib.Path(folder) / "data", more=more, **how)
    if not service.ready():
        sys.exit(f"the service did not start: {service.said()}")
    return service


def options(about):
    """A parser of a trial's options, told about by its docstring, with those that every trial has."""
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("--program", default=str(PROJECT / "target/release/claimlens"))
    return parser


def try_out(trial, arguments, *more, **how):
    """What a trial tells of a service of its own."""
    with tempfile.TemporaryDirectory(prefix="claimlens-trial-") as folder:
        service = serve(arguments, folder, *more, **how)
        try:
            return asyncio.run(trial(service, arguments))
        finally:
            service.stop()


def tell(asked, measured, met):
    """A line of the report; gives whether it was met."""
    print(f"{'ok  ' if met else 'FAIL'} {asked}: {measured}", flush=True)
    return met
