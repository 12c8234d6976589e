#!/usr/bin/env python3
"""Holds hundreds of connections open that send next to nothing, and measures what others notice of it.

First come requests as they should be, alone; then the same beside slow connections, half of which never end their
head and half their body, one byte a second each. One that is cut is opened anew.
Exit status: 0 the others are answered at most twice as slowly (99 in 100) and every slow one is cut in time, 1 not so.
"""

import argparse
import asyncio
import collections
import json
import statistics
import sys
import time

from client import (
    BROKEN, busy, decided, once, open_loop, options, paper, percentile, problem, read_answer, submit, tell, try_out,
)  # fmt: skip

# As published: seconds that a head and a body may take.
HEAD, BODY = 10, 60
# What a head or a body begins with; it never ends.
STARTS = {
    "head": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "body": b"POST /v1/claims HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 900000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\n",
}


async def trickle(port, kind, ended):
    """Notes of each connection how long it lasted and what it was answered, again and again."""
    while True:
        begun, said, writer, answer = time.monotonic(), "nothing", None, None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(STARTS[kind])
            answer = asyncio.create_task(read_answer(reader))
            while not answer.done():
                writer.write(b"x")
                await asyncio.wait([answer], timeout=1)
            said = problem(answer.result()) or answer.result().status
        except BROKEN as error:
            said = type(error).__name__
        finally:
            if answer:
                answer.cancel()
            if writer:
                writer.close()
        ended[kind].append((time.monotonic() - begun, said))
        # What is refused at once must not become a flood.
        await asyncio.sleep(1)


async def normal(port, arguments, known):
    """Seconds that looks at a claim and new claims take, and what else was answered."""
    other = collections.Counter()

    async def send(n):
        try:
            if n % 5:
                answer = await once(port, "GET", f"/v1/claims/{known}")
            else:
                answer = await submit(port, f"slow-{n}", paper(int(time.time() * 1000) + n), "respond-async")
            if answer.status not in (200, 202):
                other[problem(answer) or answer.status] += 1
        except BROKEN as error:
            other[type(error).__name__] += 1

    took = await open_loop(arguments.rate, round(arguments.rate * arguments.seconds), send)
    looks = [seconds for n, (_, seconds) in enumerate(took) if n % 5]
    claims = [seconds for n, (_, seconds) in enumerate(took) if n % 5 == 0]
    return percentile(looks, 0.99), percentile(claims, 0.99), other


async def trial(service, arguments):
    port = service.port
    first = json.loads((await submit(port, "first", paper(-1))).body)["id"]
    await decided(port, first)
    await normal(port, argparse.Namespace(rate=arguments.rate, seconds=5), first)
    before = [await normal(port, arguments, first)]
    ended, kinds = {"head": [], "body": []}, ["head", "body"]
    print(f"{arguments.connections} slow connections; {busy()}", flush=True)
    slow = [asyncio.create_task(trickle(port, kinds[n % 2], ended)) for n in range(arguments.connections)]
    await asyncio.sleep(3)
    beside = await normal(port, arguments, first)
    # Until the slowest body was cut, if it is.
    await asyncio.sleep(max(0, BODY + 5 - 3 - arguments.seconds))
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    # Machines change: what was measured before is measured again.
    before.append(await normal(port, arguments, first))
    looks, claims = (statistics.mean(one[place] for one in before) for place in (0, 1))
    other = sum((one[2] for one in before), collections.Counter())
    held = [tell("everything is answered without them", f"{dict(other) or 'all'}", not other)]
    held.append(tell("and beside them", f"{dict(beside[2]) or 'all'}", not beside[2]))
    for what, alone, now in (("a look", looks, beside[0]), ("a new claim", claims, beside[1])):
        said = f"{1000 * alone:.0f} ms alone, {1000 * now:.0f} ms beside them, {now / alone:.2f}"
        held.append(tell(f"{what} takes at most twice as long (99 in 100)", said, now <= 2 * alone))
    for kind, most in (("head", HEAD), ("body", BODY)):
        lasted = [seconds for seconds, _ in ended[kind]]
        answers = collections.Counter(said for _, said in ended[kind])
        said = f"{len(lasted)} after {min(lasted, default=0):.1f} to {max(lasted, default=0):.1f} s, {dict(answers)}"
        enough = len(lasted) >= arguments.connections // 2 and max(lasted) <= most + 3
        held.append(tell(f"a slow {kind} is cut after {most} s", said, enough))
    return held


def main():
    parser = options(__doc__)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--rate", type=float, default=25, help="requests a second beside them")
    parser.add_argument("--seconds", type=float, default=40, help="of each measurement")
    arguments = parser.parse_args()
    return 0 if all(try_out(trial, arguments)) else 1


if __name__ == "__main__":
    sys.exit(main())
