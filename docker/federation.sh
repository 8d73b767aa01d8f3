#!/bin/sh
# Run once, by the service `setup` of compose.yaml, as root: makes the broker's folder (TLS, a certificate, a password and rights for each
# bridge), and sets up the three bridges as `clawbridge init` and `clawbridge join` would on three machines.
#   federation.sh FOLDER HOST BROKER_USER      FOLDER/broker and FOLDER/macbook, FOLDER/imac, FOLDER/studio
set -eu
folder=$1 host=$2 broker_user=$3

# on MACHINE COMMAND…: with that machine's settings and state
on() {
  machine=$1
  shift
  env HOME="$folder/$machine" XDG_CONFIG_HOME="$folder/$machine" XDG_STATE_HOME="$folder/$machine/state" XDG_RUNTIME_DIR="$folder/$machine" "$@"
}

[ ! -e "$folder/studio/clawbridge/clawbridge.yaml" ] || exit 0
rm -rf "$folder/broker/hub"  # of a run that was interrupted
clawbridge broker init "$folder/broker/hub" --gateway macbook imac studio --host "$host"

gateways=$folder/broker/hub/gateways
token=$(on macbook clawbridge init --force --name macbook --kind echo --agent main --broker-files "$gateways/macbook" --no-service --json |
  sed 's/.*"token":"\([^"]*\)".*/\1/')
printf '%s\n' "$token" | on imac clawbridge join - --force --name imac --kind echo --agent jarvis --agent pepper --broker-files "$gateways/imac" --no-service
printf '%s\n' "$token" | on studio clawbridge join - --force --name studio --broker-files "$gateways/studio" --no-service --agent helper -- /usr/bin/tr a-z A-Z

rm -rf "$gateways"  # each machine has its own now
chown -R "$broker_user" "$folder/broker"
for machine in macbook imac studio; do chown -R clawbridge:clawbridge "$folder/$machine"; done
