#!/usr/bin/env bash
# Installs the system libraries that Limelight needs: usage `system_packages.sh run|test|apps`.
# Debian and Ubuntu: by apt, only what is missing, with sudo only where needed. Elsewhere: says what to install.
set -euo pipefail

purpose=${1:?usage: system_packages.sh run|test|apps}

runtime=(
    libegl1 libgl1 libgl1-mesa-dri libgles2                       # OpenGL, with and without a display
    libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0    # Qt and OpenCV
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
    libxcb-shape0 libxcb-xinerama0 libxcb-xkb1
)
testing=(libltc11 libportaudio2 strace xauth xvfb)
apps=(chromium liblo-tools ola libgl1 libsm6 libxfixes3 libxi6 libxkbcommon0 libxrender1 libxxf86vm1) # Chromium; what Blender needs
command -v npm >/dev/null || apps+=(nodejs npm)

wanted=("${runtime[@]}")
if [[ $purpose != run ]]; then
    wanted+=("${testing[@]}")
fi
if [[ $purpose == apps ]]; then
    wanted+=("${apps[@]}")
fi

case $(uname -s) in
    Darwin)
        exit 0 # OpenGL and Cocoa come with macOS
        ;;
    Linux) ;;
    *)
        echo "limelight: unknown system $(uname -s); Limelight runs on Linux, macOS and WSL" >&2
        exit 0
        ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    cat >&2 <<'TEXT'
limelight: this is not Debian or Ubuntu; if the window does not open, install OpenGL and XCB libraries:
  Fedora:  sudo dnf install mesa-dri-drivers mesa-libEGL mesa-libGLES libxkbcommon-x11 xcb-util-cursor xcb-util-wm xcb-util-image xcb-util-keysyms xcb-util-renderutil xorg-x11-server-Xvfb
  Arch:    sudo pacman -S --needed mesa libglvnd libxkbcommon-x11 xcb-util-cursor xcb-util-wm xcb-util-image xcb-util-keysyms xcb-util-renderutil xorg-server-xvfb
TEXT
    exit 0
fi

is_installed() {
    local name status
    for name in "$1" "$1t64"; do # Ubuntu 24.04 renamed some packages
        status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)
        [[ $status == "install ok installed" ]] && return 0
    done
    return 1
}

missing=()
for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
done
if [[ ${#missing[@]} == 0 ]]; then
    exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "limelight: missing system packages; as root, run: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "limelight: installing system packages: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
