#!/usr/bin/env bash
# Puts the official MCP client and conformance tool, pinned, into a cache directory (from npm), with the Node of
# openclaw-lab, and prints two lines that can be eval'ed:  MCP_NODE=<node binary>  MCP_MODULES=<node_modules>
#   MCP_SDK_VERSION          of @modelcontextprotocol/sdk          (default 1.32.2)
#   MCP_CONFORMANCE_VERSION  of @modelcontextprotocol/conformance  (default 0.1.16)
#   MCP_CLIENT_CACHE         cache directory                       (default ~/.cache/clawbridge-mcp-client)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sdk=${MCP_SDK_VERSION:-1.32.2}
conformance=${MCP_CONFORMANCE_VERSION:-0.1.16}
cache=${MCP_CLIENT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clawbridge-mcp-client}
folder=$cache/sdk-$sdk-conformance-$conformance

eval "$("$here/../openclaw-lab/install.sh")"
npm_cli=$(dirname "$LAB_NODE")/../../npm/bin/npm-cli.js
mkdir -p "$cache"
exec 9>"$cache/.lock"; flock 9            # two test runs may install at the same time
if [ ! -f "$folder/.complete" ]; then
  rm -rf "$folder"; mkdir -p "$folder"
  cat >"$folder/package.json" <<JSON
{"private":true,
 "dependencies":{"@modelcontextprotocol/sdk":"$sdk","@modelcontextprotocol/conformance":"$conformance"}}
JSON
  (cd "$folder" && PATH=$(dirname "$LAB_NODE"):$PATH "$LAB_NODE" "$npm_cli" install --no-audit --no-fund --no-update-notifier \
    --loglevel=error --ignore-scripts) >&2
  touch "$folder/.complete"
fi
echo "MCP_NODE=$LAB_NODE"
echo "MCP_MODULES=$folder/node_modules"
