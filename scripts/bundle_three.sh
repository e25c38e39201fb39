#!/usr/bin/env bash
# Makes realtime/web/pages/three.js again: what the page of `limelight view` needs of three.js, as one minified module.
# Needs Node.js with npm. The licence notice stands in NOTICE; after another version, compare it with three's LICENSE.
set -euo pipefail

three=0.187.0
esbuild=0.28.2
out=$(cd "$(dirname "$0")/.." && pwd)/realtime/web/pages/three.js
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm init -y >/dev/null
npm install --silent --no-audit --no-fund "three@$three" "esbuild@$esbuild"
cat >entry.js <<'JS'
export {
    BackSide, BufferAttribute, BufferGeometry, DataArrayTexture, DataTexture, FloatType, GLSL3, HalfFloatType, Matrix3,
    Mesh, NearestFilter, NoBlending, OrthographicCamera, RawShaderMaterial, RedFormat, RGBAFormat, RGFormat, Scene,
    Vector2, Vector3, WebGLRenderer, WebGLRenderTarget,
} from "three";
export { OrbitControls } from "three/addons/controls/OrbitControls.js";
JS
npx esbuild entry.js --bundle --minify --format=esm --target=es2021 --legal-comments=none --outfile=three.js \
    --banner:js="/* three.js $three, MIT License, Copyright 2010-2026 three.js authors; see NOTICE. Made by scripts/bundle_three.sh */"
cp three.js "$out"
echo "written: $out ($(wc -c <"$out") bytes)"
