#!/bin/sh
# Installs what building and running claimlens needs and the machine lacks. Does nothing where nothing is lacking,
# so it may run before every build. Debian and Ubuntu are set up fully; elsewhere it says what to install.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
any() { for f in "$@"; do [ -e "$f" ] && return 0; done; return 1; }

# rustup installs here and changes only the shells started afterwards.
[ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"

# ── Rust ──
has cargo || die "cargo is missing: install Rust 1.95 or newer with rustup, then try again"
if ! has rustfmt || ! has cargo-clippy || ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    has rustup || die "rustfmt and clippy are missing: install them for this Rust toolchain"
    say "adding rustfmt and clippy"
    rustup component add rustfmt clippy
fi

# ── The inference library: what the manifest pins ──
pinned() { sed -n '/^\[runtime\]/,$ s/^'"$1"' = "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' models/manifest.toml; }
library=native/$(pinned file)
right_library() { [ -f "$1" ] && printf '%s  %s\n' "$(pinned sha256)" "$1" | sha256sum --check --status; }
pip_works() { has python3 && python3 -m pip --version >/dev/null 2>&1; }

# ── System packages: each capability, and the Debian package that brings it ──
missing=
need() { missing="$missing $1"; }
has cc || need gcc
has c++ || need g++
has make || need make
has curl || need curl
any /usr/include/stdio.h /usr/include/*/stdio.h || need libc6-dev
has pkg-config || need pkg-config
any /usr/include/tesseract/capi.h /usr/local/include/tesseract/capi.h || need libtesseract-dev
any /usr/include/leptonica/allheaders.h /usr/local/include/leptonica/allheaders.h || need libleptonica-dev
any /usr/share/tesseract-ocr/*/tessdata/eng.traineddata /usr/share/tessdata/eng.traineddata \
    "${TESSDATA_PREFIX:-/nowhere}/eng.traineddata" || need tesseract-ocr-eng
any /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so* \
    "${LIBCLANG_PATH:-/nowhere}"/libclang*.so* || need libclang-dev
# The tests also run a second verifier of evidence packs with it.
has python3 || need python3
# The tests start a server of their own. The service needs one only where it is told to use one.
any /usr/lib/postgresql/*/bin/postgres || need postgresql
if ! right_library "$library" && ! pip_works; then need python3-pip; need ca-certificates; fi

if [ -n "$missing" ]; then
    has apt-get || die "missing, and this is no Debian: install what your system calls$missing, then try again"
    sudo=
    if [ "$(id -u)" != 0 ]; then
        has sudo || die "missing:$missing; run as root: apt-get install$missing"
        sudo=sudo
    fi
    say "installing$missing"
    $sudo apt-get update -qq
    # Only the programs are wanted, not the server that the package would make and run.
    none=/etc/postgresql-common/createcluster.d/claimlens.conf
    case $missing in *postgresql*)
        $sudo mkdir -p "${none%/*}"
        echo 'create_main_cluster = false' | $sudo tee "$none" >/dev/null
        ;;
    esac
    # shellcheck disable=SC2086 # one word a package
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
    $sudo rm -f "$none"
fi

if ! right_library "$library"; then
    [ "$(uname -sm)" = "Linux x86_64" ] ||
        die "the pinned ONNX Runtime is for Linux on x86-64; elsewhere point CLAIMLENS_ONNXRUNTIME to your own 1.31"
    # A python3 earlier in PATH may come without pip; Debian's has it once python3-pip is there.
    python=python3
    pip_works || python=/usr/bin/python3
    say "fetching $(pinned source)"
    mkdir -p native
    scratch=$(mktemp -d native/fetch.XXXXXX)
    trap 'rm -rf "$scratch"' EXIT
    # The file differs between wheels only by the Python module beside it, so one is pinned whatever Python runs here.
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        --dest "$scratch" "$(pinned source)"
    "$python" -m zipfile -e "$scratch"/onnxruntime-*.whl "$scratch/wheel"
    right_library "$scratch/wheel/$(pinned path)" ||
        die "the SHA-256 of $(pinned path) is not the one in models/manifest.toml; nothing was installed"
    mv "$scratch/wheel/$(pinned path)" "$library"
    say "$library is in place"
fi
