#!/bin/sh
# Rebuilds console/dist from console/src with the locked packages; `build.sh --check` only compares.
# Needs Node 20 and npm. The binary embeds dist/, so cargo needs neither.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --silent
node build.mjs "$@"
