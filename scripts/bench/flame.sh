#!/bin/sh
# Records `claimlens verify` on the samples with perf and draws the flame graph target/flame.svg.
set -eu
cd "$(dirname "$0")/../.."
command -v perf >/dev/null || { echo "perf is missing: apt-get install linux-perf" >&2; exit 1; }
draw=target/tools/bin
[ -x "$draw/inferno-flamegraph" ] || cargo install --quiet --locked --root target/tools --version 0.12.8 inferno
# As the program would start itself, so that perf follows it from its first instruction.
export OMP_THREAD_LIMIT=1 MALLOC_ARENA_MAX=1 ORT_DISABLE_TELEMETRY=1
perf record --quiet --event cpu-clock --freq 99 --call-graph dwarf,65528 --output target/perf.data \
    target/release/claimlens verify --jobs 1 --format jsonl samples/*/photo.jpg samples/*/photo.jpg >target/flame.jsonl
perf script --input target/perf.data 2>/dev/null | "$draw/inferno-collapse-perf" 2>/dev/null |
    "$draw/inferno-flamegraph" --title "claimlens verify" >target/flame.svg
echo "target/flame.svg"
