#!/bin/sh
# Submits a photo and prints the answer, JSON.   submit.sh URL PHOTO CLAIM_JSON [KEY]
set -eu
url=$1 photo=$2 claim=$3 key=${4:-}

# The same key with the same claim and photo never makes a second claim, however often this is run.
once=$(cat "$photo" "$claim" | sha256sum | cut -d' ' -f1)
curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    ${key:+-H "Authorization: Bearer $key"} -H "Idempotency-Key: $once" -H 'Prefer: wait=60' \
    -F "claim=<$claim;type=application/json" -F "photo=@$photo" "$url/v1/claims"
