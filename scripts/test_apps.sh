#!/usr/bin/env bash
# Installs the programs that `make test-apps` tries our files and streams on, into the user's cache folder:
# usage `test_apps.sh PYTHON`. Blender is 350 MB to download and 1.6 GB once installed.
set -euo pipefail

python=${1:?usage: test_apps.sh PYTHON}
blender=bpy==4.2.0 # Blender as a module of Python 3.11
packages=(gltf-validator@2.0.0-dev.3.10 three@0.187.0 node-osc@11.7.1)

folder=$("$python" -c 'import platformdirs; print(platformdirs.user_cache_path("limelight") / "apps")')

has() { # has FOLDER WHAT: whether WHAT was installed there, wholly
    [[ -f $1/.installed && $(cat "$1/.installed") == "$2" ]]
}

if ! has "$folder/node" "${packages[*]}"; then
    echo "limelight: installing ${packages[*]} into $folder/node"
    mkdir -p "$folder/node"
    npm install --prefix "$folder/node" --no-audit --no-fund --loglevel=error "${packages[@]}"
    echo "${packages[*]}" >"$folder/node/.installed"
fi

if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    echo "limelight: $blender needs Python 3.11; tests with Blender are skipped" >&2
elif ! has "$folder/blender" "$blender"; then
    echo "limelight: installing $blender into $folder/blender"
    "$python" -m venv --clear "$folder/blender"
    "$folder/blender/bin/python" -m pip --disable-pip-version-check install -q "$blender"
    echo "$blender" >"$folder/blender/.installed"
fi

"$python" -m pip --disable-pip-version-check install -q cyndilib==0.1.3 || # with NDI's own library
    echo "limelight: no cyndilib for this machine; the test with NDI is skipped" >&2
