#!/bin/sh
# Fuzzes what reads bytes of strangers, each target for so many minutes: `scripts/fuzz.sh [MINUTES] [TARGET…]`.
# Installs cargo-fuzz under target/ if it is missing. Ends with what made a target fail, if anything did; what was found
# worth trying is kept under fuzz/corpus, and the next run begins with it.
set -eu
cd "$(dirname "$0")/.."
minutes=${1:-10}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- decode claim qr amount policy
# rustup installs here and changes only the shells started afterwards.
[ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"
tools=$PWD/target/tools
[ -x "$tools/bin/cargo-fuzz" ] || cargo install --quiet --locked --root "$tools" --version 0.13.2 cargo-fuzz
PATH="$tools/bin:$PATH"
seeds() {
    case $1 in
    decode) ls fuzz/seeds/decode/* tests/fixtures/turned.heic ;;
    qr) ls fuzz/seeds/qr/* ;;
    claim) ls samples/*/claim.json ;;
    policy) ls src/decision/policy.toml ;;
    esac
}
for target in "$@"; do
    corpus=fuzz/corpus/$target
    mkdir -p "$corpus"
    seeds "$target" | while read -r file; do cp "$file" "$corpus/$(echo "$file" | tr / _)"; done
    # Coverage alone is measured: the sanitizers need a compiler that is not released, and the code has no unsafe block.
    # A PDF may take seconds to draw where the decoders are not optimised fully and check every sum.
    cargo fuzz run --sanitizer none "$target" -- \
        -max_total_time=$((minutes * 60)) -timeout=60 -rss_limit_mb=4096 -print_final_stats=1
done
