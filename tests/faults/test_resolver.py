"""The resolver's role finds out whose file /etc/resolv.conf is, and does the right thing with each."""

import pytest

from lab import Lab, changed

RUN = ("playbooks/resolver.yml", "-l", "client")
# How the host comes to its /etc/resolv.conf; in a container it has to get rid of the engine's first.
KINDS = {
    "file": "rm -f /etc/resolv.conf && echo nameserver 127.0.0.1 >/etc/resolv.conf",
    "resolvconf": "apt-get -qq install resolvconf && test -L /etc/resolv.conf",
    "systemd-resolved": "apt-get -qq install systemd-resolved && systemctl start systemd-resolved",
}
WHERE = {
    "file": "/etc/resolv.conf",
    "resolvconf": "/etc/resolvconf/resolv.conf.d/head",
    "systemd-resolved": "/etc/systemd/resolved.conf.d/server-for-dummies.conf",
}


@pytest.fixture(scope="module", autouse=True)
def blank_client(lab: Lab) -> None:
    """Give the client back afterwards."""
    yield
    lab.rebuild("client")
    lab.playbook("site.yml", "-l", "client")


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_resolved(lab: Lab, kind: str) -> None:
    lab.rebuild("client")
    lab.run("client", "sh", "-c", f"umount /etc/resolv.conf && export DEBIAN_FRONTEND=noninteractive && {KINDS[kind]}")
    link = lab.run("client", "sh", "-c", "readlink /etc/resolv.conf || true")
    assert not lab.run("client", "getent", "ahostsv4", "www.st.um", check=False)

    assert changed(lab.playbook(*RUN, "--check")) == 1
    assert changed(lab.playbook(*RUN)) == 1
    assert "st.um" in lab.run("client", "cat", WHERE[kind])
    for name in ("www.st.um", "www"):
        assert lab.run("client", "getent", "ahostsv4", name).split()[0] == lab.address(135)
    # The package's way of giving the file is left in place, and nothing is left to do.
    assert lab.run("client", "sh", "-c", "readlink /etc/resolv.conf || true") == link
    assert changed(lab.playbook(*RUN)) == 0
