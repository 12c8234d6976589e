#!/usr/bin/env python3
"""Puts the service under a load that does not wait for its answers.

Each claim has a small picture of its own with ten digits on it. First it is measured how many of them a second the
service reads. Of every answer the claim's name and the photo's hash must be its own, and the digits read none of another
picture's.
 steady  nine tenths of that for some minutes: nothing is refused and memory does not grow
 mixed   many from sixteen clients, as fast as they are answered
 tenfold ten times that: what is too much is refused at once, with when to try again; all that is taken in is decided
 accept  uploads of a photo of 1.5 MB that nobody waits for, by a process that only takes in
Exit status: 0 all of it holds, 1 something does not.
"""

import asyncio
import collections
import hashlib
import json
import pathlib
import statistics
import sys
import time

from client import (
    BROKEN, PROJECT, busy, closed_loop, decided, mark_of, open_loop, options, paper, percentile, problem, submit, tell,
    try_out,
)  # fmt: skip
from service import held


async def capacity(service, count):
    """Papers a second with more clients than cores."""
    await closed_loop(4, 20, lambda n: submit(service.port, f"warm-{n}", paper(-1000 - n)))
    return await closed_loop(8, count, lambda n: submit(service.port, f"first-{n}", paper(-2000 - n)))


async def watched(process, samples):
    """Notes once a second how much memory the process holds."""
    begun = time.monotonic()
    while True:
        samples.append((time.monotonic() - begun, held(process.pid)))
        await asyncio.sleep(1)


def matched(answers):
    """Report lines on answers to claims `load-N`: whether each is decided, and holds what is its own."""
    marks, other, foreign, right = {mark_of(n) for n in range(len(answers))}, collections.Counter(), [], 0
    for n, answer in enumerate(answers):
        if isinstance(answer, str) or answer.status != 200:
            other[answer if isinstance(answer, str) else problem(answer) or answer.status] += 1
            continue
        claim = json.loads(answer.body)
        documents = claim.get("documents") or []
        read = "".join(line["text"] for document in documents for line in document["lines"])
        right += read == mark_of(n)
        is_own = claim["claim"]["id"] == f"load-{n}"
        is_own &= [document["sha256"] for document in documents] == [hashlib.sha256(paper(n)).hexdigest()]
        if not is_own or (read != mark_of(n) and read in marks):
            foreign.append(f"  load-{n} was answered with {claim['claim']['id']}, {read}")
    print("\n".join(foreign[:10]), end="\n" if foreign else "")
    count = len(answers)
    return [
        tell("every claim is decided", f"{count - other.total()} of {count} {dict(other)}", not other),
        tell("no answer holds another's", f"{len(foreign)} of {count} do; {right} were read digit by digit",
             not foreign),
    ]  # fmt: skip


async def sent(service, n):
    try:
        return await submit(service.port, f"load-{n}", paper(n))
    except BROKEN as error:
        return type(error).__name__


async def steady(service, arguments):
    rate = arguments.share * await capacity(service, arguments.sample)
    count = round(rate * 60 * arguments.minutes)
    print(f"steady: {count} papers, {rate:.1f} a second; {busy()}", flush=True)
    samples = []
    watch = asyncio.create_task(watched(service.process, samples))
    answers = await open_loop(rate, count, lambda n: sent(service, n))
    watch.cancel()
    took = [seconds for _, seconds in answers]
    second = statistics.mean(mb for at, mb in samples if 60 <= at < 120)
    last = statistics.mean(mb for at, mb in samples if at >= samples[-1][0] - 60)
    print(f"  in {samples[-1][0] / 60:.1f} min; half within {percentile(took, 0.5):.2f} s, 99 in 100 within "
          f"{percentile(took, 0.99):.2f} s; {busy()}")  # fmt: skip
    return matched([answer for answer, _ in answers]) + [
        tell(
            "memory is flat: last minute at most 1.05 of the second",
            f"{second:.0f} MB, {last:.0f} MB, {last / second:.3f}", last <= 1.05 * second,
        )
    ]  # fmt: skip


async def mixed(service, arguments):
    answers = {}

    async def send(n):
        answers[n] = await sent(service, n)

    rate = await closed_loop(16, arguments.requests, send)
    print(f"mixed: {arguments.requests} papers from 16 clients, {rate:.1f} a second; {busy()}")
    return matched([answers[n] for n in range(arguments.requests)])


async def tenfold(service, arguments):
    rate = 10 * await capacity(service, arguments.sample)
    count = round(rate * arguments.seconds)
    print(f"tenfold: {count} papers, {rate:.0f} a second; {busy()}", flush=True)
    send = lambda n: submit(service.port, f"ten-{n}", paper(10**6 + n), "respond-async")
    answers = await open_loop(rate, count, send)
    taken = [json.loads(a.body)["id"] for a, _ in answers if a.status in (200, 202)]
    refused = [(a, seconds) for a, seconds in answers if a.status in (429, 503)]
    codes = collections.Counter(problem(a) or a.status for a, _ in answers if a.status not in (200, 202))
    silent = sum("retry-after" not in a.headers for a, _ in refused)
    late = percentile([seconds for _, seconds in refused], 0.99)
    begun = time.monotonic()
    states = collections.Counter([(await decided(service.port, claim, 600))["status"] for claim in taken])
    return [
        tell(
            "what is too much gets 429 or 503 with Retry-After",
            f"{len(taken)} taken in, {dict(codes)}, {silent} without Retry-After",
            bool(refused) and len(taken) + len(refused) == count and not silent,
        ),
        tell("refused within 200 ms (99 in 100)", f"{1000 * late:.0f} ms", late <= 0.2),
        tell("all taken in are decided", f"{dict(states)}, {time.monotonic() - begun:.0f} s later",
             set(states) == {"decided"}),
    ]  # fmt: skip


def filled(photo, size):
    """A JPEG filled up to some bytes with comments, which decoders skip."""
    comment, left = b"", size - len(photo)
    while left > 4:
        length = min(left - 2, 0xFFFF)
        comment += b"\xff\xfe" + length.to_bytes(2) + bytes(length - 2)
        left -= length + 2
    return photo[:2] + comment + photo[2:]


async def accept(service, arguments):
    photo = filled(pathlib.Path(arguments.photo).read_bytes(), 1_500_000)
    # What follows the end of a picture is not part of it, but makes it another one.
    other = lambda n: photo + b"%16d" % n
    send = lambda n: submit(service.port, f"accept-{n}", other(n), "respond-async")
    await closed_loop(2, 6, lambda n: send(-1 - n))
    count = round(arguments.uploads * arguments.seconds)
    print(f"accept: {count} uploads of {len(other(0))} bytes, {arguments.uploads:g} a second; {busy()}", flush=True)
    answers = await open_loop(arguments.uploads, count, send)
    codes = collections.Counter(problem(a) or a.status for a, _ in answers if a.status != 202)
    late = percentile([seconds for _, seconds in answers], 0.99)
    half = percentile([seconds for _, seconds in answers], 0.5)
    most = await closed_loop(8, 100, lambda n: send(10**6 + n))
    return [
        tell("every upload is taken in", f"{count - codes.total()} of {count} {dict(codes)}", not codes),
        tell("within 400 ms (99 in 100)", f"{1000 * late:.0f} ms; half within {1000 * half:.0f} ms", late <= 0.4),
        tell("50 a second and more", f"8 clients bring in {most:.0f} a second", most >= 50),
    ]  # fmt: skip


TRIALS = {"steady": steady, "mixed": mixed, "tenfold": tenfold, "accept": accept}


def main():
    parser = options(__doc__)
    parser.add_argument("trials", nargs="*", choices=[[], *TRIALS], help="which ones; all if none is named")
    parser.add_argument("--minutes", type=float, default=10, help="of the steady load; 3 at least")
    parser.add_argument("--requests", type=int, default=5000, help="from the sixteen clients")
    parser.add_argument("--share", type=float, default=0.9, help="of the capacity that is the steady load")
    parser.add_argument("--sample", type=int, default=200, help="papers by which the capacity is measured")
    parser.add_argument("--seconds", type=float, default=20, help="of the tenfold load and of the uploads")
    parser.add_argument("--uploads", type=float, default=50, help="a second")
    parser.add_argument("--photo", default=str(PROJECT / "samples/outpatient_bill/photo.jpg"), help="of the uploads")
    arguments = parser.parse_args()
    held = []
    for name in arguments.trials or TRIALS:
        role, more = ("api", ["--queue", "100000"]) if name == "accept" else ("all", [])
        held += try_out(TRIALS[name], arguments, *more, role=role)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
