#!/usr/bin/env bash
# Starts the service, sends it the sample claims, shows every decision, then verifies the log and decides everything again.
# The records stay in ./data. Needs nothing but what `make setup` installs.
set -euo pipefail
cd "$(dirname "$0")/.."

program=target/release/claimlens
data=data
log=$(mktemp)
service=
summary=

finish() {
    status=$?
    if [ -n "$service" ]; then
        kill "$service" 2>/dev/null || true
        wait "$service" 2>/dev/null || true
    fi
    if [ "$status" != 0 ]; then
        echo "demo: stopped early; the service said:" >&2
        tail -n 20 "$log" >&2
    fi
    rm -f "$log"
}
trap finish EXIT

bold() { if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

mapfile -t claims < <(find samples -name claim.json | LC_ALL=C sort)
[ "${#claims[@]}" -gt 0 ] || { echo "demo: no samples/*/claim.json" >&2; exit 1; }

# A port nobody listens on.
for port in $(seq 8080 8180); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done
url=http://127.0.0.1:$port

[ -d "$data" ] && echo "records of an earlier run are in ./$data: the same samples will be recognised as repeats (make clean-data starts over)"
bold "Starting the service on $url, records in ./$data"
"$program" serve --listen "127.0.0.1:$port" --data "$data" >"$log" 2>&1 &
service=$!
for _ in $(seq 300); do
    curl --silent --fail --max-time 2 --output /dev/null "$url/readyz" && break
    kill -0 "$service" 2>/dev/null || { echo "demo: the service ended while starting" >&2; exit 1; }
    sleep 0.1
done
curl --silent --fail --max-time 2 --output /dev/null "$url/readyz" ||
    { echo "demo: the service was not ready after half a minute" >&2; exit 1; }

# Of each sample the photo of the genuine paper, then the photo of the altered copy, each as a claim of its own.
for claim in "${claims[@]}"; do for view in photo altered; do
    photo=$(dirname "$claim")/$view.jpg
    [ -f "$photo" ] || continue
    bold "$photo"
    # Written to a file first: the status says whether there is a decision to show.
    answer=$(mktemp)
    headers=$(mktemp)
    status=$(curl --silent --show-error --max-time 180 --output "$answer" --dump-header "$headers" --write-out '%{http_code}' \
        --header 'Prefer: wait=60' --form "claim=<$claim;type=application/json" --form "photo=@$photo" "$url/v1/claims")
    # 202: accepted, and the decision is still being made.
    location=$(sed -n 's/^[Ll]ocation: *\([^[:space:]]*\).*/\1/p' "$headers")
    for _ in $(seq 60); do
        [ "$status" = 202 ] && [ -n "$location" ] || break
        sleep 1
        status=$(curl --silent --show-error --output "$answer" --write-out '%{http_code}' "$url$location")
    done
    case $status in
    200 | 201)
        shown=$("$program" show --brief "$answer")
        printf '%s\n' "$shown"
        decision=$(sed -n 's/.*"decision":"\([a-z_]*\)".*/\1/p' "$answer" | head -n 1)
        id=$(sed -n 's/.*"id":"\(clm_[a-z0-9]*\)".*/\1/p' "$answer" | head -n 1)
        why=$(printf '%s\n' "$shown" | sed -n 's/.*■.*\[\([a-z_]*\)\]$/\1/p' | head -n 1)
        summary="$summary$(printf '%-36s %-13s %-28s %s' "$photo" "$decision" "$why" "$id")
"
        ;;
    *)
        echo "demo: $photo was answered with $status:" >&2
        cat "$answer" >&2
        exit 1
        ;;
    esac
    rm -f "$answer" "$headers"
done; done

bold "What became of them (all that was read and checked: make serve, then GET /v1/claims/{id})"
printf '%s' "$summary"

bold "Stopping the service"
kill "$service"
wait "$service" || true
service=

bold "Is the log whole?  claimlens audit verify"
"$program" audit verify --data "$data"
bold "Does every decision come out the same again?  claimlens replay --all"
"$program" replay --all --data "$data"
bold "Done. The records are in ./$data; make serve shows them at http://127.0.0.1:8080/, make clean-data removes them."
