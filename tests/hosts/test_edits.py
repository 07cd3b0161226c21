"""An edit of group_vars reaches every name server, and nothing else moves."""

from lab import Lab, changed, wait_until

EDITED = {
    "site_records": [
        {"name": ["ftp", "w"], "type": "CNAME", "value": "@"},
        {"name": "@", "type": "MX", "value": "20 @"},
        {"name": "new", "type": "TXT", "value": "hello"},
    ]
}
# As people edit a zone's file, with the next serial
BY_HAND = """
cd /var/lib/bind
serial=$(awk '/ IN SOA / {print $7}' st.um.zone)
sed -i "s/\\( IN SOA .*\\) $serial /\\1 $((serial + 1)) /; \\$ a intruder.st.um. 604800 IN A 192.0.2.66" st.um.zone
rndc reload st.um IN main
"""
DNS = ("playbooks/dns.yml", "-l", "primary")
SERVERS = (135, 137)


def answers(lab: Lab, name: str, kind: str) -> list[list[str]]:
    return [lab.dig(f"@{lab.address(server)}", "+norecurse", name, kind) for server in SERVERS]


def uptime(lab: Lab, host: str) -> str:
    return lab.run(host, "systemctl", "show", "-p", "ActiveEnterTimestampMonotonic,NRestarts,MainPID", "named")


def test_records_come_change_and_go_on_every_server(lab: Lab) -> None:
    started = {host: uptime(lab, host) for host in ("primary", "secondary")}
    before = [lab.serial(server) for server in SERVERS]
    reverse = [lab.serial(server, f"{lab.net}.16.172.in-addr.arpa") for server in SERVERS]
    assert before[0] == before[1] is not None
    long = answers(lab, "long.st.um", "TXT")
    assert long[0] == long[1] != []

    output = lab.playbook(*DNS, settings=EDITED)
    assert changed(output) == 1
    assert [lab.serial(server) for server in SERVERS] == [before[0] + 1] * 2
    assert answers(lab, "long.st.um", "TXT") == [[], []]
    # One of them follows from the mail server.
    assert [sorted(each) for each in answers(lab, "st.um", "MX")] == [["10 mail.st.um.", "20 st.um."]] * 2
    assert answers(lab, "new.st.um", "TXT") == [['"hello"']] * 2
    # The other zones have not moved, and nothing was restarted.
    assert [lab.serial(server, f"{lab.net}.16.172.in-addr.arpa") for server in SERVERS] == reverse
    assert {host: uptime(lab, host) for host in started} == started

    assert changed(lab.playbook(*DNS, settings=EDITED)) == 0
    assert lab.serial(SERVERS[0]) == before[0] + 1

    lab.playbook(*DNS)
    assert answers(lab, "long.st.um", "TXT") == long


def test_what_somebody_has_edited_by_hand_is_set_right_on_every_server(lab: Lab) -> None:
    lab.run("primary", "sh", "-ec", BY_HAND)
    wait_until(lambda: answers(lab, "intruder.st.um", "A") == [["192.0.2.66"]] * 2)
    output = lab.playbook(*DNS)
    assert "- intruder.st.um. 604800 A 192.0.2.66" in output
    assert changed(output) == 1
    assert answers(lab, "intruder.st.um", "A") == [[], []]
    assert changed(lab.playbook(*DNS)) == 0
