#!/usr/bin/env python3
"""What a number of claims a day needs: cores, workers, database, storage; and whether a simulated queue bears it out.

    capacity.py --claims 10000000                 the model alone
    capacity.py --claims 1000000 --simulate       and a queue of two busy hours, held against it
    capacity.py --times FILE                      with service times of your own: CPU seconds of a claim, one a line

`replay_photos.py --times FILE` measures them. Those of a store's own claims are in it: SELECT json_extract(timing,
'$.total') / 1e6 FROM decisions gives seconds, which are CPU seconds where the service had one core and one photo at a
time (`taskset -c 0`, `--jobs 1`).
"""

import argparse
import heapq
import math
import random
import statistics

# CPU seconds are those of `replay_photos.py --times`, of 40 painted photos on two cores that were very busy. The
# rates of the database are those of `cargo test --release --test it a_second -- --ignored --nocapture` on two cores
# that were busy with other work, PostgreSQL for accepting and SQLite for deciding, by a build without optimisation:
# low, and to be measured again on the machines meant.
CPU_SECONDS = 2.59
VARIATION = 0.35  # of the service time: standard deviation over mean
PHOTO_BYTES = 700_000  # uploaded, and the normalised page kept beside it
ROW_BYTES = 60_000  # record, log entries, fingerprints and their indexes, of a claim
ACCEPTED_A_SECOND = 1500
DECIDED_A_SECOND = 160


def erlang_c(load, servers):
    """Probability that an arrival waits, of Poisson arrivals at exponential servers (Erlang 1917)."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def waits(rate, seconds, variation, servers):
    """Mean wait and its 95th percentile: M/G/c by Allen and Cunneen (1990), the wait of those who wait exponential."""
    load = rate * seconds
    if load >= servers:
        return math.inf, math.inf
    some = erlang_c(load, servers)
    of_those = (1 + variation**2) / 2 * seconds / (servers - load)
    return some * of_those, of_those * math.log(some / 0.05) if some > 0.05 else 0.0


def cores_for(rate, seconds, variation, most, busy):
    """The fewest cores, no more than so busy, at which 95 in 100 claims wait no longer than `most` seconds for one."""
    low = max(math.floor(rate * seconds) + 1, math.ceil(rate * seconds / busy))
    high = low + 1
    while waits(rate, seconds, variation, high)[1] > most:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        if waits(rate, seconds, variation, middle)[1] > most:
            low = middle + 1
        else:
            high = middle
    return low


def simulate(rate, times, servers, hours, dice):
    """Waits of Poisson arrivals served first come, first served, with service times drawn from those measured."""
    free, now, out = [0.0] * servers, 0.0, []
    end = hours * 3600
    while now < end:
        now += dice.expovariate(rate)
        start = max(now, free[0])
        heapq.heapreplace(free, start + dice.choice(times))
        if now > end / 10:  # an empty house is no measure
            out.append(start - now)
    out.sort()
    return statistics.fmean(out), out[int(len(out) * 0.95)]


def size(n):
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n < 1000:
            return f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} PB"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--claims", type=float, nargs="+", default=[1e4, 1e5, 1e6, 1e7], help="claims a day")
    parser.add_argument("--photos", type=float, default=1.5, help="photos a claim")
    parser.add_argument("--peak", type=float, default=3.0, help="busiest hour over the mean")
    parser.add_argument("--wait", type=float, default=5.0, help="seconds that 95 in 100 may wait for a core then")
    parser.add_argument("--busy", type=float, default=0.8, help="most that cores may be busy in that hour")
    parser.add_argument("--cores", type=int, default=16, help="cores of a worker's machine")
    parser.add_argument("--times", help="file of CPU seconds a claim")
    parser.add_argument("--simulate", action="store_true")
    args = parser.parse_args()
    dice = random.Random(6)
    if args.times:
        with open(args.times, encoding="utf-8") as file:
            times = [float(line) for line in file if line.strip()]
    else:
        spread = math.log(1 + VARIATION**2)
        mean = math.log(CPU_SECONDS * args.photos) - spread / 2
        times = [dice.lognormvariate(mean, math.sqrt(spread)) for _ in range(20_000)]
    seconds = statistics.fmean(times)
    variation = statistics.pstdev(times) / seconds
    print(f"{seconds:.2f} CPU seconds a claim, variation {variation:.2f}; {args.peak:g} times the mean at the peak")
    for claims in args.claims:
        rate = claims / 86_400 * args.peak
        cores = cores_for(rate, seconds, variation, args.wait, args.busy)
        mean, late = waits(rate, seconds, variation, cores)
        machines = math.ceil(cores / args.cores)
        print(f"\n{claims:,.0f} claims a day, {rate:.1f} a second at the peak")
        print(f"  workers     {cores} cores ({machines} machines of {args.cores}), {rate * seconds / cores:.0%} busy;"
              f" wait for one {mean:.2f} s, 95 in 100 at most {late:.2f} s")
        if args.simulate:
            simulated = simulate(rate, times, cores, 2, dice)
            print(f"  simulated   wait {simulated[0]:.2f} s, 95 in 100 at most {simulated[1]:.2f} s")
        photos = claims * args.photos
        at_peak = rate * args.photos * PHOTO_BYTES
        print(f"  storage     {size(photos * PHOTO_BYTES)} a day, {size(at_peak)} a second at the peak")
        print(f"  database    {size(claims * ROW_BYTES)} a day; {rate:.0f} accepted and as many decided a second")
        for what, most in (("accepting", ACCEPTED_A_SECOND), ("deciding", DECIDED_A_SECOND)):
            if rate > most:
                print(f"              more than the {most} a second measured for {what}: split by region or insurer"
                      f" into {math.ceil(rate / most)} services, each with a log of its own")


if __name__ == "__main__":
    main()
