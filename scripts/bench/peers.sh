#!/bin/sh
# Reads the same pictures with claimlens and with its peers and prints a table of ratios. The peers come from their
# packages into target/peers, apart from everything of ours. Usage: scripts/bench/peers.sh [PICTURE…]; without any,
# the samples are read.
set -eu
cd "$(dirname "$0")/../.."
peers=target/peers
mkdir -p "$peers/models"
if ! [ -x "$peers/python/bin/python" ]; then
    echo "setting up the peers in $peers" >&2
    # A python3 earlier in PATH may come without venv; Debian's has it once python3-venv is there.
    python3 -m venv "$peers/python" || /usr/bin/python3 -m venv "$peers/python" || {
        echo "python3 cannot make a virtual environment: install python3-venv" >&2
        exit 1
    }
fi
"$peers/python/bin/python" -m pip install --quiet --disable-pip-version-check \
    rapidocr==3.10.0 faster-paddle==1.0.4 onnxruntime==1.31.1
cargo build --release --quiet --locked --manifest-path scripts/bench/oar/Cargo.toml --target-dir "$peers/oar"
# The same models under the names oar-ocr looks for.
for model in det rec; do ln -sf "$PWD/models/ppocrv6_small_$model.onnx" "$peers/models/pp-ocrv6_small_$model.onnx"; done
ln -sf "$PWD/models/ppocrv6_dict.txt" "$peers/models/ppocrv6_dict.txt"
[ $# -gt 0 ] || set -- samples/*/*.jpg
ORT_DYLIB_PATH=$(ls "$PWD"/native/libonnxruntime.so.*)
export ORT_DYLIB_PATH
export PYTHONDONTWRITEBYTECODE=1
# Not what is measured, and nobody's business.
export ORT_DISABLE_TELEMETRY=1
exec "$peers/python/bin/python" scripts/bench/peers.py --claimlens target/release/claimlens \
    --python "$peers/python/bin/python" --oar "$peers/oar/release/peer-oar" --oar-models "$peers/models" "$@"
