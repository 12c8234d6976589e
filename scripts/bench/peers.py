"""Runs claimlens and its peers side by side: the same pictures, the same core, one after the other on each picture.

claimlens is its service, answering over HTTP with a recorded decision; the peers only read. CPU time is user and system
time of the whole process (/proc/PID/stat), JPEG decoding included, start and one picture to warm up left out. Beside
PICTURE.jpg there may be PICTURE.lines.txt with the true lines, each `x1,y1,x2,y2,x3,y3,x4,y4,text`: then the characters
are compared too, of lines that were found: those read inside a true line's box, from left to right, letters in capitals,
spaces left out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from service import Process, Service

HERE = Path(__file__).parent


class Peer(Process):
    """A peer that reads the paths it is told."""

    def __init__(self, command, cores, **more):
        super().__init__(command, cores, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)

    def read(self, path):
        self.child.stdin.write(f"{path}\n")
        self.child.stdin.flush()
        for line in self.child.stdout:
            if line.startswith("["):
                return json.loads(line)
        sys.exit(f"{self.child.args} ended on {path}")


class Claimlens(Service):
    """The service, asked for the lines it read."""

    def read(self, path):
        return [[line["polygon"], line["text"]] for line in self.decide(path)["documents"][0]["lines"]]


def distance(a, b):
    """Levenshtein's."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        last, row[0] = row[0], i + 1
        for j, y in enumerate(b):
            last, row[j + 1] = row[j + 1], min(last + (x != y), row[j] + 1, row[j + 1] + 1)
    return row[-1]


def box(corners):
    xs, ys = zip(*corners)
    return min(xs), min(ys), max(xs), max(ys)


def compared(path, lines):
    """Errors and characters in the true lines that were found, how many were not, and words: right, read, true."""
    truth = Path(path).with_suffix(".lines.txt")
    if not truth.exists():
        return None
    plain = lambda text: "".join(text.upper().split())
    read = [(box(corners), text) for corners, text in lines]
    errors = characters = lost = 0
    words = {True: [], False: []}
    for _, text in read:
        words[False] += text.upper().split()
    for row in truth.read_text(errors="replace").splitlines():
        *places, text = row.split(",", 8)
        if len(places) < 8:
            continue
        words[True] += text.upper().split()
        at = list(map(float, places))
        left, top, right, bottom = box(list(zip(at[0::2], at[1::2])))
        inside = []
        for (l, t, r, b), part in read:
            wide, high = min(right, r) - max(left, l), min(bottom, b) - max(top, t)
            if wide > 0.5 * (r - l) and high > 0.5 * min(bottom - top, b - t):
                inside.append((l, part))
        found = plain("".join(part for _, part in sorted(inside)))
        true = plain(text)
        wrong = distance(true, found)
        # More wrong than right is another line's text: a matter of boxes, not of letters.
        if not found or wrong > 0.5 * max(len(true), 1):
            lost += 1
        else:
            errors += wrong
            characters += len(true)
    common = sum(min(words[True].count(w), words[False].count(w)) for w in set(words[True]))
    return errors, characters, lost, common, len(words[False]), len(words[True])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pictures", nargs="+", help="JPEG or PNG files")
    parser.add_argument("--claimlens", required=True)
    parser.add_argument("--python", required=True, help="a Python with rapidocr and faster-paddle")
    parser.add_argument("--oar", required=True, help="the peer-oar program")
    parser.add_argument("--oar-models", required=True, help="a folder with the models under oar-ocr's names")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        worker = [arguments.python, HERE / "worker.py"]
        engines = {
            "claimlens": Claimlens(arguments.claimlens, data, [arguments.core]),
            "faster-paddle small": Peer([*worker, "faster-paddle"], [arguments.core]),
            "oar-ocr small": Peer([os.path.abspath(arguments.oar)], [arguments.core], cwd=arguments.oar_models),
            "RapidOCR": Peer([*worker, "rapidocr"], [arguments.core]),
        }
        try:
            report(arguments.pictures, engines)
        finally:
            for engine in engines.values():
                engine.stop()


def report(pictures, engines):
    cpu, wall, scores = ({name: [] for name in engines} for _ in range(3))
    for engine in engines.values():
        engine.read(os.path.abspath(pictures[0]))
    for n, picture in enumerate(pictures):
        # Each goes first in turn: whoever follows finds the file in memory.
        names = list(engines)[n % len(engines) :] + list(engines)[: n % len(engines)]
        for name in names:
            before, start = engines[name].cpu(), time.monotonic()
            lines = engines[name].read(os.path.abspath(picture))
            wall[name].append(time.monotonic() - start)
            cpu[name].append(engines[name].cpu() - before)
            scores[name].append(compared(picture, lines))
        print(f"\r{n + 1} of {len(pictures)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(f"{len(pictures)} pictures, one core; claimlens decides and records, the others read")
    heads = ["", "CPU s a picture", "claimlens is", "wall s, median", "95 %", "peak MB", "CER", "lines lost", "word F1"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    ours = sum(cpu["claimlens"])
    for name, engine in engines.items():
        total, walls = sum(cpu[name]), sorted(wall[name])
        row = [name, f"{total / len(pictures):.2f}", f"{ours / total:.2f} ×", f"{statistics.median(walls):.2f}"]
        row += [f"{walls[int(0.95 * (len(walls) - 1))]:.2f}", f"{engine.memory():.0f}"]
        known = [score for score in scores[name] if score]
        errors, characters, lost, common, read, true = map(sum, zip(*known)) if known else [0] * 6
        row += [f"{errors / characters:.4f}", str(lost), f"{2 * common / (read + true):.3f}"] if known else ["–"] * 3
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
