#!/usr/bin/env python3
"""Restarts two processes in turn under load, which share their records, and counts what their clients notice.

A client that gets no answer, or 503, or 409 because its key is still in use, sends again to the other process, with the
same idempotency key, for at most half a minute.
Exit status: 0 nothing failed and nothing was lost or done twice, 1 not so.
"""

import asyncio
import collections
import itertools
import json
import sys
import time

from client import BROKEN, busy, common, decided, once, options, paper, percentile, problem, submit, tell
from places import choose_databases, each_database

PATIENCE = 30


class Clients:
    """Senders of small papers; each looks at its claim afterwards."""

    def __init__(self, ports):
        self.ports, self.numbers, self.over = ports, itertools.count(), False
        self.told, self.failed, self.again, self.took = {}, [], collections.Counter(), []

    async def persist(self, n, what, send):
        """An answer that is none of those after which one tries again."""
        begun = time.monotonic()
        for attempt in itertools.count(n):
            try:
                answer = await send(self.ports[attempt % len(self.ports)])
                if answer.status in (200, 202):
                    self.took.append(time.monotonic() - begun)
                    return json.loads(answer.body)
                why = problem(answer) or answer.status
            except BROKEN as error:
                why, answer = type(error).__name__, None
            if (answer and answer.status not in (409, 503)) or time.monotonic() - begun > PATIENCE:
                self.failed.append(f"{what} {n}: {why}")
                return None
            self.again[why] += 1
            await asyncio.sleep(0.1)

    async def client(self, pause):
        while not self.over:
            n = next(self.numbers)
            # Half of them wait for the decision, as a restart may come between.
            prefer = ("respond-async", "wait=5")[n % 2]
            send = lambda port: submit(port, f"A-{n}", paper(n), prefer, f"rolling-{n}", 30)
            claim = await self.persist(n, "claim", send)
            if claim:
                self.told[n] = claim["id"]
                path = f"/v1/claims/{claim['id']}"
                await self.persist(n, "look", lambda port: once(port, "GET", path, timeout=30))
            await asyncio.sleep(pause)


async def trial(services, restart, arguments):
    clients = Clients([service.port for service in services])
    tasks = [asyncio.create_task(clients.client(arguments.pause)) for _ in range(arguments.clients)]
    stops = []
    for n in range(arguments.restarts):
        await asyncio.sleep(1)
        begun = time.monotonic()
        services[n % 2] = await asyncio.to_thread(restart, services[n % 2])
        stops.append(time.monotonic() - begun)
        print(f"restart {n + 1} took {stops[-1]:.1f} s: {len(clients.told)} claims", flush=True)
    clients.over = True
    await asyncio.gather(*tasks)
    states = collections.Counter([(await decided(services[0].port, id))["status"] for id in clients.told.values()])
    return clients, states, stops


def main():
    parser = options(__doc__)
    choose_databases(parser)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between a client's claims")
    arguments = parser.parse_args()
    held = []
    for database, data, env, ask in each_database(arguments):
        def start(port=None):
            service = common.Service(arguments.program, data, env=env, port=port)
            assert service.ready(), service.said()
            return service

        def restart(service):
            ended = service.stop()
            assert ended == 0, f"exit status {ended}: {service.said()}"
            return start(service.port)

        services = [start(), start()]
        clients, states, stops = asyncio.run(trial(services, restart, arguments))
        for service in services:
            service.stop()
        told = set(clients.told.values())
        print(f"{database}: {arguments.restarts} restarts of {percentile(stops, 0.5):.1f} s each (half), at most "
              f"{max(stops):.1f} s; sent again after {dict(clients.again)}; slowest answer with that "
              f"{max(clients.took):.1f} s; {busy()}")  # fmt: skip
        print("\n".join(clients.failed[:10]), end="\n" if clients.failed else "")
        amiss = common.amiss(ask, told, told) + common.verify(arguments.program, data, env)
        stored = {name for (name,) in ask("SELECT id FROM claims")}
        held += [
            tell("no request fails", f"{len(clients.failed)} of {len(clients.took) + len(clients.failed)}",
                 not clients.failed),
            tell("every claim is decided", f"{dict(states)}", set(states) == {"decided"}),
            tell("each is stored once", f"{len(stored)} stored, {len(clients.told)} sent", stored == told
                 and len(told) == len(clients.told)),
            tell("the records verify", f"{amiss[:3]}", not amiss),
        ]  # fmt: skip
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
