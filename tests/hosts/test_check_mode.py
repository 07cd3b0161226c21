"""Check mode tells what would change, changes nothing, and agrees with a run."""

import pytest

from lab import Lab, changed

HOSTS = ("primary", "secondary", "client", "internet")


def test_nothing_is_left_to_do(lab: Lab) -> None:
    before = {host: lab.checksums(host) for host in HOSTS}
    assert changed(lab.playbook("site.yml", "--check", "--diff")) == 0
    assert {host: lab.checksums(host) for host in HOSTS} == before


@pytest.mark.only_swapped
def test_a_change_is_foretold_and_not_made(lab: Lab) -> None:
    before = {host: lab.checksums(host) for host in HOSTS}
    settings = {"site_records": [{"name": "foretold", "type": "A", "value": "192.0.2.6"}]}
    output = lab.playbook("site.yml", "--check", "--diff", settings=settings)
    assert changed(output) == 3  # the zone, and what the probes of two hosts expect
    assert "+foretold.st.um. 604800 IN A 192.0.2.6" in output
    assert {host: lab.checksums(host) for host in HOSTS} == before
