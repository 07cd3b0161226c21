"""What must hold when hosts are lost and runs are killed. Slow: hosts are provisioned from nothing, or many times."""

import os
import random
import signal
import time

import pytest

from lab import Lab, changed

DNS = ("site.yml", "--tags", "dns")
SERVERS = (135, 137)


def test_a_rebuilt_primary_is_not_behind_its_secondary(lab: Lab) -> None:
    # Somebody has been here before, with serials of the next decade.
    before = lab.serial(135) + 10_000_000
    edit = rf"sed -i -E 's/( IN SOA \S+ \S+) [0-9]+/\1 {before}/' /var/lib/bind/st.um.zone"
    lab.run("primary", "sh", "-c", edit)
    lab.run("primary", "rndc", "reload", "st.um")
    lab.playbook("playbooks/dns.yml", "-l", "primary")  # the gate: the secondary has it
    assert lab.serial(137) == before

    lab.rebuild("primary")
    lab.playbook("site.yml", "-l", "primary")
    after = [lab.serial(server) for server in SERVERS]
    assert after[0] == after[1] > before

    record = {"name": "reborn", "type": "A", "value": "192.0.2.7"}
    lab.playbook(*DNS, "-l", "primary", settings={"site_records": [record]})
    assert [lab.dig(f"@{lab.address(server)}", "reborn.st.um") for server in SERVERS] == [["192.0.2.7"]] * 2
    lab.playbook("site.yml")  # the probes, too, have to know its new keys
    assert changed(lab.playbook("site.yml")) == 0
    lab.forget()  # the DS records of the keys that are lost


def test_check_mode_on_a_bare_host_tells_all_and_changes_nothing(lab: Lab) -> None:
    lab.rebuild("secondary")
    before = lab.checksums("secondary")
    output = lab.playbook("site.yml", "--check", "--diff", "-l", "secondary")
    assert changed(output) >= 3
    assert lab.checksums("secondary") == before
    assert lab.run("secondary", "sh", "-c", "command -v named || echo none").strip() == "none"
    lab.playbook("site.yml", "-l", "secondary")
    lab.playbook(*DNS)


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_run_is_made_good_by_the_next(lab: Lab, seed: int) -> None:
    """The run is killed while BIND changes; the next one ends where an undisturbed one does."""
    choice = random.Random(seed)  # noqa: S311 (no secret)
    records = [{"name": "killed", "type": "A", "value": f"192.0.2.{100 + seed}"}]
    settings = {"site_records": records, "bind9_responses_per_second": 20 + seed}
    process = lab.popen("playbooks/dns.yml", settings=settings)
    for line in process.stdout:
        if "Configure BIND" in line:
            break
    time.sleep(choice.uniform(0, 1.2))
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    lab.playbook("playbooks/dns.yml", settings=settings)
    assert [lab.dig(f"@{lab.address(server)}", "killed.st.um") for server in SERVERS] == [[records[0]["value"]]] * 2
    assert lab.serial(135) == lab.serial(137)
    for host in ("primary", "secondary", "internet"):
        assert "journal" not in lab.run(host, "ls", "/var/lib/service_config/named")
        assert f"responses-per-second {20 + seed};" in lab.run(host, "named-checkconf", "-px")
    assert changed(lab.playbook("playbooks/dns.yml", settings=settings)) == 0


def test_the_lab_is_as_before(lab: Lab) -> None:
    """Leave what the project's own settings say."""
    lab.playbook("site.yml")
    assert changed(lab.playbook("site.yml")) == 0
    assert all(result["ok"] for result in lab.probes().values())
