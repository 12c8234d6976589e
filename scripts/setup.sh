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

# ── The inference libraries: what the manifest pins ──
pinned() { sed -n '/^\['"$1"'\]/,/^$/ s/^'"$2"' = "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' models/manifest.toml; }
library=native/$(pinned runtime file)
right_library() { [ -f "$1" ] && printf '%s  %s\n' "$(pinned runtime sha256)" "$1" | sha256sum --check --status; }
# OpenVINO in bfloat16 takes a quarter less time, on processors that multiply in it; only for who asks for it.
fast=native/openvino
parts() { awk -F '"' '/^\[\[bf16.part\]\]/ { on = 1 } on && /^file/ { file = $2 } on && /^sha256/ { print $2 "  " file }' models/manifest.toml; }
right_parts() { [ -d "$1" ] && parts | (cd "$1" && sha256sum --check --status 2>/dev/null); }
wants_fast() { [ "${CLAIMLENS_PRECISION:-f32}" = bf16 ] && ! right_parts "$fast"; }
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
# Not libclang-cpp, the C++ library, which may lie there alone.
libclang() {
    for folder in /usr/lib/llvm-*/lib /usr/lib/* /usr/lib64 "${LIBCLANG_PATH:-/nowhere}"; do
        any "$folder"/libclang.so* "$folder"/libclang-[0-9]*.so* && return 0
    done
    return 1
}
libclang || need libclang-dev
# The tests run a second verifier of evidence packs and example clients with these.
has python3 || need python3
has node || need nodejs
# The tests start a server of their own. The service needs one only where it is told to use one.
any /usr/lib/postgresql/*/bin/postgres || need postgresql
if { ! right_library "$library" || wants_fast; } && ! pip_works; then need python3-pip; need ca-certificates; fi

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

# Unpacks the wheel that the manifest's table $1 names into the folder $2.
fetch() {
    # A python3 earlier in PATH may come without pip; Debian's has it once python3-pip is there.
    python=python3
    pip_works || python=/usr/bin/python3
    say "fetching $(pinned "$1" source)"
    # The files differ between wheels only by the Python module beside them, so one is pinned whatever Python runs here.
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        --dest "$2" "$(pinned "$1" source)"
    "$python" -m zipfile -e "$2"/onnxruntime*.whl "$2/wheel"
}
scratch=
trap 'rm -rf "$scratch"' EXIT

if ! right_library "$library"; then
    [ "$(uname -sm)" = "Linux x86_64" ] ||
        die "the pinned ONNX Runtime is for Linux on x86-64; elsewhere point CLAIMLENS_ONNXRUNTIME to your own 1.31"
    mkdir -p native
    scratch=$(mktemp -d native/fetch.XXXXXX)
    fetch runtime "$scratch"
    right_library "$scratch/wheel/$(pinned runtime path)" ||
        die "the SHA-256 of $(pinned runtime path) is not the one in models/manifest.toml; nothing was installed"
    mv "$scratch/wheel/$(pinned runtime path)" "$library"
    rm -rf "$scratch"
    say "$library is in place"
fi

if wants_fast; then
    scratch=$(mktemp -d native/fetch.XXXXXX)
    fetch bf16 "$scratch"
    mkdir "$scratch/parts"
    parts | while read -r _ file; do mv "$scratch/wheel/$(pinned bf16 path)/$file" "$scratch/parts/"; done
    right_parts "$scratch/parts" ||
        die "a SHA-256 in $(pinned bf16 source) is not the one in models/manifest.toml; nothing was installed"
    rm -rf "$fast"
    mv "$scratch/parts" "$fast"
    rm -rf "$scratch"
    say "$fast is in place"
fi
