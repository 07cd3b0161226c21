"""The probe of the primary: what it asks named to do about a signed zone that is behind its file, and what it must not.

The tools of BIND are stood in for: named comes into most of these states for moments only.
"""

import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

TEMPLATE = Path(__file__).parents[2] / "roles/bind9/templates/probe.sh.j2"
SERIAL = 2026112205
RECORDS = "st.um. 60 IN A 192.0.2.1\nwww.st.um. 60 IN A 192.0.2.2\n"
OF_THE_SIGNER = """\
; resign=20261212055923
st.um. 60 IN RRSIG A 13 ...
st.um. 60 IN DNSKEY 257 ...
st.um. 60 IN NSEC www.st.um. A
"""
TOOLS = {
    "dig": 'cat >/dev/null; cat "$HOME/served"',
    "rndc": 'echo "$*" >>"$HOME/asked"; if [ "$1" = zonestatus ]; then cat "$HOME/status"; fi',
    "named-compilezone": 'for last; do :; done; cat "$last"',
    "sleep": 'if [ -e "$HOME/later" ]; then mv "$HOME/later" "$HOME/served"; fi',
}


class Named:
    """What named serves and tells, in the files that the tools' stand-ins read."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name, script in TOOLS.items():
            tool = home / name
            tool.write_text(f"#!/bin/sh\n{script}\n")
            tool.chmod(0o755)
        zone = home / "st.um.zone"
        (home / "status").write_text(f"name: st.um\ntype: primary\nfiles: {zone}\nserial: {SERIAL}\nsigned serial: 7\n")
        zone.write_text(RECORDS)
        self.signed = zone.with_name(f"{zone.name}.signed")
        self.signed.write_text(RECORDS + OF_THE_SIGNER)

    def serves(self, serial: int | None, file: str = "served") -> None:
        line = f"st.um. 3600 IN SOA ns1.st.um. hostmaster.st.um. {serial} 1 1 1 1\n"
        (self.home / file).write_text("" if serial is None else line)

    def probe(self) -> tuple[int, str, list[str]]:
        """Return the probe's exit status and words, and what rndc was asked for."""
        variables = {
            "bind9_role": "primary",
            "bind9_views": [{"name": "main"}],
            "bind9_addresses": ["192.0.2.53"],
            "__bind9_views": [{"name": "main", "address": ""}],
            "__bind9_static": [{"origin": "st.um.", "serial": SERIAL}],
        }
        script = Templar(DataLoader(), variables=variables).template(trust_as_template(TEMPLATE.read_text()))
        environment = {"HOME": str(self.home), "PATH": f"{self.home}:/usr/bin:/bin"}
        done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        asked = self.home / "asked"
        return done.returncode, done.stdout, asked.read_text().splitlines() if asked.exists() else []


@pytest.fixture
def named(tmp_path: Path) -> Named:
    return Named(tmp_path)


@pytest.mark.parametrize("serial", [SERIAL, SERIAL + 3, SERIAL + 2**31 - 1])
def test_a_zone_that_is_not_behind_is_right(named: Named, serial: int) -> None:
    named.serves(serial)
    assert named.probe() == (0, "", [])


def test_named_gets_a_moment_to_catch_up(named: Named) -> None:
    named.serves(SERIAL - 1)
    named.serves(SERIAL, file="later")
    assert named.probe() == (0, "", [])


@pytest.mark.parametrize(
    ("serial", "words"),
    [(SERIAL - 1, f"served is {SERIAL - 1}"), (SERIAL - 2**30, "is wanted, served is"), (None, "is not served")],
)
def test_a_zone_that_named_has_not_loaded_is_behind(named: Named, serial: int | None, words: str) -> None:
    named.serves(serial)
    (named.home / "status").write_text("serial: 7\n")
    status, output, asked = named.probe()
    assert (status, asked) == (1, ["zonestatus st.um. IN main"])
    assert output.splitlines()[0] == "192.0.2.53:"
    assert words in output


def test_a_zone_that_was_loaded_with_the_same_records_is_told_to_go_on(named: Named) -> None:
    named.serves(SERIAL - 1)
    status, output, asked = named.probe()
    assert status == 1
    assert "other records" not in output
    assert asked == [
        "zonestatus st.um. IN main",
        "sync st.um. IN main",
        f"signing -serial {SERIAL} st.um. IN main",
        "notify st.um. IN main",
    ]


@pytest.mark.parametrize("line", ["www.st.um. 60 IN A 192.0.2.2\n", "st.um. 60 IN A 192.0.2.1\n"])
def test_a_zone_that_is_signed_with_other_records_keeps_its_serial(named: Named, line: str) -> None:
    named.serves(SERIAL - 1)
    named.signed.write_text((RECORDS + OF_THE_SIGNER).replace(line, line.replace("192.0.2", "198.51.100")))
    status, output, asked = named.probe()
    assert status == 1
    assert f"st.um.: named signs other records than {named.home}/st.um.zone has" in output
    assert asked == ["zonestatus st.um. IN main", "sync st.um. IN main"]
