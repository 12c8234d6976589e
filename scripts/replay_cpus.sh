#!/usr/bin/env bash
# Decides 100,000 variants of the golden records on this processor and, emulated by qemu-user, on two older classes of
# x86-64, and compares the digests over all verdicts. Needs Debian's qemu-user-static (or qemu-user). Takes some
# minutes for each.
#
#     scripts/replay_cpus.sh [DECISIONS] [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/.."

decisions=${1:-100000}
program=${2:-target/release/claimlens}
qemu=$(command -v qemu-x86_64-static || command -v qemu-x86_64) ||
    { echo "replay_cpus: install Debian's qemu-user-static" >&2; exit 2; }
# The settings of src/main.rs. A program that lacks one starts itself again, and that again is no longer emulated.
export OMP_THREAD_LIMIT=1 MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=1048576 ORT_DISABLE_TELEMETRY=1
calls=$("$qemu" -strace "$program" --version 2>&1)
case $calls in
    *execve\(*) echo "replay_cpus: the program starts itself again; set what src/main.rs asks for" >&2; exit 2 ;;
    *write\(*) ;;
    *) echo "replay_cpus: the program does not run under qemu" >&2; exit 2 ;;
esac

decide() { "$@" "$program" replay --records tests/fixtures/golden --variants "$decisions"; }

begun=$SECONDS
here=$(decide env)
echo "this processor: $here, $((SECONDS - begun)) s"
ended=0
# Nehalem is x86-64-v2, without AVX; Haswell x86-64-v3, without AVX-512.
for cpu in Nehalem Haswell; do
    begun=$SECONDS
    # What it warns of are features for operating systems, which qemu-user has no use for.
    there=$(decide "$qemu" -cpu "$cpu" 2> >(grep -v "TCG doesn't support requested feature" >&2))
    echo "$cpu: $there, $((SECONDS - begun)) s"
    [ "$here" = "$there" ] || { echo "$cpu decides otherwise" >&2; ended=1; }
done
exit $ended
