#!/usr/bin/env bash
# build.sh OUT: installs Python's needs, generates stubs of the shop and makes, under OUT:
# OUT/sample HOST:PORT, OUT/sample_async HOST:PORT (the same by asyncio), and OUT/test.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
protos=$(cd "$here/../../proto" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
python=$out/venv/bin/python
pip=("$python" -m pip install -q --disable-pip-version-check)

# same NAME FILE…: whether what was made from the files is from these; if not, forgets it.
same() {
  local stamp=$out/$1.stamp
  shift
  made_from=$(sha256sum "$here/build.sh" "$@")
  [[ -e $stamp && $(<"$stamp") == "$made_from" ]] && return
  rm -f "$stamp"
  return 1
}
made() { printf '%s\n' "$made_from" >"$out/$1.stamp"; }

if ! same venv "$here/requirements.txt"; then
  rm -rf "$out/venv" "$out"/*.stamp
  python3 -m venv "$out/venv"
  "${pip[@]}" -r "$here/requirements.txt"
  made venv
fi

# Installed as users install it, so that the tests meet what is packaged.
if ! same client "$here/pyproject.toml" "$here/README.md" "$here"/storegate/{*.py,py.typed}; then
  "${pip[@]}" --no-build-isolation --no-deps --force-reinstall "$here"
  made client
fi

if ! same gen "$protos"/{storegate/v1,shop/v1,google/rpc}/*.proto; then
  rm -rf "$out/gen"
  mkdir -p "$out/gen"
  # google/rpc is in a package of its own, but without types.
  (cd "$protos" && PATH="$out/venv/bin:$PATH" && "$python" -m grpc_tools.protoc -I . \
    --mypy_out="quiet:$out/gen" google/rpc/status.proto google/rpc/error_details.proto &&
    "$python" -m grpc_tools.protoc -I . \
      --python_out="$out/gen" --mypy_out="quiet:$out/gen" \
      storegate/v1/schema.proto storegate/v1/page.proto shop/v1/*.proto &&
    "$python" -m grpc_tools.protoc -I . \
      --grpc_python_out="$out/gen" --mypy_grpc_out="quiet:$out/gen" shop/v1/*.proto)
  made gen
fi

# script NAME COMMAND…
script() {
  local name=$1
  shift
  printf '%s\n' '#!/usr/bin/env bash' 'set -euo pipefail' \
    "export PYTHONPATH=$(printf %q "$out/gen") MYPYPATH=$(printf %q "$out/gen")" \
    "$@" >"$out/$name"
  chmod +x "$out/$name"
}
run=$(printf %q "$python")
source=$(printf %q "$here")
script sample "exec $run $source/sample/story.py \"\$@\""
script sample_async "exec $run $source/sample/story_async.py \"\$@\""
# The types first: they are quick. pytest by its own name leaves this folder out of sys.path, so
# that the tests import the package that is installed.
script test "cd $source" \
  "$run -m mypy --cache-dir=$(printf %q "$out/mypy") -p storegate" \
  "$run -m mypy --cache-dir=$(printf %q "$out/mypy") sample tests" \
  "exec $(printf %q "$out/venv/bin/pytest") -q -p no:cacheprovider \"\$@\""
