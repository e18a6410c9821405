#!/usr/bin/env bash
# Somebody without a checkout: the wheel, installed with all that it asks for into an environment of
# its own, and README's lines in an empty folder. Anything that fails or is missing fails this.
# Only a whole installation shows that the wheel names everything it needs.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
unset PYTHONPATH
export OMP_NUM_THREADS=1

rm -rf "$root/build/lib" # what was removed from the package since would be in the wheel
"${PYTHON:-python3}" -m venv "$place/env"
PATH="$place/env/bin:$PATH"
pip wheel --quiet --no-deps --wheel-dir "$place" "$root"
pip install --quiet "$place"/interslice-*.whl
mkdir "$place/empty"
cd "$place/empty"

bench --version
bench list methods
python - <<'EOF'
import numpy as np
import tifffile

noise = np.random.default_rng(0).normal(size=(30, 160, 160))
grey = np.repeat(np.repeat(noise[:, ::4, ::4], 4, 1), 4, 2)  # texture that can be aligned
tifffile.imwrite("stack.tif", (128 + 20 * grey[:1] + 4 * noise).clip(0, 255).astype("uint8"))
EOF
bench data build my_volume --source stack.tif --tile 128 --stride 128
bench run --methods flow --dataset my_volume --losses l1
bench run --methods average,sepconv --dataset phantom_small --losses l1 --samples 16 \
  --segmenter-steps 50
bench report
bench verify
bench check --baseline accepted.json --accept --reason "the first figures"
bench check --baseline accepted.json
for file in index.html report.md table4.md tables.tex figures/figures.md; do
  test -s "results/report/$file"
done
test -n "$(find results/runs -name 'comparison-*.png')"
echo "The wheel works in an empty folder."
