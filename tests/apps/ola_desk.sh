#!/usr/bin/env bash
# Runs OLA as a desk in a network of its own, and a receiver beside it: usage `unshare -n ola_desk.sh FOLDER COMMAND...`.
# OLA sends on no loopback and not as root, so that the network has a cable from itself to itself.
set -euo pipefail
folder=${1:?usage: ola_desk.sh FOLDER COMMAND...}
shift
ip link set lo up
ip link add desk type veth peer name other
ip addr add 10.9.8.7/24 brd + dev desk
ip link set other up
ip link set desk up
ip route add default dev desk
for plugin in dummy espnet ftdidmx gpio karate kinet milinst opendmx openpixelcontrol osc pathport renard sandnet shownet \
    spi spidmx stageprofi uartdmx usbdmx usbserial; do
    echo "enabled = false" >"$folder/ola-$plugin.conf"
done
printf 'enabled = true\nip = 10.9.8.7\n' >"$folder/ola-e131.conf"
printf 'enabled = true\nip = 10.9.8.7\nalways_broadcast = true\n' >"$folder/ola-artnet.conf"
chmod -R a+rwX "$folder"
setpriv --reuid=65534 --clear-groups olad -c "$folder" --no-http --no-register-with-dns-sd -l 1 &
trap 'kill $!' EXIT
for _ in $(seq 100); do
    ola_dev_info >/dev/null 2>&1 && break
    sleep 0.1
done
"$@"
