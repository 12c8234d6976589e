#!/usr/bin/env python3
"""Decides photos, then reads them again and holds what comes out against what was recorded.

    replay_photos.py FOLDER...                   200 photos, evenly out of these folders
    replay_photos.py FOLDER... --work DIR        keeps the records, so that another build or machine can do
                                                 `claimlens replay --all --from photos --data DIR/data` with them
    replay_photos.py FOLDER... --times FILE      sends them one by one and notes the CPU seconds that each took, for
                                                 `capacity.py --times FILE`

Exit status: 0 at least 99.9 % of the fields were read the same and nothing that was held would now be approved, 1 not.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "faults"))
from common import Service, program_argument  # noqa: E402

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".pdf"}


def cpu_seconds(process):
    """What a process has used so far, in user and in kernel mode."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program_argument(parser)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", type=pathlib.Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--times", type=pathlib.Path, metavar="FILE", help="note the CPU seconds of each photo there")
    arguments = parser.parse_args()
    found = sorted(file for folder in arguments.folders for file in folder.rglob("*") if file.suffix in ENDINGS)
    count = min(arguments.photos, len(found))
    photos = [found[i * len(found) // count] for i in range(count)]
    if not photos:
        parser.error("there are no photos")
    work = pathlib.Path(arguments.work or tempfile.mkdtemp(prefix="claimlens-replay-"))
    service, begun = Service(arguments.program, work / "data"), time.monotonic()
    try:
        assert service.ready(), service.said()

        times = []

        def send(photo):
            before = cpu_seconds(service.process.pid)
            status, claim = service.upload(photo.read_bytes(), wait=60, timeout=120)
            assert status in (200, 202), f"{photo}: {status} {claim}"
            if arguments.times:
                assert not service.wait_decided([claim["id"]], 120), f"{photo} is not decided"
                times.append(cpu_seconds(service.process.pid) - before)
            return claim["id"]

        claims = []
        with concurrent.futures.ThreadPoolExecutor(1 if arguments.times else 2) as pool:
            for claim in pool.map(send, photos):
                claims.append(claim)
                if len(claims) % 20 == 0:
                    print(f"{len(claims)} of {count} photos, {time.monotonic() - begun:.0f} s", flush=True)
        assert not service.wait_decided(claims, 600), "not everything is decided"
        decided = service.request("GET", "/v1/stats")[1]
    finally:
        service.stop()
    if arguments.times:
        arguments.times.write_text("".join(f"{seconds:.2f}\n" for seconds in times))
        print(f"{statistics.fmean(times):.2f} CPU seconds a photo, standard deviation {statistics.pstdev(times):.2f}")
    print(f"decided: {json.dumps(decided['decisions'])}; reading them again", flush=True)
    again = [arguments.program, "replay", "--all", "--from", "photos", "--data", work / "data", "--format", "json"]
    done = subprocess.run(again, capture_output=True, text=True)
    if not done.stdout:
        print(done.stderr)
        return 1
    report = json.loads(done.stdout)
    for differing in report["differing"][:10]:
        print(json.dumps(differing, ensure_ascii=False))
    print(f"{report['checked']} decisions: {report['identical']} identical, {report['within_tolerance']} within the"
          f" tolerance, {len(report['differing'])} differ; {time.monotonic() - begun:.0f} s")
    print(f"{report['fields_equal']} of {report['fields']} fields equal;"
          f" {report['flips_to_approval']} held that would now be approved")
    if not arguments.work:
        shutil.rmtree(work)
    equal = report["fields_equal"] >= 0.999 * report["fields"]
    return 0 if equal and not report["flips_to_approval"] and report["checked"] == len(claims) else 1


if __name__ == "__main__":
    sys.exit(main())
