#!/usr/bin/env bash
# Installs what is missing, then runs lab.mjs (or gw.mjs) with the lab's own Node.
#   OPENCLAW_VERSION=2026.9.6 ./lab.sh start <dir> [spec.json] | restart <dir> <gw> | status <dir> | stop <dir>
#   ./lab.sh gw <dir> <gateway> <method> '<params json>' [--final] [--events ms] [--raw]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
eval "$("$here/install.sh")"
export LAB_OPENCLAW PATH="$(dirname "$LAB_NODE"):$PATH"
if [ "${1:-}" = gw ]; then shift; exec "$LAB_NODE" "$here/gw.mjs" "$@"; fi
exec "$LAB_NODE" "$here/lab.mjs" "$@"
