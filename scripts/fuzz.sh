#!/bin/sh
# Fuzzes what reads bytes of strangers, each target for so many minutes: `scripts/fuzz.sh [MINUTES] [TARGET…]`.
# Installs cargo-fuzz under target/ if it is missing. Ends with what made a target fail, if anything did.
set -eu
cd "$(dirname "$0")/.."
minutes=${1:-10}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- decode claim qr amount policy
tools=$PWD/target/tools
[ -x "$tools/bin/cargo-fuzz" ] || cargo install --quiet --locked --root "$tools" cargo-fuzz
PATH="$tools/bin:$PATH"
seeds() {
    case $1 in
    decode) find samples -name '*.jpg' -o -name '*.png' ;;
    claim) find samples -name 'claim.json' ;;
    policy) echo src/decision/policy.toml ;;
    esac
}
for target in "$@"; do
    corpus=fuzz/corpus/$target
    mkdir -p "$corpus"
    seeds "$target" | while read -r file; do cp "$file" "$corpus/$(echo "$file" | tr / _)"; done
    # Coverage alone is measured: the sanitizers need a compiler that is not released, and the code has no unsafe block.
    cargo fuzz run --sanitizer none "$target" -- -max_total_time=$((minutes * 60)) -timeout=10 -rss_limit_mb=4096 -print_final_stats=1
done
