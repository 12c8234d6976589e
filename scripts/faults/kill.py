#!/usr/bin/env python3
"""Kills the service many times while clients send it claims, and looks what is left.

Clients send small photos without a break, each with a key of its own, and send again what got no answer; with every
second claim people take steps, photos are asked for and added. At random moments the process is killed and started
anew on the same records. At the end every key must stand for exactly the claim that was acknowledged, every claim have
exactly one decision, and one more for photos that were added, every step of a person stand in the case's timeline once,
and `audit verify` find nothing. Exit status: 0 so it is, 1 not.
"""

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

from common import Load, Service, amiss, in_folder, program_argument, records, verify


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program_argument(parser)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=600, help="kill no more after so long")
    arguments = parser.parse_args()
    work = arguments.work or tempfile.mkdtemp(prefix="claimlens-kill-")
    data, chance = pathlib.Path(work) / "data", random.Random(arguments.seed)
    begun, load, wrong = time.monotonic(), Load(arguments.clients), []
    killed = 0
    while True:
        load.service = service = Service(arguments.program, data)
        if not service.ready():
            wrong.append(f"after {killed} kills it does not come back: {service.said()}")
            load.lost = True
            break
        if killed == arguments.times or time.monotonic() - begun > 60 * arguments.minutes:
            break
        time.sleep(chance.uniform(0, 1))
        service.kill()
        killed += 1
        if killed % 20 == 0:
            print(f"{killed} kills: {len(load.told)} acknowledged; {load.reviewed()}", flush=True)
    load.end()
    left = service.wait_decided(list(load.told.values()), 300)
    wrong += load.wrong + [f"{claim}: not decided" for claim in left]
    wrong += load.sent_again(arguments.seed) + load.in_service()
    service.stop()
    told = set(load.told.values())
    claims, _ = records(in_folder(data))
    wrong += amiss(in_folder(data), told, told) + verify(arguments.program, data)
    wrong += [f"{claim}: stored, and no client knows it" for claim in claims if claim not in told]
    if len(told) != len(load.told):
        wrong.append("two keys brought the same claim")
    took = f"{time.monotonic() - begun:.0f} s"
    print(f"{killed} kills under {arguments.clients} clients, {len(told)} claims, {took}")
    print(load.reviewed())
    print("\n".join(wrong[:20]) or "nothing lost, nothing double, everything verified")
    if not arguments.work and not wrong:
        shutil.rmtree(work)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
