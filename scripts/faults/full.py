#!/usr/bin/env python3
"""Fills the disk under the service: uploads must be refused within a second, reading go on, and all be well once there
is room.

Needs root, for a small file system of its own: ext4 in a file where loop devices are to be had, else tmpfs.
Exit status: 0 so it is, 1 not.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from common import Service, amiss, in_folder, png, program_argument, verify


def mount(work, megabytes):
    """A small file system; gives its folder and its kind."""
    place, image = pathlib.Path(work) / "disk", pathlib.Path(work) / "image"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], capture_output=True)
    mounted = lambda: subprocess.run(["mount", "-o", "loop", image, place], capture_output=True).returncode == 0
    if made.returncode == 0 and mounted():
        return place, "ext4"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], check=True)
    return place, "tmpfs"


def fill(path):
    """Takes all the room there is."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program_argument(parser)
    parser.add_argument("--megabytes", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    work = arguments.work or tempfile.mkdtemp(prefix="claimlens-full-")
    place, system = mount(work, arguments.megabytes)
    wrong, refusals, reads, mended, told, number = [], [], [], [], [], 0
    service = Service(arguments.program, place / "data")

    def timed(action):
        begun = time.monotonic()
        status, body = action()
        return status, body, time.monotonic() - begun

    try:
        assert service.ready(), service.said()
        for round_ in range(arguments.rounds):
            for _ in range(5):
                number += 1
                status, claim = service.upload(png(number))
                assert status in (200, 202), claim
                told.append(claim["id"])
            fill(place / "ballast")
            for _ in range(20):
                number += 1
                status, claim, took = timed(lambda: service.upload(png(number)))
                if status in (200, 202):
                    # There was room in a block begun before.
                    told.append(claim["id"])
                    continue
                refusals.append(took)
                if status not in (503, 507):
                    wrong.append(f"refused with {status} {claim}")
                for path in ("/v1/stats", "/v1/claims", f"/v1/claims/{told[0]}", "/healthz"):
                    status, body, took = timed(lambda: service.request("GET", path))
                    reads.append(took)
                    if status != 200:
                        wrong.append(f"{path}: {status} {body}")
            (place / "ballast").unlink()
            begun = time.monotonic()
            while True:
                number += 1
                status, claim = service.upload(png(number))
                if status in (200, 202):
                    told.append(claim["id"])
                    mended.append(time.monotonic() - begun)
                    break
                if time.monotonic() - begun > 60:
                    wrong.append("uploads are not taken again a minute after there was room")
                    break
                time.sleep(0.05)
            print(f"full {round_ + 1} times: {len(refusals)} uploads refused", flush=True)
        if not refusals:
            wrong.append("the disk never filled")
        wrong += [f"a refusal took {took:.2f} s" for took in refusals if took > 1]
        wrong += [f"{claim}: not decided" for claim in service.wait_decided(told, 120)]
        service.stop()
        wrong += amiss(in_folder(place / "data"), told, told) + verify(arguments.program, place / "data")
    finally:
        service.kill()
        subprocess.run(["umount", place], check=True)
    slowest = lambda times: f"{max(times, default=0):.3f} s"
    refused = f"{len(refusals)} uploads refused, the slowest in {slowest(refusals)}"
    print(f"{system}, {arguments.rounds} times full: {refused}")
    print(f"{len(reads)} reads, the slowest in {slowest(reads)}; uploads taken again after at most {slowest(mended)}")
    print("\n".join(wrong[:20]) or f"{len(told)} claims taken, none lost, everything verified")
    if not arguments.work:
        shutil.rmtree(work)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
