#!/usr/bin/env python3
"""Tells a receiver that fails half the time of claims, by two processes of which one after the other is killed.

It answers 500 or 503, sends elsewhere, hangs up or never answers, by a coin for each message and attempt; a message that
failed three times is taken at the fourth, which comes after six minutes. Messages are checked as Standard Webhooks says.
Exit status: 0 everything that happened was told, and nothing else, 1 not so.
"""

import asyncio
import base64
import collections
import hashlib
import hmac
import json
import random
import sys
import time

from client import BROKEN, busy, common, decided, once, options, paper, problem, submit, tell
from places import choose_databases, each_database

FAILURES = ("500", "503", "302", "hang up", "silence")
# Longer than an attempt may take.
SILENCE = 20
# Until the fourth attempt, and some.
PATIENCE = 5 + 30 + 300 + 60


class Receiver:
    """Keeps every message: its id, body, how it was answered; and what was wrong with any."""

    def __init__(self):
        self.got, self.wrong, self.attempts = [], [], collections.Counter()
        self.answered, self.secret = collections.Counter(), None

    async def take(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers["content-length"]))
        name, at = headers["webhook-id"], headers["webhook-timestamp"]
        signed = hmac.digest(self.secret, f"{name}.{at}.".encode() + body, hashlib.sha256)
        if headers["webhook-signature"] != "v1," + base64.b64encode(signed).decode():
            self.wrong.append(f"{name}: the signature")
        if abs(time.time() - int(at)) > 60:
            self.wrong.append(f"{name}: the time")
        attempt = self.attempts[name]
        self.attempts[name] += 1
        coin = random.Random(f"{name} {attempt}")
        answer = coin.choice(FAILURES) if attempt < 3 and coin.random() < 0.5 else "200"
        self.answered[answer] += 1
        self.got.append((name, body, answer))
        if answer == "silence":
            await asyncio.sleep(SILENCE)
        elif answer != "hang up":
            elsewhere = "Location: /elsewhere\r\n" if answer == "302" else ""
            writer.write(f"HTTP/1.1 {answer} x\r\n{elsewhere}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    def claims_taken(self):
        return {json.loads(body)["data"]["id"] for _, body, answer in self.got if answer == "200"}


async def trial(services, restart, arguments):
    receiver = Receiver()
    listener = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook"
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"url": url, "events": ["claim.decided", "claim.failed"]}).encode()
    made = json.loads((await once(services[0].port, "POST", "/v1/webhooks", body, headers)).body)
    receiver.secret = base64.b64decode(made["secret"].removeprefix("whsec_"))
    told, again = {}, collections.Counter()

    async def send(n):
        for attempt in range(300):
            port = services[(n + attempt) % 2].port
            try:
                answer = await submit(port, f"hook-{n}", paper(n), "respond-async", f"hook-{n}", 30)
            except BROKEN as error:
                why = type(error).__name__
            else:
                if answer.status in (200, 202):
                    told[n] = json.loads(answer.body)["id"]
                    return
                why = problem(answer) or answer.status
            again[why] += 1
            await asyncio.sleep(0.2)

    async def senders():
        for n in range(arguments.claims):
            await send(n)
            await asyncio.sleep(arguments.pause)

    async def killer():
        for n in range(arguments.kills):
            await asyncio.sleep(arguments.claims * arguments.pause / arguments.kills)
            services[n % 2] = await asyncio.to_thread(restart, services[n % 2])

    await asyncio.gather(senders(), killer())
    states = collections.Counter([(await decided(services[0].port, id))["status"] for id in told.values()])
    until = time.monotonic() + PATIENCE
    while not set(told.values()) <= receiver.claims_taken() and time.monotonic() < until:
        await asyncio.sleep(1)
    # Time for a message too many.
    await asyncio.sleep(SILENCE)
    listed = json.loads((await once(services[0].port, "GET", "/v1/webhooks")).body)["webhooks"]
    listener.close()
    return receiver, told, again, states, listed


def main():
    parser = options(__doc__)
    choose_databases(parser)
    parser.add_argument("--claims", type=int, default=300)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between claims")
    parser.add_argument("--kills", type=int, default=6)
    arguments = parser.parse_args()
    held = []
    for database, data, env, _ in each_database(arguments):
        def start(port=None):
            service = common.Service(arguments.program, data, env=env, port=port, more=["--webhooks-anywhere"])
            assert service.ready(), service.said()
            return service

        def restart(service):
            service.kill()
            return start(service.port)

        services = [start(), start()]
        receiver, told, again, states, listed = asyncio.run(trial(services, restart, arguments))
        for service in services:
            service.stop()
        failed = receiver.answered.total() - receiver.answered["200"]
        ids = collections.defaultdict(set)
        for name, body, _ in receiver.got:
            ids[json.loads(body)["data"]["id"]].add((name, body))
        several = [claim for claim, messages in ids.items() if len(messages) > 1]
        twice = sum(n > 1 for n in collections.Counter(name for name, _, a in receiver.got if a == "200").values())
        lost = set(told.values()) - receiver.claims_taken()
        wrong = receiver.wrong + common.verify(arguments.program, data, env)
        print(f"{database}: {len(receiver.got)} attempts, {failed} failed: {dict(receiver.answered)}; {arguments.kills} "
              f"kills, claims sent again after {dict(again)}; {twice} taken twice; {busy()}")  # fmt: skip
        held += [
            tell("every claim is decided", f"{dict(states)}", states == {"decided": arguments.claims}),
            tell("every decision is told", f"{len(told) - len(lost)} of {len(told)}", not lost),
            tell("nothing else is told", f"{len(set(ids) - set(told.values()))}", set(ids) == set(told.values())),
            tell("a message sent again is the same", f"{len(several)} are not", not several),
            tell("none waits or was given up", f"{[(one['waiting'], one['gave_up']) for one in listed]}",
                 [(one["waiting"], one["gave_up"]) for one in listed] == [(0, 0)]),
            tell("signatures, times, records are right", f"{wrong[:3]}", not wrong),
        ]  # fmt: skip
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
