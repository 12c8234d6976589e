#!/usr/bin/env python3
"""Breaks the service at every call that changes its records, once in each way, and looks what is left.

From a folder with an approved claim, each run starts the service, uploads a claim, waits for the decision and reports
the approved claim's audited outcome. At the n-th call that writes, syncs, renames or makes a file, the process dies,
dies with half the bytes written, or is told EIO or ENOSPC, once or from there on. After each run the service starts
again unharmed: nothing acknowledged may be lost, no claim decided twice, the unfinished work done, and `audit verify`
find nothing. Exit status: 0 so it is, 1 not.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import shutil
import sys
import tempfile
import time

from common import BROKEN, PROJECT, Service, amiss, build_shim, calls, in_folder, png, program_argument, verify

KINDS = ["kill", "torn", "eio", "enospc", "full"]


def prepare(program, data):
    """Records with one approved claim; gives its name."""
    sample = PROJECT / "samples/outpatient_bill"
    service = Service(program, data)
    try:
        assert service.ready(), service.said()
        status, claim = service.upload((sample / "photo.jpg").read_bytes(), claim=(sample / "claim.json").read_text())
        assert status in (200, 202), claim
        assert not service.wait_decided([claim["id"]])
        # By lot one claim in fifty goes to a person; its outcome counts as well.
        status, outcome = service.request("GET", f"/v1/claims/{claim['id']}")
        assert outcome["decision"] == "auto_approve" or "lot" in str(outcome["reasons"]), outcome
    finally:
        service.stop()
    return claim["id"]


def go_through(service, approved):
    """The claims acknowledged, those told as decided, and whether the outcome was acknowledged."""
    acknowledged, decided, outcomes = [], [], []
    try:
        for attempt in range(3):
            status, claim = service.upload(png(7), key="the-key", wait=4, timeout=8)
            if status in (200, 202):
                acknowledged.append(claim["id"])
                if claim["status"] == "decided":
                    decided.append(claim["id"])
                break
        for attempt in range(3):
            status, _ = service.audited(approved)
            if status in (200, 201, 204):
                outcomes.append(approved)
                break
    except BROKEN:
        pass
    return acknowledged, decided, outcomes


def one(program, shim, base, approved, work, kind, n):
    """Breaks one call. What is wrong afterwards, and whether the process went on to take another claim."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    data = folder / "root" / "data"
    shutil.copytree(base, data)
    service = Service(program, data, {"FAULTS_AT": str(n), "FAULTS_KIND": kind}, shim)
    try:
        told = ([], [], [])
        went_on = None
        if service.ready(20):
            told = go_through(service, approved)
            if kind in ("eio", "enospc"):
                try:
                    status, claim = service.upload(png(8), key="another", wait=0, timeout=8)
                    went_on = status in (200, 202)
                    told[0].extend([claim["id"]] if went_on else [])
                except BROKEN:
                    went_on = False
        service.kill()
    finally:
        service.kill()
    again = Service(program, data)
    try:
        if not again.ready():
            return [f"the service does not come back: {again.said()}"], went_on
        # A client that heard nothing sends again, with the same key.
        status, claim = again.upload(png(7), key="the-key")
        wrong = [] if status in (200, 202) else [f"sent again: {status} {claim}"]
        if told[0] and claim.get("id") != told[0][0]:
            wrong.append("sent again with the same key, it became another claim")
        status, _ = again.audited(approved)
        wrong += [] if status in (200, 201, 204) else [f"the outcome is not taken: {status}"]
        known = [c["id"] for c in again.request("GET", "/v1/claims?limit=100")[1]["claims"]]
        wrong += [f"{claim}: not decided" for claim in again.wait_decided(known)]
    finally:
        if again.stop() != 0:
            wrong = [*wrong, "the service did not stop"]
    wrong += amiss(in_folder(data), *told) + verify(program, data)
    if not wrong:
        shutil.rmtree(folder)
    return wrong, went_on


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program_argument(parser)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--every", type=int, default=1, help="take every so many-th call only")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    work = arguments.work or tempfile.mkdtemp(prefix="claimlens-crash-")
    shim, base = build_shim(work), pathlib.Path(work) / "base"
    approved = prepare(arguments.program, base)

    # How many calls there are, and which.
    data, log = pathlib.Path(work) / "count" / "root" / "data", pathlib.Path(work) / "calls"
    shutil.copytree(base, data)
    service = Service(arguments.program, data, {"FAULTS_LOG": str(log)}, shim)
    assert service.ready(), service.said()
    told = go_through(service, approved)
    service.kill()
    assert all(told), f"the unharmed run fails: {told} {service.said()}"
    changes = [kind for kind, *_ in calls(log) if kind != "A"]
    names = {"W": "write", "S": "sync", "C": "create", "R": "rename", "M": "mkdir", "T": "truncate", "U": "unlink"}
    kinds = collections.Counter(names[kind] for kind in changes)
    print(f"{len(changes)} calls: " + ", ".join(f"{n} {name}" for name, n in sorted(kinds.items())), flush=True)

    # A few more than were counted: the order of threads differs from run to run.
    points = [(kind, n) for kind in arguments.kinds for n in range(1, len(changes) + 5, arguments.every)]
    failed, begun, went = 0, time.monotonic(), collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        run = lambda point: one(arguments.program, shim, base, approved, work, *point)
        for done, ((kind, n), (wrong, went_on)) in enumerate(zip(points, pool.map(run, points)), 1):
            went[kind, went_on] += 1
            if done % 50 == 0:
                print(f"{done} of {len(points)} runs, {time.monotonic() - begun:.0f} s", flush=True)
            if wrong:
                failed += 1
                print(f"{kind} at call {n}: " + "; ".join(wrong), flush=True)
    for kind in arguments.kinds:
        done = sum(n for (k, _), n in went.items() if k == kind)
        on = f", {went[kind, True]} times the same process took the next claim" if went[kind, True] else ""
        print(f"{kind}: {done} runs{on}")
    took = f"{time.monotonic() - begun:.0f} s"
    print(f"{len(points)} runs in {took}, {failed} with something lost, double or not verified")
    if not arguments.work and not failed:
        shutil.rmtree(work)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
