#!/usr/bin/env python3
"""Cuts the power at many moments of a recorded run, and looks what is left on the disk.

The service starts on an empty folder, takes claims, decides them, and takes people's steps with two of them, while
every write, sync, rename and answer is noted in order. Then, for each moment, the folder is built as a disk might hold
it: what was synced, of a folder's entries those whose folder was synced, and of everything else nothing, or a part
drawn at random (writes torn at 512 bytes). Whatever had been answered by then must be there, and `audit verify` find
nothing.

Two controls must fail: without the syncs of the write-ahead log, which is what synchronous=NORMAL means, answered
claims are lost; without those of the photos' folders, photos are. Exit status: 0 so it is, 1 not.
"""

import argparse
import collections
import pathlib
import random
import re
import shutil
import sys
import tempfile
import time

from common import HAPPENED, Service, amiss, build_shim, calls, desk_of, in_folder, png, program_argument, verify

SECTOR = 512


class File:
    def __init__(self):
        self.durable, self.waiting = bytearray(), []

    def sync(self):
        for change in self.waiting:
            apply(self.durable, *change)
        self.waiting.clear()


def apply(content, offset, data):
    """A write; without data, a cut to this length."""
    if data is None:
        del content[offset:]
    content.extend(bytes(max(0, offset + len(data or b"") - len(content))))
    if data is not None:
        content[offset : offset + len(data)] = data


class Folder:
    """Entries, by name: a file, a folder, or none where it was removed."""

    def __init__(self):
        self.durable, self.waiting, self.now = {}, [], {}

    def set(self, name, node):
        self.waiting.append((name, node))
        self.now[name] = node

    def sync(self):
        self.durable.update(self.waiting)
        self.waiting.clear()


class Disk:
    def __init__(self, top, forgets=lambda path, node: False):
        self.top, self.tree, self.forgets = top, Folder(), forgets

    def place(self, path):
        """The folder and the name of a path, as the program sees it."""
        folder, parts = self.tree, pathlib.PurePath(path).relative_to(self.top).parts
        for part in parts[:-1]:
            folder = folder.now[part]
        return folder, parts[-1] if parts else None

    def node(self, path):
        folder, name = self.place(path)
        return folder.now[name] if name else self.tree

    def change(self, kind, path, offset, data):
        if kind == "A":
            return
        if kind in "RL":
            old, new = path.split("\t")
            node = self.node(old)
            folder, name = self.place(new)
            folder.set(name, node)
            if kind == "R":
                folder, name = self.place(old)
                folder.set(name, None)
        elif kind in "CM":
            folder, name = self.place(path)
            folder.set(name, File() if kind == "C" else Folder())
        elif kind == "U":
            folder, name = self.place(path)
            folder.set(name, None)
        elif kind == "W":
            self.node(path).waiting.append((offset, data))
        elif kind == "T":
            self.node(path).waiting.append((offset, None))
        elif kind == "S":
            node = self.node(path)
            if not self.forgets(path, node):
                node.sync()

    def write(self, out, chance=None):
        """What the disk holds, into a folder; with `chance`, also some of what was not synced."""
        write_folder(self.tree, pathlib.Path(out), chance)


def write_folder(folder, out, chance):
    out.mkdir(parents=True, exist_ok=True)
    entries = dict(folder.durable)
    if chance:
        # Changes of a folder reach the disk in order.
        entries.update(folder.waiting[: chance.randint(0, len(folder.waiting))])
    for name, node in entries.items():
        if isinstance(node, Folder):
            write_folder(node, out / name, chance)
        elif node is not None and not name.endswith("-shm"):
            # The shared memory of readers is made anew by whoever opens the database first.
            content = bytearray(node.durable)
            for offset, data in node.waiting if chance else []:
                if data is None and chance.random() < 0.5:
                    apply(content, offset, None)
                for at in range(0, len(data or b""), SECTOR):
                    if chance.random() < 0.5:
                        apply(content, offset + at, data[at : at + SECTOR])
            (out / name).write_bytes(content)


def answered(log):
    """After which call each claim was answered first, after which it was told as decided, and after which it was told
    that so many things had happened to its case."""
    acknowledged, decided, happened = {}, {}, {}
    for n, (kind, _, _, data) in enumerate(log):
        told = set(re.findall(rb'"id":"(clm_[0-9a-v]{26})"', data)) if kind == "A" else ()
        for claim in told:
            acknowledged.setdefault(claim.decode(), n)
            # Of a list it cannot be seen which of them are.
            if len(told) == 1 and b'"status":"decided"' in data:
                decided.setdefault(claim.decode(), n)
            if len(told) == 1 and (steps := re.search(rb'"steps":(\d+)', data)):
                happened.setdefault((claim.decode(), int(steps[1])), n)
    return acknowledged, decided, happened


def cut(log, moments, top, work, program, forgets=lambda path, node: False, chance=None):
    """For each moment what is wrong after the power failed there."""
    acknowledged, decided, happened = answered(log)
    disk, at = Disk(top, forgets), 0
    for moment in moments:
        for call in log[at:moment]:
            disk.change(*call)
        at = moment
        out = pathlib.Path(tempfile.mkdtemp(dir=work))
        disk.write(out, chance)
        before = lambda told: [claim for claim, n in told.items() if n < moment]
        data = out / "data"
        if (data / "claimlens.sqlite").exists():
            wrong = verify(program, data)
            try:
                wrong += amiss(in_folder(data), before(acknowledged), before(decided))
                counts = dict(in_folder(data)(f"SELECT subject, count(*) FROM log WHERE {HAPPENED} GROUP BY subject"))
                lost = [claim for claim, steps in before(happened) if counts.get(claim, 0) < steps]
                wrong += [f"{claim}: a step was acknowledged, and is lost" for claim in lost]
            except Exception as e:
                wrong += [f"{e!r}"] if before(acknowledged) else []
        else:
            wrong = ["all records are lost"] if before(acknowledged) else []
        if not before(acknowledged):
            # Nothing was promised yet. A service that starts on what is left must do so.
            wrong = [w for w in wrong if "exit status" in w and "there are no records" not in w]
        yield moment, wrong
        shutil.rmtree(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program_argument(parser)
    parser.add_argument("--claims", type=int, default=12)
    parser.add_argument("--moments", type=int, default=0, help="so many at random instead of all")
    arguments = parser.parse_args()
    work = arguments.work or tempfile.mkdtemp(prefix="claimlens-power-")
    top = (pathlib.Path(work) / "root").absolute()
    top.mkdir(parents=True)
    notes = pathlib.Path(work) / "calls"
    service = Service(arguments.program, top / "data", {"FAULTS_LOG": str(notes)}, build_shim(work))
    assert service.ready(), service.said()
    desks = []
    for n in range(arguments.claims):
        status, claim = service.upload(png(n), wait=0 if n % 2 else 10)
        assert status in (200, 202), claim
        desks += [desk_of(claim["id"], n)] if n in (1, 3) else []
    for desk in desks:
        while desk.left:
            time.sleep(0 if desk.take(service) else 0.02)
        assert not desk.wrong, desk.wrong
    assert not service.wait_decided([c["id"] for c in service.request("GET", "/v1/claims?limit=100")[1]["claims"]])
    service.kill()
    log = list(calls(notes))
    kinds = collections.Counter(kind for kind, *_ in log)
    told = f"{len(answered(log)[0])} claims and {len(answered(log)[2])} steps with cases answered"
    print(f"{len(log) - kinds['A']} calls noted, {kinds['S']} of them syncs; {told}", flush=True)

    moments = range(1, len(log) + 1)
    if arguments.moments:
        moments = sorted(random.Random(arguments.seed).sample(moments, min(arguments.moments, len(log))))
    is_wal = lambda path, node: path.endswith("-wal")
    is_photos = lambda path, node: isinstance(node, Folder) and "/photos" in path
    begun, ending = time.monotonic(), 0
    for name, forgets, chance, holds in [
        ("what was not synced is lost", lambda path, node: False, None, True),
        ("of what was not synced a random part is lost", lambda path, node: False, random.Random(arguments.seed), True),
        ("control: the log of the database is not synced", is_wal, None, False),
        ("control: the folders of photos are not synced", is_photos, None, False),
    ]:
        found = []
        for done, (n, wrong) in enumerate(cut(log, moments, top, work, arguments.program, forgets, chance), 1):
            found += [(n, wrong)] if wrong else []
            if done % 100 == 0:
                print(f"  {done} of {len(moments)} moments, {time.monotonic() - begun:.0f} s", flush=True)
        print(f"{name}: of {len(moments)} moments {len(found)} with something lost or not verified", flush=True)
        for n, wrong in found[:3]:
            print(f"  after call {n}: {wrong[:2]}")
        if holds == bool(found):
            ending = 1
    print(f"{time.monotonic() - begun:.0f} s")
    if not arguments.work and not ending:
        shutil.rmtree(work)
    return ending


if __name__ == "__main__":
    sys.exit(main())
