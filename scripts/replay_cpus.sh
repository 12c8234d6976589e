#!/usr/bin/env bash
# Decides 100,000 variants of the golden records on this processor and, emulated by qemu-user, on two older classes of
# x86-64, and compares the digests over all verdicts. Needs Debian's qemu-user-static (or qemu-user). Takes some
# minutes.
#
#     scripts/replay_cpus.sh [DECISIONS] [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/.."

decisions=${1:-100000}
program=${2:-target/release/claimlens}
qemu=$(command -v qemu-x86_64-static || command -v qemu-x86_64) ||
    { echo "replay_cpus: install Debian's qemu-user-static" >&2; exit 2; }

decide() { "$@" "$program" replay --records tests/fixtures/golden --variants "$decisions"; }

here=$(decide env)
echo "this processor: $here"
ended=0
# Nehalem is x86-64-v2, without AVX; Haswell x86-64-v3, without AVX-512.
for cpu in Nehalem Haswell; do
    there=$(decide "$qemu" -cpu "$cpu")
    echo "$cpu: $there"
    [ "$here" = "$there" ] || { echo "$cpu decides otherwise" >&2; ended=1; }
done
exit $ended
