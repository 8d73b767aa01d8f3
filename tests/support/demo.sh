#!/usr/bin/env bash
# demo.sh PROGRAM [echo|openclaw]: a broker and two bridges on loopback, macbook[main] and imac[jarvis, pepper]. Sends one
# message from macbook to jarvis on imac, shows the MQTT traffic as it happens and the reply, and stops what it started.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1") gateway=${2:-echo}
width=${DEMO_WIDTH:-230}   # of a line of traffic; 0: whole payloads
dir=$(mktemp -d "${TMPDIR:-/tmp}/claw-demo-XXXXXX")
pids=() lab=no failed=yes

finish() {
  local pid
  trap - EXIT INT TERM
  if [ "$failed" = yes ]; then tail -n 25 "$dir"/*/bridge.log >&2 2>/dev/null || true; fi
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ "$lab" = yes ]; then "$here/openclaw-lab/lab.sh" stop "$dir/lab" >/dev/null || true; fi
  if [ -f "$dir/broker/broker.pid" ]; then "$here/brokers/stop.sh" "$dir/broker" || true; fi
  rm -rf "$dir"
  [ "$failed" = no ] || exit 1
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
lab_value() { /usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["gateways"][sys.argv[2]][sys.argv[3]])' "$dir/lab/lab.json" "$1" "$2"; }

# The gateway section of one bridge's settings.
gateway_settings() {
  if [ "$gateway" = openclaw ]; then
    echo "{ name: $1, kind: openclaw, url: \"ws://127.0.0.1:$(lab_value "$1" port)\", token: \"$(lab_value "$1" token)\" }"
  else
    echo "{ name: $1, kind: echo, agents: [$2] }"
  fi
}

start_bridge() {
  mkdir "$dir/$1"
  (umask 077; cat > "$dir/$1/clawbridge.yaml") <<EOF
version: 1
gateway: $(gateway_settings "$1" "$2")
broker: { url: "mqtt://127.0.0.1:$port" }
trust: { join: "$join" }
store: { path: "$dir/$1/journal.db" }
api: { socket: "$dir/$1/api.sock" }
EOF
  "$program" run --config "$dir/$1/clawbridge.yaml" > "$dir/$1/bridge.log" 2>&1 &
  pids+=($!)
}

# Returns when the bridge lists that agent; fails after 30 s, or when a process has ended.
wait_for_agent() {
  local left=150 pid
  until "$program" agents --socket "$dir/$1/api.sock" 2>/dev/null | grep -q "$2"; do
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || { echo "a bridge or the observer ended early" >&2; return 1; }; done
    left=$((left - 1)); [ "$left" -gt 0 ] || { echo "$1 does not see $2" >&2; return 1; }
    sleep 0.2
  done
}

case $gateway in echo | openclaw) ;; *) echo "demo.sh: GATEWAY is echo or openclaw, not $gateway" >&2; failed=no; exit 2 ;; esac

if [ "$gateway" = openclaw ]; then
  say "starting two OpenClaw gateways: macbook[main], imac[jarvis, pepper] (up to a minute)"
  lab=yes
  "$here/openclaw-lab/lab.sh" start "$dir/lab" > "$dir/lab.log" 2>&1 || { cat "$dir/lab.log" >&2; exit 1; }
fi

port=$(free_port)
say "starting mosquitto on 127.0.0.1:$port"
"$here/brokers/start-mosquitto.sh" "$port" "$dir/broker"
join=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')

say "the traffic, as  mosquitto_sub -v -t 'claw/#'  shows it, follows each step, marked with |"
# Line by line, and each at once: awk would gather its input.
cut_at=$([ "$width" -gt 0 ] && echo "s/^(.{$width}).+/\\1…/; " || true)
stdbuf -oL mosquitto_sub -p "$port" -q 1 -v -t 'claw/#' > >(LC_ALL=C.UTF-8 exec sed -u -E "${cut_at}s/^/| /") &
pids+=($!)

say "starting the bridges macbook and imac"
start_bridge macbook main
start_bridge imac "jarvis, pepper"
wait_for_agent macbook jarvis
wait_for_agent imac main

say "clawbridge send imac/jarvis \"hello\"    (on macbook)"
reply=$("$program" send --socket "$dir/macbook/api.sock" --timeout 120 imac/jarvis "hello")
sleep 1.5   # the acknowledgement travels up to a second later
say "the reply of imac/jarvis: $reply"

say "stopping"
failed=no
