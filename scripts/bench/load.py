"""Puts the service under load and prints how fast it answers and what it needs.

Each client sends one photo after the other as a claim of its own and waits for the decision. CPU time a photo is that of
one client; throughput is compared with what it would allow: cores ÷ CPU seconds a photo.
"""

import argparse
import itertools
import os
import tempfile
import threading
import time

from service import Service


def run(service, photos, clients, count):
    """Seconds each of `count` photos took, sent by so many clients, and the seconds it took altogether."""
    numbers, took = itertools.count(), []

    def client():
        while (n := next(numbers)) < count:
            start = time.monotonic()
            service.decide(photos[n % len(photos)])
            took.append(time.monotonic() - start)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(took), time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--claimlens", default="target/release/claimlens")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--count", type=int, default=40, help="photos for each number of clients")
    parser.add_argument("--soak", type=int, default=0, help="then so many more, memory told after each tenth")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    photos, most = arguments.photos, max(arguments.clients)
    with tempfile.TemporaryDirectory() as data:
        begun = time.monotonic()
        service = Service(arguments.claimlens, data, cores)
        print(f"{len(photos)} photos, {len(cores)} cores; ready after {time.monotonic() - begun:.2f} s")
        try:
            run(service, photos, 1, min(len(photos), 4))
            print("| clients | p50 s | p95 s | photos a second | CPU s a photo | of what one client allows | peak MB |")
            print("|---|---|---|---|---|---|---|")
            alone = None
            for clients in arguments.clients:
                before = service.cpu()
                took, wall = run(service, photos, clients, arguments.count)
                cpu = (service.cpu() - before) / len(took)
                alone = alone or cpu
                share = len(took) / wall / (len(cores) / alone)
                p50, p95 = took[len(took) // 2], took[int(0.95 * (len(took) - 1))]
                row = [clients, f"{p50:.2f}", f"{p95:.2f}", f"{len(took) / wall:.2f}", f"{cpu:.2f}", f"{share:.0%}"]
                print("| " + " | ".join(map(str, [*row, f"{service.memory():.0f}"])) + " |", flush=True)
            for part in range(10 if arguments.soak else 0):
                run(service, photos, most, arguments.soak // 10)
                now, peak = service.memory("VmRSS"), service.memory()
                print(f"after {(part + 1) * (arguments.soak // 10)} more: {now:.0f} MB, at most {peak:.0f}", flush=True)
        finally:
            service.stop()


if __name__ == "__main__":
    main()
