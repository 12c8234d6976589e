#!/usr/bin/env python3
"""Sends papers, then some of them again as another photo, a crop and a scan, and counts which are known again.

The papers are painted (`specimen photograph --again`): forms, hospitals, shops and days recur among them, only what is
filled in differs. Each is a claim of its own, so that each is held against all that came before.
Exit status: 0 every paper sent again is known again and at most one in 100,000 pairs of different papers is taken for
one, 1 not so.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

import client  # noqa: F401, which makes the next line find its module
from service import Service

KINDS = "outpatient_bill", "inpatient_bill", "till_receipt", "vat_invoice"


def painted(arguments, folder):
    """Each paper's first photo, and the later ones of those that are sent again."""
    command = [arguments.claimlens, "specimen", "photograph", "--out", folder, "--layout", arguments.layout]
    for kind in KINDS:
        for more, count, seed in (
            (["--again"], arguments.again, arguments.seed),
            ([], arguments.count - arguments.again, arguments.seed + arguments.again),
        ):
            if count > 0:
                subprocess.run([*command, *more, "--kind", kind, "--count", str(count), "--seed", str(seed)],
                               check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    first, again = [], []
    for truth in sorted(pathlib.Path(folder).glob("*.truth.json")):
        name = truth.name.removesuffix(".truth.json")
        photo = next(p for p in truth.parent.glob(f"{name}.*") if p.suffix != ".json")
        (again if json.loads(truth.read_text()).get("same_as") else first).append(photo)
    return first, again


def outcomes(service, photos, sides):
    """What the check for repeats said of each photo: its outcome and counts."""
    done, lock = collections.Counter(), threading.Lock()

    def one(photo):
        findings = service.decide(photo)["documents"][0]["findings"]
        finding = next(f for f in findings if f["check"] == "repeat")
        with lock:
            done["photos"] += 1
            print(f"\r{done['photos']} of {len(photos)}", end="", file=sys.stderr)
        return photo.name, finding["outcome"], finding.get("detail", {})

    with concurrent.futures.ThreadPoolExecutor(sides) as pool:
        found = list(pool.map(one, photos))
    print(file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claimlens", default=client.PROJECT / "target/release/claimlens", help="the program")
    parser.add_argument("--count", type=int, default=112, help="papers of each of the four kinds")
    parser.add_argument("--again", type=int, default=15, help="so many of each kind are sent again, three times")
    parser.add_argument("--seed", type=int, default=700_000)
    parser.add_argument("--layout", default="mixed")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="claimlens-trial-") as folder:
        first, again = painted(arguments, f"{folder}/papers")
        service = Service(arguments.claimlens, f"{folder}/data", cores)
        try:
            # Different papers: none may be known.
            new = outcomes(service, first, len(cores))
            # The same again.
            known = outcomes(service, again, len(cores))
        finally:
            service.stop()
    pairs = len(new) * (len(new) - 1) // 2
    wrong = [(name, outcome, detail) for name, outcome, detail in new if outcome != "pass"]
    unknown = [(name, outcome, detail) for name, outcome, detail in known if outcome not in ("fail", "inconclusive")]
    print(f"{len(new)} different papers, {pairs} pairs: {len(wrong)} taken for a repeat, or perhaps one")
    for name, outcome, detail in wrong:
        print(f"  {name}: {outcome} {detail}")
    failed = sum(outcome == "fail" for _, outcome, _ in known)
    print(f"{len(known)} sent again: {failed} known again, {len(known) - failed - len(unknown)} perhaps, {len(unknown)} not")
    for name, outcome, detail in unknown:
        print(f"  {name}: {outcome} {detail}")
    alarms = sum(outcome == "fail" for _, outcome, _ in wrong)
    sys.exit(bool(unknown) or alarms > pairs / 100_000)


if __name__ == "__main__":
    main()
