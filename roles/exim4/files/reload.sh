# It reads its configuration at some time after it was told to, and then has new sockets.
sockets() { readlink /proc/"$(cat /run/exim4/exim.pid)"/fd/* | grep socket: || true; }
before=$(sockets)
systemctl reload exim4
for _ in $(seq 100); do
    now=$(sockets)
    if [ "$now" ] && [ "$now" != "$before" ]; then exit 0; fi
    sleep 0.1
done
echo "Exim has not begun anew within 10 s" >&2
exit 1
