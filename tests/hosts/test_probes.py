"""The probes pass, and each group of them fails when what it watches is broken for real."""

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch

import pytest

from lab import Lab, wait_until

OPTIONS = "/etc/bind/named.conf.options"
LOCAL = "/etc/bind/named.conf.local"
RELOAD = "rndc reload >/dev/null"


def edit(file: str, expression: str, then: str = RELOAD) -> tuple[str, str]:
    """Return the commands that break a file with sed, and mend it again."""
    return (
        f"cp -a {file} /root/whole && sed -E '{expression}' /root/whole >{file} && "
        f"! cmp -s {file} /root/whole && {then}",
        f"cat /root/whole >{file} && rm /root/whole && {then}",
    )


def edit_zone(zone: str, expression: str, then: str = "true") -> tuple[str, str]:
    """Return the like for a zone; each of the two takes the next serial, so that the servers believe it."""
    file = f"/var/lib/bind/{zone}.zone"
    serial = f"$(awk '/ IN SOA /{{print $6}}' {file})"
    bump = f'sed -i -E "s/( IN SOA [^ ]+ [^ ]+) [0-9]+/\\1 $next/" {file} && rndc reload {zone} >/dev/null && {then}'
    return (
        f"next=$(({serial} + 1)); cp -a {file} /root/whole && sed -i -E '{expression}' {file} && "
        f"! cmp -s {file} /root/whole && {bump}",
        f"next=$(({serial} + 1)); cat /root/whole >{file} && rm /root/whole && {bump}",
    )


def both(first: tuple[str, str], second: tuple[str, str]) -> tuple[str, str]:
    """Return the commands of two breaks at once."""
    return (
        f"{first[0]} && mv /root/whole /root/first && {second[0]}",
        f"{second[1]} && mv /root/first /root/whole && {first[1]}",
    )


# What is broken: (host, commands, where the probes run, the probes that fail)
BROKEN: dict[str, tuple[str, tuple[str, str], str, list[str]]] = {
    "secondary down": ("secondary", ("systemctl stop named", "systemctl start named"), "client", ["secondary *"]),
    "primary down": ("primary", ("systemctl stop named", "systemctl start named"), "client", ["primary *"]),
    "secondary down, from outside": (
        "secondary",
        ("systemctl stop named", "systemctl start named"),
        "internet",
        ["secondary *"],
    ),
    "record missing": (
        "primary",
        edit_zone("st.um", "/^client.st.um. [0-9]+ IN A /d"),
        "client",
        ["* ???: A st.um", "* tcp: AXFR st.um"],
    ),
    "record changed": ("primary", edit_zone("st.um", "s/ IN MX 10 / IN MX 20 /"), "client", ["* ???: MX st.um"]),
    "record added": (
        "primary",
        edit_zone("st.um", "$ a intruder.st.um. 604800 IN A 192.0.2.66"),
        "client",
        ["* tcp: AXFR st.um"],
    ),
    "serial that did not travel": (
        "primary",
        both(
            edit(LOCAL, "s/allow-transfer \\{.*/allow-transfer { none; };/"),
            edit_zone("st.um", "s/ IN MX 10 / IN MX 20 /"),
        ),
        "client",
        ["SOA st.um: the same everywhere"],
    ),
    "no recursion": ("primary", edit(OPTIONS, "s/recursion yes/recursion no/"), "client", ["primary * by recursion"]),
    "transfer for everybody": (
        "primary",
        edit(LOCAL, "s/allow-transfer \\{.*/allow-transfer { any; };/"),
        "client",
        ["primary ipv? tcp: AXFR refused without a key"],
    ),
    "short answers": (
        "primary",
        edit(OPTIONS, "s/minimal-responses no/minimal-responses yes/"),
        "client",
        ["primary ipv? udp: dig www.st.um"],
    ),
    "version shown": (
        "primary",
        edit(OPTIONS, 's/version none/version "BIND 9.20.0"/'),
        "client",
        ["primary ipv? udp: version hidden"],
    ),
    "client without its resolver": (
        "client",
        edit("/etc/resolv.conf", "s/^nameserver.*/nameserver 127.0.0.1/", "true"),
        "client",
        ["resolver: *"],
    ),
    "recursion for strangers": (
        "primary",
        edit(OPTIONS, 's/"site"; \\};/any; };/'),
        "internet",
        ["primary ipv? ???: recursion refused"],
    ),
    "no rate limit": (
        "secondary",
        edit(OPTIONS, "s/responses-per-second 10/responses-per-second 1000/"),
        "internet",
        ["secondary ipv? udp: rate limited"],
    ),
    "no way from the root": (
        "internet",
        edit_zone("um", "/ IN (A|AAAA) /d; s/ns([12]).st.um/ns\\1.nowhere.um/", "rndc flush"),
        "internet",
        ["resolver: www.st.um, by delegation"],
    ),
}


@contextmanager
def broken(lab: Lab, host: str, commands: tuple[str, str]) -> Iterator[None]:
    try:
        lab.run(host, "sh", "-c", commands[0])
        yield
    finally:
        lab.run(host, "sh", "-c", commands[1])


@pytest.mark.parametrize("host", ["client", "internet"])
def test_all_is_well(lab: Lab, host: str) -> None:
    results = lab.probes(host)
    assert len(results) > 30
    assert [name for name, result in results.items() if not result["ok"]] == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_break_is_noticed(lab: Lab, what: str) -> None:
    host, commands, where, patterns = BROKEN[what]
    arguments = [f"--probe={pattern}" for pattern in patterns]
    assert all(result["ok"] for result in lab.probes(where, *arguments).values())
    with broken(lab, host, commands):
        for pattern in patterns:
            results = lab.probes(where, f"--probe={pattern}")
            assert results
            wait_until(
                lambda pattern=pattern: not any(r["ok"] for r in lab.probes(where, f"--probe={pattern}").values())
            )
            assert all(fnmatch(name, pattern) for name in results)
    wait_until(lambda: all(result["ok"] for result in lab.probes(where, *arguments).values()), 30)
