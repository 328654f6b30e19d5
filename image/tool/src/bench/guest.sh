#!/bin/sh
# Runs in the Debian machine when containerd is ready (its unit orders it so) and tells the console what the time is.
exec >/dev/ttyS0 2>&1
up() {
    cut -d ' ' -f 1 /proc/uptime
}
echo "BENCH ready $(up)"
if [ -e /demo.tar ]; then
    ctr images import /demo.tar && rm /demo.tar && sync && echo "BENCH imported 0"
    exec systemctl poweroff
fi
if grep -q bench=restart /proc/cmdline; then
    sleep 10
    for _ in 1 2 3 4 5 6 7; do
        from=$(up)
        systemctl restart ntpd-rs
        echo "BENCH restart $from BENCH to $(up)"
    done
    echo "BENCH restarted"
    exec systemctl poweroff
fi
ctr run --rm localhost/demo:latest demo | while read -r line; do
    echo "BENCH output $(up) $line"
    echo "BENCH init $(systemctl show --property UserspaceTimestampMonotonic --value)"
done
