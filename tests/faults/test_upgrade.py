"""A primary server gets the next release of Debian, as README.md says, and nobody misses anything."""

import time
from collections.abc import Iterator

import pytest
from test_backup import CHOSEN, set_password, state, tidy_up, use

from doors import ALL, doors
from lab import Lab, changed
from letters import password
from readme import blocks


@pytest.fixture
def old(lab: Lab) -> Iterator[None]:
    """A primary server with Debian 12 that people have used."""
    lab.env["LAB_SWAPPED"] = "true"
    lab.rebuild("primary")
    lab.playbook("site.yml")
    lab.playbook("site.yml")
    assert lab.release("primary") == "12"
    use(lab)
    yield
    tidy_up(lab)
    del lab.env["LAB_SWAPPED"]
    assert changed(lab.playbook("site.yml")) == 0


@pytest.mark.usefixtures("old")
def test_a_new_release_of_debian_finds_all_in_its_place(lab: Lab) -> None:
    before = state(lab)
    on_the_host, [then] = blocks("The next release of Debian")
    assert on_the_host.pop() == "reboot"
    lab.run("primary", "sh", "-ec", "\n".join(on_the_host))
    assert lab.release("primary") == "13"
    lab.power_cycle("primary", "degraded")
    assert then == "ansible-playbook site.yml -l primary"
    began = time.monotonic()
    lab.playbook("site.yml", "-l", "primary")
    print(f"site.yml took {time.monotonic() - began:.0f} s after the upgrade")
    assert changed(lab.playbook("site.yml")) == 0
    lab.power_cycle("primary")
    after = state(lab)
    # The new slapd may know more; what of its configuration is ours is looked at by site.yml.
    assert [what for what in before if before[what] != after[what] and "configuration" not in what] == []
    assert lab.run("primary", "systemctl", "list-units", "--failed", "--no-legend") == ""
    lab.forget()
    assert set(doors(lab, CHOSEN)) >= {"imap", "pop3", "smtp", "sieve"}
    assert set(doors(lab, CHOSEN)) <= set(ALL)
    set_password(lab, password(lab, "user1"))  # which the probes know
    for host in ("client", "internet"):
        assert [result for result in lab.probes(host).values() if not result["ok"]] == []
