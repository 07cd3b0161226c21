"""What `playbooks/verify.yml` leaves: every result, what was said on the way, a page that shows it, and no secret."""

import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab import TOP, Lab

sys.path.insert(0, str(TOP / "lab"))

import report_map

SERVICES = {"dns", "ca", "firewall", "ssh", "ldap", "mail", "web"}
CHECKERS = {
    "primary": {
        "named-checkconf -z",
        "slaptest -u",
        "ldapsearch",
        "sshd -t",
        "doveconf",
        "exim4 -bV",
        "apachectl configtest",
    },
    "secondary": {"named-checkconf -z", "slaptest -u", "ldapsearch", "sshd -t"},
}


class Run(NamedTuple):
    """What one run left."""

    status: int
    results: list[dict[str, Any]]
    page: str
    output: str

    def states(self) -> dict[str, dict[str, str]]:
        """Return the state of each service on each host, as the map shows it."""
        site = report_map.Site(self.results)
        return {host.name: {name: tally.state for name, tally in host.services.items()} for host in site.hosts}


def verify(lab: Lab, folder: Path, *arguments: str) -> Run:
    process = lab.popen("playbooks/verify.yml", *arguments, settings={"verify_build_dir": str(folder)})
    output, _ = process.communicate(timeout=300)
    assert (folder / "verify.json").exists(), output
    text, page = ((folder / name).read_text(encoding="utf-8") for name in ("verify.json", "verify.html"))
    return Run(process.returncode, json.loads(text), page, output)


@pytest.fixture(scope="module")
def run(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return verify(lab, tmp_path_factory.mktemp("verify"))


def test_all_hosts_are_on_the_map_and_well(run: Run) -> None:
    assert run.status == 0, run.output
    states = run.states()
    assert set(states) == {"primary", "secondary", "client", "internet"}
    assert set(states["primary"]) == SERVICES
    assert {"dns", "ssh", "ldap"} <= set(states["secondary"])
    assert {state for found in states.values() for state in found.values()} == {"good"}
    assert 'aria-label="mail on primary: ' in run.page


def test_the_servers_look_at_their_own_configuration(run: Run) -> None:
    for host, wanted in CHECKERS.items():
        found = [each["probe"] for each in run.results if each["from"] == host and each["service"] != "verify"]
        assert {word for word in wanted for probe in found if word in probe} == wanted
        assert len(found) == len(wanted)
    zones = next(each for each in run.results if "named-checkconf" in each["probe"])
    assert "zone st.um/IN: loaded serial" in zones["transcript"]


def test_what_was_said_is_told_for_nearly_every_probe(run: Run) -> None:
    silent = [each["probe"] for each in run.results if "transcript" not in each and each["service"] != "verify"]
    assert silent == ["resolver: every server is in use"]  # which reads a file
    assert max(len(each.get("transcript", "")) for each in run.results) < 4200


def test_facts_are_seen(run: Run) -> None:
    kinds = {fact["kind"] for each in run.results for fact in each.get("facts", [])}
    assert kinds == {"run", "host", "certificate", "authority", "serial", "signatures", "copy"}
    shown = {(each["port"], each["server_name"]) for each in report_map.facts(run.results, "certificate")}
    assert {(853, "ns1.st.um"), (443, "www3.st.um"), (993, "mail.st.um"), (636, "ns2.st.um")} <= shown


def forms(secret: str) -> set[str]:
    """Return how a secret may be written, also where it stands behind something else in base64."""
    texts = [base64.b64encode(f"{before}{secret}".encode()).decode() for before in ("", "x", "xx")]
    return {secret, *(text.rstrip("=")[4:-3] for text in texts)}


def talk(lab: Lab, host: str, *arguments: str) -> str:
    """Return all that probes have said and heard, however much it is."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); import frame, transcript; "
    script += "transcript.LIMIT = transcript.ENTRIES = transcript.SHARE = 10**7; frame.main(sys.argv[2:])"
    program = "/usr/local/lib/server-for-dummies/verify"
    results = json.loads(lab.run(host, "python3", "-B", "-c", script, program, *arguments))
    return "\n".join(f"{each['detail']}\n{each.get('transcript', '')}" for each in results)


@pytest.mark.only_default
def test_no_secret_is_in_it(lab: Lab, run: Run) -> None:
    files = [file for file in lab.secrets().rglob("*") if file.is_file()]
    secrets = {file.name: file.read_text(encoding="utf-8").strip() for file in files}
    assert len(secrets) > 10
    results = json.dumps(run.results, ensure_ascii=False)
    everything = "".join(
        talk(lab, host, "--service=mail", "--service=web", "--service=ldap") for host in ("client", "internet")
    )
    for written in (results, run.page, everything):
        told = {name for name, secret in secrets.items() for form in forms(secret) if len(form) > 5 and form in written}
        assert told == set()
        assert "PRIVATE KEY" not in written
    # Nor those that the probes themselves have made up or spoilt; and there was something to hide.
    for word in (r"PASS", r"AUTH PLAIN", r"AUTH LOGIN", r"AUTHENTICATE \S+", r"\S+ LOGIN \S+", r"Authorization: Basic"):
        lines = re.findall(rf"^[> ] *{word} .*$", everything, re.MULTILINE)
        assert lines, word
        assert all(line.endswith(" ****") for line in lines), lines


@pytest.mark.only_default
def test_nobodys_letters_are_in_it(lab: Lab) -> None:
    letter = "From: a@example.org\nMessage-ID: <private@example.org>\nSubject: private matter\n\nDear User One\n"
    new, everywhere = "/home/$user/Maildir/new/1.private", "/home/*/Maildir/*/1.private*"
    put = f'for user in user1 user2; do printf %s "$1" >{new}; chown $user {new}; done'
    lab.run("primary", "sh", "-ec", put, "sh", letter)
    try:
        said = "".join(talk(lab, host, "--service=mail", "--probe=* letter*") for host in ("client", "internet"))
    finally:
        lab.run("primary", "sh", "-c", f"rm -f {everywhere}")
    assert "> TOP 1 0" in said
    assert "> RETR" in said
    for word in ("private matter", "private@example", "Dear User One"):
        assert word not in said


@pytest.fixture
def silent(lab: Lab) -> Iterator[None]:
    lab.run("secondary", "systemctl", "stop", "named")
    yield
    lab.run("secondary", "systemctl", "start", "named")


@pytest.mark.only_default
@pytest.mark.usefixtures("silent")
def test_a_broken_service_is_seen_to_be_broken(lab: Lab, tmp_path: Path) -> None:
    broken = verify(lab, tmp_path, "--tags", "dns")
    assert broken.status != 0
    assert {each["service"] for each in broken.results} == {"dns", "verify"}
    states = broken.states()
    assert states["secondary"] == {"dns": "bad"}
    assert states["primary"] == {"dns": "good"}
    assert re.search(r'aria-label="dns on secondary: \d+ of \d+ failed"', broken.page)
    assert "no answer" in broken.page  # among the serials
    assert "client: secondary ipv4 udp: A st.um" in broken.output


@pytest.mark.only_default
def test_a_zone_file_that_is_wrong_is_found_by_the_server_itself(lab: Lab, tmp_path: Path) -> None:
    lab.run(
        "primary",
        "sh",
        "-ec",
        "cd /var/lib/bind; cp -a st.um.zone /root/whole; echo 'x.st.um. 60 IN A nowhere' >>st.um.zone",
    )
    try:
        wrong = verify(lab, tmp_path, "--tags", "dns", "-l", "primary")
    finally:
        lab.run("primary", "sh", "-ec", "cd /var/lib/bind; cat /root/whole >st.um.zone; rm /root/whole")
    assert wrong.status != 0
    [failed] = [each for each in wrong.results if not each["ok"]]
    assert (failed["from"], failed["service"]) == ("primary", "dns")
    assert "bad dotted quad" in failed["detail"]
