#!/bin/sh
# Makes one cluster of the servers that are named, once: the first half are masters, each with a replica. Run again, it
# introduces them to each other anew: after `docker compose down` all have other addresses, and wait for each other.
set -eu

address() { getent hosts "$1" | cut -d ' ' -f 1; }
says() { redis-cli -h "$1" cluster info | tr -d '\r' | grep -qx "$2"; }

for node in "$@"; do
  until redis-cli -h "$node" ping 2>/dev/null | grep -q PONG; do sleep 0.5; done
done

if says "$1" cluster_slots_assigned:0; then
  addresses=
  for node in "$@"; do addresses="$addresses $(address "$node"):6379"; done
  # shellcheck disable=SC2086
  redis-cli --cluster create $addresses --cluster-replicas 1 --cluster-yes
else
  for node in "$@"; do redis-cli -h "$1" cluster meet "$(address "$node")" 6379 >/dev/null; done
fi

for node in "$@"; do
  until says "$node" cluster_state:ok; do sleep 0.5; done
done
echo "the cluster is whole"
