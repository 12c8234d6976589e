#!/usr/bin/env python3
"""Sends the same claim a hundred times at once under one idempotency key, for key after key, to two processes.

They share the records, on SQLite and then on PostgreSQL. Who is told that a request with the key is under way sends
again, as asked. Exit status: 0 each key brought one claim, which everybody was told of, 1 not so.
"""

import asyncio
import collections
import json
import sys

from client import BROKEN, busy, common, form, once, options, paper, problem, tell
from places import choose_databases, each_database

# The queue holds all of them: that is not what is tried here.
QUEUE = ["--queue", "100000"]


async def one_key(ports, n, arguments, refused):
    """The claims that equal requests with a key are told of."""
    body, media_type = form({"id": f"key-{n}"}, [paper(n)])
    headers = {"Content-Type": media_type, "Idempotency-Key": f"trial-{n}", "Prefer": "respond-async"}

    async def send(nth):
        for _ in range(60):
            try:
                answer = await once(ports[nth % len(ports)], "POST", "/v1/claims", body, headers)
            except BROKEN as error:
                # What a key is for: whoever heard nothing sends again.
                refused[type(error).__name__] += 1
                await asyncio.sleep(1)
                continue
            if answer.status in (200, 202):
                return json.loads(answer.body)["id"]
            refused[problem(answer) or answer.status] += 1
            if answer.status not in (409, 503):
                return None
            await asyncio.sleep(float(answer.headers["retry-after"]))
        return None

    return await asyncio.gather(*(send(nth) for nth in range(arguments.equal)))


async def another_body(port, n):
    """What a key is answered that comes with another claim."""
    body, media_type = form({"id": "another"}, [paper(n)])
    headers = {"Content-Type": media_type, "Idempotency-Key": f"trial-{n}", "Prefer": "respond-async"}
    return problem(await once(port, "POST", "/v1/claims", body, headers))


async def trial(ports, arguments):
    told, refused, few = {}, collections.Counter(), asyncio.Semaphore(4)

    async def key(n):
        async with few:
            told[n] = await one_key(ports, n, arguments, refused)

    await asyncio.gather(*(key(n) for n in range(arguments.keys)))
    other = collections.Counter([await another_body(ports[0], n) for n in range(0, arguments.keys, 10)])
    return told, refused, other


def main():
    parser = options(__doc__)
    choose_databases(parser)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--equal", type=int, default=100, help="requests with each key")
    arguments = parser.parse_args()
    held = []
    for database, data, env, ask in each_database(arguments):
        start = lambda: common.Service(arguments.program, data, role="api", env=env, more=QUEUE)
        services = [start()]
        assert services[0].ready(), services[0].said()
        services.append(start())
        assert services[1].ready(), services[1].said()
        told, refused, other = asyncio.run(trial([service.port for service in services], arguments))
        for service in services:
            service.stop()
        claims = {name for (name,) in ask("SELECT id FROM claims")}
        named = [set(names) for names in told.values()]
        once_each = sum(len(names) == 1 and None not in names for names in named)
        print(f"{database}: {arguments.keys} keys, {arguments.equal} equal requests each; sent again after "
              f"{dict(refused)}; {busy()}")  # fmt: skip
        held += [
            tell("all requests of a key are told of one claim", f"{once_each} of {len(named)}",
                 once_each == len(named)),
            tell("there are no other claims", f"{len(claims)}", claims == set().union(*named)),
            tell("a key with another claim is refused", f"{dict(other)}", set(other) == {"idempotency_key_reused"}),
            tell("the records verify", str(wrong := common.verify(arguments.program, data, env)), not wrong),
        ]  # fmt: skip
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
