"""A public authority certifies virtual hosts, of which nobody has to think again; `internet` plays it."""

import json
from collections.abc import Iterator

import pytest

from lab import Lab, changed, wait_until
from pages import HOSTS, apache_since, curl, nobody_is_turned_away

NAMES = ["acme.st.um", "acme2.st.um"]
VHOSTS = [
    *HOSTS,
    {"name": NAMES[0], "tls": True, "acme": True, "aliases": ["bill.st.um"]},
    {"name": NAMES[1], "tls": True, "acme": True},
]
FOLDER, ROOT, CA = "/run/pebble", "/usr/local/share/ca-certificates/pebble.crt", "/run/pebble.pem"
VALID, WINDOW = 600, 585  # seconds: a certificate is renewed when it is 15 seconds old
FILES = """
cd /etc && find apache2 systemd -type f | sort | xargs sha256sum
find apache2 systemd -type l -printf '%p %l\\n' | sort
apache2ctl -M
systemctl list-units --all --plain --no-legend 'apache2*'
"""
# Tells of one more certificate, which is never there: Apache, which is to put it there, may not write to its folder.
STUCK = """
cd /var/lib/apache2/md/staging && mkdir -m 0700 /root/stuck && touch /root/stuck/renewed
rm -rf acme.st.um && mv -T /root/stuck acme.st.um
"""


@pytest.fixture(scope="module")
def authority(lab: Lab) -> Iterator[str]:
    """Run an authority's server; yield the address of its directory."""
    address = f"172.16.{lab.net + 1}.10"
    config = {
        "listenAddress": f"{address}:14000",
        "managementListenAddress": f"{address}:15000",
        "certificate": f"{FOLDER}/cert.pem",
        "privateKey": f"{FOLDER}/key.pem",
        "httpPort": 80,
        "tlsPort": 443,
        "certificateValidityPeriod": VALID,
    }
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    make += ["-subj", "/CN=pebble", "-addext", f"subjectAltName=IP:{address}"]
    lab.run("internet", "sh", "-c", "apt-get -q update && apt-get -q install --yes pebble")
    lab.run("internet", "mkdir", "-p", FOLDER)
    lab.run("internet", *make, "-keyout", f"{FOLDER}/key.pem", "-out", f"{FOLDER}/cert.pem")
    text = json.dumps({"pebble": config})
    lab.run("internet", "sh", "-c", f"cat >{FOLDER}/config.json <<'END'\n{text}\nEND")
    # It asks for each proof anew, and takes up to three seconds for it, but every number that it has given.
    settings = ["PEBBLE_VA_SLEEPTIME=3", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=0"]
    unit = ["systemd-run", "--quiet", "--unit=pebble", *(f"--setenv={setting}" for setting in settings)]
    lab.run("internet", *unit, "pebble", "-config", f"{FOLDER}/config.json")
    try:
        fetch = ["curl", "--silent", "--fail", "--insecure", f"https://{address}:15000/roots/0"]
        wait_until(lambda: lab.run("client", *fetch, check=False))
        root, cert = lab.run("client", *fetch), lab.run("internet", "cat", f"{FOLDER}/cert.pem")
        lab.run("primary", "sh", "-c", f"echo '{cert}' >{CA}")
        # It is one that everybody's browser knows.
        lab.run("client", "sh", "-c", f"echo '{root}' >{ROOT} && update-ca-certificates")
        yield f"https://{address}:14000/dir"
    finally:
        lab.run("client", "sh", "-c", f"rm -f {ROOT} && update-ca-certificates --fresh")
        lab.run("primary", "sh", "-c", f"rm -rf {CA} /var/lib/apache2/md /var/www/acme*.st.um")
        lab.run("internet", "systemctl", "stop", "pebble")
        lab.run("internet", "sh", "-c", f"rm -r {FOLDER} && apt-get -q purge --yes pebble")


def shown(lab: Lab, name: str) -> dict[str, str]:
    """Return the serial number and the issuer of the certificate that a client is shown."""
    script = f"openssl s_client -connect {name}:443 -servername {name} </dev/null | openssl x509 -noout -serial -issuer"
    lines = lab.run("client", "sh", "-c", script).splitlines()
    return dict(line.split("=", 1) for line in lines)


def state(lab: Lab) -> str:
    """Return the state of the unit that waits until Apache has all certificates that it is about to get."""
    show = ("systemctl", "show", "--value", "--property", "ActiveState", "apache2-acme.service")
    return lab.run("primary", *show).strip()


def test_certificates_come_are_renewed_and_go_by_themselves(lab: Lab, authority: str) -> None:
    lab.forget()
    settings = {
        "site_web_hosts": VHOSTS,
        "apache_acme": {"url": authority, "ca_file": CA, "caa": "acme.example", "contact": "me@st.um", "agreed": True},
        "apache_options": {"MDRenewWindow": f"{WINDOW}s", "MDCheckInterval": "3s", "MDRenewViaARI": "off"},
    }
    lab.run("primary", "sh", "-c", ">/var/log/apache2/error.log; systemctl restart apache2")  # it never had mod_md
    before, began, www3 = lab.run("primary", "sh", "-c", FILES), apache_since(lab), shown(lab, "www3.st.um")
    assert lab.dig("st.um", "CAA") == ['0 issue ";"']
    try:
        with nobody_is_turned_away(lab):
            lab.playbook("site.yml", "-l", "primary,client", settings=settings)
            assert lab.dig("st.um", "CAA") == ['0 issue "acme.example"']
            assert lab.dig("_443._tcp.acme.st.um", "TLSA") == []
            assert len(lab.dig("_443._tcp.www3.st.um", "TLSA")) > 0
            for name in (*NAMES, "bill.st.um"):
                wait_until(lambda name=name: curl(lab, f"https://{name}/") == "200", 60)
            assert all("Pebble Intermediate CA" in shown(lab, name)["issuer"] for name in NAMES)
            assert changed(lab.playbook("site.yml", "-l", "primary", settings=settings)) == 0
            # More than once, since what spoils one renewal shows in the next.
            for _ in range(2):
                old = {name: shown(lab, name)["serial"] for name in NAMES}
                for name in NAMES:
                    wait_until(lambda name=name, old=old: shown(lab, name)["serial"] != old[name], 60)
            assert {curl(lab, f"https://{name}/") for name in NAMES} == {"200"}
            results = lab.probes("client", "--service=web")
            assert not {name: result["detail"] for name, result in results.items() if not result["ok"]}
            assert any(name.startswith(NAMES[0]) for name in results)
            assert shown(lab, "www3.st.um") == www3
            # Nor was one spoilt by the reload for another.
            assert lab.run("primary", "grep", "-c", "md:error", "/var/log/apache2/error.log", check=False) == "0\n"
            # All of it goes while somebody waits for a certificate.
            lab.run("primary", "sh", "-c", STUCK)
            wait_until(lambda: state(lab) == "activating")
    finally:
        lab.playbook("site.yml", "-l", "primary,client")
    assert apache_since(lab) == began  # reloaded, not restarted
    # Who was waiting has seen that there is nothing more to wait for.
    wait_until(lambda: state(lab) == "inactive", 5)
    assert lab.run("primary", "sh", "-c", FILES) == before
    assert lab.dig("st.um", "CAA") == ['0 issue ";"']
    assert changed(lab.playbook("site.yml", "-l", "primary,client")) == 0
