# Reload rspamd, and wait until the last of its workers with the former configuration is gone.
main=$(systemctl show --property MainPID --value rspamd)
workers=$(cat "/proc/$main/task/$main/children")
systemctl reload rspamd
for worker in $workers; do
    timeout 60 tail --sleep-interval=0.1 --pid="$worker" --follow /dev/null || {
        echo "rspamd's worker $worker still has the former configuration after 60 s" >&2
        exit 1
    }
done
