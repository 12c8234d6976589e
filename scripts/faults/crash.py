#!/usr/bin/env python3
"""Breaks the service at every call that changes its records, once in each way, and looks what is left.

From a folder with an approved claim and one that a person rejected, each run starts the service, uploads a claim, waits
for the decision, reports the approved claim's audited outcome, and takes every step that there is with a case: it is
claimed, noted on, approved, the approval taken back, photos asked for and added, and it is approved anew by two people;
the other two are appealed, let go, put before the others, taken over and ruled. At the n-th call that writes, syncs,
renames or makes a file, the process dies, dies with half the bytes written, or is told EIO or ENOSPC, once or from
there on. After each run the service starts again unharmed and the clients go on where they were. Nothing acknowledged
may be lost, nothing be decided or done twice, the unfinished work be done, and `audit verify` find nothing. Exit
status: 0 so it is, 1 not.
"""

import argparse
import collections
import concurrent.futures
import itertools
import pathlib
import random
import shutil
import sys
import tempfile
import time

from common import APPROVE, ASK, BROKEN, PROJECT, REJECT, Desk, Service, Step, amiss, build_shim, calls, in_folder, png
from common import program_argument, verify

KINDS = ["kill", "torn", "eio", "enospc", "full"]
# So much that every approval takes two people; photos with nothing to read on them go to a person, and where decisions
# are made up the last two digits say that the bill is altered.
CLAIM = '{"id": "A-1", "amount": "60000.01"}'
UPLOADED = [
    Step("rv-1", "claim", {}, "claimed"),
    Step("rv-1", "note", {"note": "looks odd"}, "noted"),
    Step("rv-1", "decide", APPROVE, "decided"),
    Step("rv-1", "undo", {}, "undone"),
    Step("rv-1", "decide", ASK, "photos_asked"),
    Step("app-1", "photos", png(9), "photos_added"),
    Step("rv-1", "claim", {}, "claimed"),
    Step("rv-1", "decide", APPROVE, "decided"),
    Step("rv-2", "claim", {}, "claimed"),
    Step("rv-2", "decide", APPROVE, "seconded"),
]
APPROVED = [
    Step("app-1", "appeal", {"note": "more is due"}, "appealed"),
    Step("rv-1", "claim", {}, "claimed"),
    Step("rv-1", "decide", REJECT, "decided"),
]
REJECTED = [
    Step("app-1", "appeal", {"note": "it is genuine"}, "appealed"),
    Step("rv-2", "claim", {}, "claimed"),
    Step("rv-2", "release", {}, "released"),
    Step("rv-2", "escalate", {"note": "for somebody else"}, "escalated"),
    Step("rv-2", "claim", {}, "claimed"),
    Step("rv-3", "claim", {"takeover": True}, "taken_over"),
    Step("rv-3", "decide", REJECT, "decided"),
]


class Base:
    """Records with a claim that was approved, and one that a person rejected long enough ago to be appealed."""

    def __init__(self, program, data, more):
        self.program, self.data, self.more = program, data, more
        # By lot one claim in fifty goes to a person; then another time.
        while not self.prepare():
            shutil.rmtree(data)

    def serve(self, data, fault=None, shim=None):
        return Service(self.program, data, fault, shim, more=self.more)

    def prepare(self):
        sample = PROJECT / "samples/outpatient_bill"
        service = self.serve(self.data)
        try:
            assert service.ready(), service.said()
            bill, claim = (sample / "photo.jpg").read_bytes(), (sample / "claim.json").read_text()
            self.approved, self.rejected = ids = [service.upload(*sent)[1]["id"] for sent in [(bill, claim), (png(6), CLAIM)]]
            assert not service.wait_decided(ids)
            approved = service.request("GET", f"/v1/claims/{self.approved}")[1]
            if "lot" in str(approved["reasons"]):
                return False
            assert approved["decision"] == "auto_approve", approved
            steps = [Step("rv-1", "claim", {}, "claimed"), Step("rv-1", "decide", REJECT, "decided")]
            desk = Desk(self.rejected, steps)
            while desk.left:
                desk.take(service)
            assert not desk.wrong, desk.wrong
            self.told = desk.told
            # As long as a verdict can be taken back nobody can appeal.
            time.sleep(10.5)
        finally:
            service.stop()
        return True


class Clients:
    """What clients do with the claims, each thing until it is acknowledged; what was."""

    def __init__(self, base):
        self.base, self.acknowledged, self.decided, self.outcomes = base, [], [], []
        self.desks = [Desk(base.approved, APPROVED), Desk(base.rejected, REJECTED, base.told)]
        self.claim, self.was_hit = None, False

    def go_on(self, service, attempts=3, patience=4):
        """Until all is done, or something was not acknowledged as many times. Whether all is."""
        for attempt in range(attempts * (self.claim is None)):
            status, claim = service.upload(png(7), CLAIM, "the-key", patience, 2 * patience)
            if status in (200, 202):
                self.claim = claim["id"]
                self.acknowledged.append(self.claim)
                self.decided += [self.claim] * (claim["status"] == "decided")
                self.desks.insert(0, Desk(self.claim, UPLOADED))
                break
        for attempt in range(attempts * (not self.outcomes)):
            status, _ = service.audited(self.base.approved)
            if status in (200, 201, 204):
                self.outcomes.append(self.base.approved)
                break
        if self.claim is None or not self.outcomes:
            return False
        for desk in self.desks:
            sent, until = desk.sent, time.monotonic() + patience
            while desk.left and desk.sent < sent + attempts and time.monotonic() < until:
                if desk.take(service):
                    sent, until = desk.sent, time.monotonic() + patience
                else:
                    time.sleep(0.02)
            if desk.left:
                return False
        return True

    def in_service(self, service):
        """What is wrong with the records as the service shows them, once all is done."""
        wrong = [line for desk in self.desks for line in desk.amiss(service)]
        for desk in self.desks:
            if desk.left:
                wrong.append(f"{desk.claim}: {desk.left[0].verb} by {desk.left[0].by} is not taken")
        return wrong


def one(shim, base, work, kind, n):
    """Breaks one call. What is wrong afterwards, whether the process went on to take another claim, and the clients."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    data = folder / "root" / "data"
    shutil.copytree(base.data, data)
    clients, went_on, others = Clients(base), None, []
    hit = folder / "hit"
    service = base.serve(data, {"FAULTS_AT": str(n), "FAULTS_KIND": kind, "FAULTS_HIT": str(hit)}, shim)
    try:
        if service.ready(40):
            try:
                clients.go_on(service)
                if kind in ("eio", "enospc"):
                    status, claim = service.upload(png(8), CLAIM, "another", 4, 8)
                    went_on = status in (200, 202)
                    others = [claim["id"]] if went_on else []
            except BROKEN:
                went_on = False
    finally:
        service.kill()
    clients.was_hit = hit.exists()
    again = base.serve(data)
    try:
        if not again.ready():
            return [f"the service does not come back: {again.said()}"], went_on, clients
        wrong = [] if clients.go_on(again, 10, 60) else ["the clients do not come to an end"]
        # A client that heard nothing sends again, with the same key.
        status, claim = again.upload(png(7), CLAIM, "the-key")
        if claim.get("id") != clients.claim:
            wrong.append(f"sent again with the same key, it became another claim: {status} {claim}")
        known = [c["id"] for c in again.request("GET", "/v1/claims?limit=100")[1]["claims"]]
        wrong += [f"{claim}: not decided" for claim in again.wait_decided(known)]
        wrong += clients.in_service(again)
    finally:
        if again.stop() != 0:
            wrong = [*wrong, "the service did not stop"]
    wrong += amiss(in_folder(data), clients.acknowledged + others, clients.decided, clients.outcomes)
    wrong += verify(base.program, data)
    if not wrong:
        shutil.rmtree(folder)
    return wrong, went_on, clients


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program_argument(parser)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--minutes", type=float, default=600, help="begin no run after so long; the order is random")
    parser.add_argument("--jobs", type=int, default=2)
    made_up = "with made-up decisions (`serve --sandbox-claims`), which are recorded in the same way and sooner"
    parser.add_argument("--made-up", action="store_const", const=["--sandbox-claims"], default=[], help=made_up)
    arguments = parser.parse_args()
    work = arguments.work or tempfile.mkdtemp(prefix="claimlens-crash-")
    shim, base = build_shim(work), Base(arguments.program, pathlib.Path(work) / "base", arguments.made_up)

    # How many calls there are, and which.
    data, log = pathlib.Path(work) / "count" / "root" / "data", pathlib.Path(work) / "calls"
    shutil.copytree(base.data, data)
    service, clients = base.serve(data, {"FAULTS_LOG": str(log)}, shim), Clients(base)
    assert service.ready(), service.said()
    done = clients.go_on(service)
    wrong = clients.in_service(service)
    service.kill()
    assert done and not wrong, f"the unharmed run fails: {wrong} {service.said()}"
    changes = [kind for kind, *_ in calls(log) if kind != "A"]
    names = {"W": "write", "S": "sync", "C": "create", "R": "rename", "L": "link", "M": "mkdir", "T": "truncate"}
    names["U"] = "unlink"
    kinds = collections.Counter(names[kind] for kind in changes)
    steps = sum(len(desk.told) for desk in clients.desks) - len(base.told)
    print(f"{len(changes)} calls: " + ", ".join(f"{n} {name}" for name, n in sorted(kinds.items())), flush=True)

    # A few more than were counted: the order of threads differs from run to run. Most calls are writes; where not all
    # are reached, as many of the others are.
    numbers = range(1, len(changes) + 5)
    points = [(kind, n) for kind in arguments.kinds for n in numbers]
    random.Random(arguments.seed).shuffle(points)
    what = lambda point: names[changes[point[1] - 1]] if point[1] <= len(changes) else "later"
    writes, others = [[p for p in points if (what(p) == "write") == is_write] for is_write in (True, False)]
    points = [p for pair in itertools.zip_longest(others, writes) for p in pair if p]
    begun, failed = time.monotonic(), 0
    went, broken, retried, late = collections.Counter(), collections.Counter(), collections.Counter(), 0

    def run(point):
        if time.monotonic() - begun < 60 * arguments.minutes:
            return one(shim, base, work, *point)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for (kind, n), result in zip(points, pool.map(run, points)):
            if not result:
                continue
            wrong, went_on, clients = result
            went[kind, went_on] += 1
            broken[what((kind, n)) if clients.was_hit else "never reached"] += 1
            for desk in clients.desks:
                retried.update(desk.retried)
                late += desk.late
            if went.total() % 50 == 0:
                print(f"{went.total()} of {len(points)} runs, {time.monotonic() - begun:.0f} s", flush=True)
            if wrong:
                failed += 1
                print(f"{kind} at call {n}: " + "; ".join(wrong), flush=True)
    for kind in arguments.kinds:
        done = sum(n for (k, _), n in went.items() if k == kind)
        on = f", {went[kind, True]} times the same process took the next claim" if went[kind, True] else ""
        print(f"{kind}: {done} runs{on}")
    print("calls broken: " + ", ".join(f"{n} {name}" for name, n in sorted(broken.items())))
    print(f"{steps} steps with cases in each run; those whose answer was lost, and that had been taken:")
    print("\n".join(f"  {n} times {what}" for what, n in sorted(retried.items())) or "  none")
    print(f"{late} times it was too late to take a verdict back once the service was there again")
    took = f"{time.monotonic() - begun:.0f} s"
    print(f"{went.total()} runs of {len(points)} in {took}, {failed} with something lost, double or not verified")
    if not arguments.work and not failed:
        shutil.rmtree(work)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
