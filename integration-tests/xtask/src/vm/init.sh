#!/bin/sh
# First process of the machine. Runs what is in /commands in the order of the names, tells the
# second serial port what each printed and how it ended, and switches the machine off.
# The first serial port is the kernel's.

mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm
mount -t tmpfs none /tmp
mount -t tmpfs none /run
mount -t cgroup2 none /sys/fs/cgroup
mount -t bpf none /sys/fs/bpf
mount -t tracefs none /sys/kernel/tracing
mount -t securityfs none /sys/kernel/security
chmod 1777 /tmp

stty -F /dev/ttyS1 raw
exec < /dev/null > /dev/ttyS1 2>&1

ip link set lo up
while read -r module; do
    insmod "$module"
done < /etc/modules

echo "::nettally-vm ready"
for command in /commands/*; do
    name=${command##*/}
    echo "::nettally-vm begin $name"
    (cd /root && exec sh "$command")
    status=$?
    printf '\n::nettally-vm end %s %d\n' "$name" "$status"
done
poweroff -f
