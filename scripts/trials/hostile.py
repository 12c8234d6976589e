#!/usr/bin/env python3
"""Sends the service what nobody should send: broken pictures and requests that are not as HTTP has them.

The pictures are the files under CORPUS, if one is named, and the samples with bytes changed, cut out, put in or cut off;
each goes to POST /v1/photos:check and twice to POST /v1/claims. The service must live, answer each within ten seconds,
refuse it twice with the same code of those that README.md lists or take it, and approve none.
Exit status: 0 all of it holds, 1 something does not.
"""

import asyncio
import collections
import json
import pathlib
import random
import re
import sys
import time

from client import BROKEN, PROJECT, busy, decided, once, options, problem, read_answer, submit, tell, try_out

LONGEST = 10
HOST = b"Host: localhost\r\n"
POST = b"POST /v1/claims HTTP/1.1\r\n" + HOST
MULTIPART = b"Content-Type: multipart/form-data; boundary=b\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
CLOSE = b"Connection: close\r\n\r\n"
# What is no request, each with the statuses that may come; 0 is a connection that is cut without an answer.
REQUESTS = {
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", {400, 0}),
    "only line ends": (b"\r\n" * 500, {400, 408, 0}),
    "no version": (b"GET /healthz\r\n\r\n", {400, 0}),
    "version 9.9": (b"GET /healthz HTTP/9.9\r\n" + HOST + b"\r\n", {400, 505, 0}),
    "version 2 in the line": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505, 0}),
    "a path of 100,000 bytes": (
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404, 414, 431, 0},
    ),
    "a header of 300,000 bytes": (GET + b"X: " + b"a" * 300_000 + b"\r\n\r\n", {400, 431, 0}),
    "500 headers": (GET + b"X: y\r\n" * 500 + b"\r\n", {400, 431, 0}),
    "a NUL in a header": (GET + b"X: a\0b\r\n\r\n", {400, 0}),
    "a header without a colon": (GET + b"nonsense\r\n\r\n", {400, 0}),
    "a folded header": (GET + b"X: a\r\n b\r\n\r\n", {400, 0}),
    "an unknown method": (b"BREW /v1/claims HTTP/1.1\r\n" + HOST + CLOSE, {405, 501}),
    "a length that is no number": (POST + MULTIPART + b"Content-Length: many\r\n\r\n", {400, 0}),
    "a negative length": (POST + MULTIPART + b"Content-Length: -1\r\n\r\n", {400, 0}),
    "a length of 2^64": (POST + MULTIPART + b"Content-Length: 18446744073709551616\r\n\r\n", {400, 413, 0}),
    "two lengths": (POST + MULTIPART + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", {400, 0}),
    "length and chunks": (POST + MULTIPART + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n", {400, 0}),
    "a coding nobody knows": (POST + MULTIPART + b"Transfer-Encoding: bzip9\r\n\r\n0\r\n\r\n", {400, 501, 0}),
    "chunks of no size": (POST + MULTIPART + CHUNKED + b"\r\nzz\r\nhello\r\n0\r\n\r\n", {400, 0}),
    "a chunk of 2^64": (POST + MULTIPART + CHUNKED + b"\r\n10000000000000000\r\nhello\r\n", {400, 413, 0}),
    "a body announced as 5 GB": (POST + MULTIPART + b"Content-Length: 5368709120\r\n\r\n--b", {413}),
    "a form that is gzip": (
        POST + MULTIPART + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0", {400, 415},
    ),
    "750 empty parts": (
        POST + MULTIPART + b"Content-Length: 5255\r\n\r\n" + b"--b\r\n\r\n" * 750 + b"--b--", {400, 0},
    ),
    "a boundary of 10,000 bytes": (
        POST + b"Content-Type: multipart/form-data; boundary=" + b"b" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n",
        {400, 415},
    ),
    "JSON 50,000 deep": (
        b"POST /v1/audit/replay HTTP/1.1\r\n" + HOST
        + b"Content-Type: application/json\r\nContent-Length: 50000\r\n\r\n" + b"[" * 50_000, {400, 413},
    ),
    "a path that climbs": (b"GET /docs/../../../../etc/passwd HTTP/1.1\r\n" + HOST + CLOSE, {400, 404}),
    "a path that climbs, in code": (
        b"GET /workbench/1/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n" + HOST + CLOSE, {400, 404},
    ),
    "a path of broken code": (b"GET /v1/claims/%ff%00%zz HTTP/1.1\r\n" + HOST + CLOSE, {400, 404}),
}  # fmt: skip


def spoiled(chance, count):
    """Samples with a wound each, and how they came by it."""
    # Not those that are rightly approved: a wound may leave all of the picture.
    photos = sorted((PROJECT / "samples").glob("*/altered.jpg"))
    for n in range(count):
        path = chance.choice(photos)
        data = bytearray(path.read_bytes())
        # Where the headers stand a byte counts for more.
        at = chance.randrange(2, 1200 if chance.random() < 0.6 else len(data))
        how = chance.choice(("cut off", "bytes changed", "cut out", "put in", "length changed"))
        if how == "cut off":
            del data[at:]
        elif how == "bytes changed":
            for _ in range(chance.randrange(1, 20)):
                data[(at + chance.randrange(64)) % len(data)] = chance.randrange(256)
        elif how == "cut out":
            del data[at : at + chance.randrange(1, 500)]
        elif how == "put in":
            data[at:at] = chance.randbytes(chance.randrange(1, 500))
        else:
            marks = [match.start() for match in re.finditer(b"\xff[\xc0-\xfe]", bytes(data[:2000]))]
            place = chance.choice(marks) + 2
            data[place : place + 2] = chance.randbytes(2)
        yield f"{path.parent.name}/{path.name} {how} #{n}", bytes(data)


def known_codes():
    """The codes of the table in README.md."""
    rows = re.findall(r"^\| \d{3} \| (`.*`) \|$", (PROJECT / "README.md").read_text(), re.M)
    return {code for row in rows for code in re.findall(r"`(\w+)`", row)}


async def picture(port, name, data, notes):
    """What comes of a picture, by itself and in claims."""
    said = []
    for nth in range(3):
        begun = time.monotonic()
        try:
            if nth == 0:
                headers = {"Content-Type": "application/octet-stream"}
                answer = await once(port, "POST", "/v1/photos:check", data, headers, LONGEST + 20)
            else:
                answer = await submit(port, "hostile", data, "respond-async", timeout=LONGEST + 20)
        except BROKEN as error:
            notes["unanswered"].append(f"{name}: {type(error).__name__}")
            return
        took = time.monotonic() - begun
        if took > LONGEST:
            notes["late"].append(f"{name}: {took:.1f} s")
        if nth and answer.status in (200, 202):
            claim = json.loads(answer.body)["id"]
            notes["claims"][claim] = name, await decided(port, claim, 600)
        said.append(problem(answer) or "taken")
    if said[1] != said[2] or (said[0] == "taken") != (said[1] == "taken"):
        notes["unstable"].append(f"{name}: {said}")
    notes["codes"][said[1]] += 1


async def request(port, name, data, may, notes):
    """What comes of bytes that are no request."""
    begun, status = time.monotonic(), 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        answer = await asyncio.wait_for(read_answer(reader), LONGEST + 2)
        status = answer.status
    except asyncio.TimeoutError:
        notes["late"].append(f"{name}: no answer")
    except BROKEN:
        pass
    finally:
        writer.close()
    if time.monotonic() - begun > LONGEST + 1:
        notes["late"].append(f"{name}: {time.monotonic() - begun:.1f} s")
    notes["statuses"][status] += 1
    if status not in may:
        notes["odd"].append(f"{name}: {status}")


async def trial(service, arguments):
    port, chance, pictures = service.port, random.Random(arguments.seed), []
    for path in sorted(pathlib.Path(arguments.corpus).rglob("*")) if arguments.corpus else ():
        if path.is_file() and path.suffix not in (".csv", ".json", ".md", ".txt"):
            pictures.append((path.name, path.read_bytes()))
    corpus = len(pictures)
    pictures += spoiled(chance, arguments.spoiled)
    notes = {name: [] for name in ("unanswered", "late", "unstable", "odd")}
    notes |= {"claims": {}, "codes": collections.Counter(), "statuses": collections.Counter()}
    for name, data in pictures:
        await picture(port, name, data, notes)
        if service.process.poll() is not None:
            break
    for name, (data, may) in REQUESTS.items():
        await request(port, name, data, may, notes)
    lives = service.process.poll() is None and (await once(port, "GET", "/readyz")).status == 200
    results = list(notes["claims"].values())
    approved = [name for name, result in results if result.get("decision") != "human_review"]
    codes = notes["codes"]
    print(f"{corpus} files and {len(pictures) - corpus} spoiled samples, {len(REQUESTS)} broken requests; {busy()}")
    print(f"  pictures: {dict(codes)}; requests, by status: {dict(notes['statuses'])}")
    few = lambda found: f"{len(found)} {found[:5] if found else ''}"
    unknown = sorted(set(codes) - known_codes() - {"taken"})
    return [
        tell("the service lives and takes claims", f"{lives}", lives),
        tell("everything is answered", few(notes["unanswered"]), not notes["unanswered"]),
        tell(f"within {LONGEST} s", few(notes["late"]), not notes["late"]),
        tell("the same gets the same code, of those listed", f"{few(notes['unstable'])} {unknown or ''}",
             not notes["unstable"] and not unknown),
        tell("broken requests are refused or cut", few(notes["odd"]), not notes["odd"]),
        tell("none is approved", f"{len(approved)} of {len(results)} taken in {approved[:5] or ''}", not approved),
    ]  # fmt: skip


def main():
    parser = options(__doc__)
    parser.add_argument("corpus", nargs="?", help="folder of broken pictures")
    parser.add_argument("--spoiled", type=int, default=100, help="samples to spoil")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return 0 if all(try_out(trial, arguments)) else 1


if __name__ == "__main__":
    sys.exit(main())
