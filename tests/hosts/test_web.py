"""Virtual hosts come, change and go, wrong ones are refused, and nobody is turned away meanwhile."""

import re
from typing import Any

import pytest

from lab import Lab, changed
from pages import HOSTS, apache_since, curl, nobody_is_turned_away

pytestmark = pytest.mark.only_swapped


def ends(lab: Lab, name: str) -> str:
    """Return the serial number of a certificate on the primary server."""
    return lab.run("primary", "openssl", "x509", "-noout", "-serial", "-in", f"/etc/ssl/site/{name}.pem")


def test_a_site_that_is_to_go_has_its_certificate_for_as_long_as_apache_looks_for_it(lab: Lab) -> None:
    """Certificates are renewed daily, and Apache is reloaded each night; it ends when it looks for one that is gone."""
    began = apache_since(lab)
    lab.playbook("playbooks/renew.yml", settings={"site_web_hosts": HOSTS[:3]})
    lab.run("primary", "systemctl", "reload", "apache2")
    lab.run("primary", "apache2ctl", "configtest")
    assert curl(lab, "https://www3.st.um/") == "200"
    assert apache_since(lab) == began


@pytest.mark.slow
def test_a_new_name_reissues_that_certificate_alone_and_nobody_is_turned_away(lab: Lab) -> None:
    before = {name: ends(lab, name) for name in ("dns", "web", "www3.st.um")}
    began = apache_since(lab)
    with nobody_is_turned_away(lab):
        vhosts = [*HOSTS[:3], {**HOSTS[3], "aliases": ["shop.st.um"]}, {"name": "new.st.um", "tls": True}]
        output = lab.playbook("site.yml", "-l", "primary", settings={"site_web_hosts": vhosts})
        assert "www3.st.um: its names are www3.st.um, not shop.st.um, www3.st.um" in re.sub(r"\s+", " ", output)
        assert curl(lab, "https://shop.st.um/") == "200"
        assert curl(lab, "https://new.st.um/") == "200"
        assert changed(lab.playbook("site.yml", "-l", "primary", settings={"site_web_hosts": vhosts})) == 0
        after = {name: ends(lab, name) for name in before}
        assert {name for name in before if before[name] != after[name]} == {"www3.st.um"}
        lab.playbook("site.yml", "-l", "primary")
        assert apache_since(lab) == began  # reloaded, not restarted
    assert "new.st.um.pem" not in lab.run("primary", "ls", "/etc/ssl/site").split()
    assert curl(lab, "-k", "--resolve", f"new.st.um:80:{lab.address(135)}", "http://new.st.um/") == "404"
    # Its pages stay, as somebody may have written them.
    assert lab.run("primary", "ls", "/var/www/new.st.um") == "index.php\npage.css\n"
    lab.run("primary", "rm", "-r", "/var/www/new.st.um", "/etc/ssl/site/new.st.um.key")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(
            {"site_web_hosts": [*HOSTS, {"name": "www9.st.um", "options": ["NoSuchDirective on"]}]},
            "Invalid command 'NoSuchDirective'",
            id="a directive that does not exist",
        ),
        pytest.param(
            {"apache_vhosts": [*HOSTS, {"name": "www9.st.um", "tls": True}]},
            "SSLCertificateFile: file '/etc/ssl/site/www9.st.um.pem' does not exist or is empty",
            id="a certificate that is missing",
        ),
    ],
)
def test_what_apache_refuses_leaves_the_old_configuration(lab: Lab, settings: dict[str, Any], words: str) -> None:
    files = "cd /etc/apache2 && find . -type f | sort | xargs sha256sum; find . -type l -printf '%p %l\\n' | sort"
    before, began = lab.run("primary", "sh", "-c", files), apache_since(lab)
    output = lab.playbook("playbooks/web.yml", settings=settings, fails=True)
    assert words in re.sub(r"\s+", " ", output)
    assert lab.run("primary", "sh", "-c", files) == before
    assert apache_since(lab) == began
    assert curl(lab, "https://www3.st.um/") == "200"
    lab.run("primary", "rm", "-rf", "/var/www/www9.st.um")


def test_check_mode_shows_a_virtual_host_whose_certificate_is_yet_to_be_issued(lab: Lab) -> None:
    settings = {"site_web_hosts": [*HOSTS, {"name": "www5.st.um", "tls": True}]}
    before = lab.checksums("primary")
    output = lab.playbook("site.yml", "-l", "primary", "--check", "--diff", settings=settings)
    assert "+    SSLCertificateFile /etc/ssl/site/www5.st.um.pem" in output
    assert lab.checksums("primary") == before


def test_sites_of_others_are_left_alone(lab: Lab) -> None:
    site = "/etc/apache2/sites-available/mine.conf"
    text = "<VirtualHost *:80>\nServerName mine.st.um\nRedirect 410 /\n</VirtualHost>\n"
    lab.run("primary", "sh", "-c", f"printf '{text}' >{site} && a2ensite --quiet mine && systemctl reload apache2")
    try:
        settings = {"site_web_hosts": HOSTS[:2]}
        lab.playbook("playbooks/web.yml", settings=settings)
        assert curl(lab, "--resolve", f"mine.st.um:80:{lab.address(135)}", "http://mine.st.um/") == "410"
        assert curl(lab, "http://www2.st.um/") == "404"
    finally:
        lab.playbook("playbooks/web.yml")
        lab.run("primary", "sh", "-c", f"a2dissite --quiet mine && rm {site} && systemctl reload apache2")
    assert curl(lab, "http://www2.st.um/") == "401"


def test_passwords_are_kept_as_hashes_that_do_not_change(lab: Lab) -> None:
    name = "/etc/apache2/server-for-dummies.htpasswd"
    assert lab.run("primary", "stat", "-c", "%U %G %a", name) == "root www-data 640\n"
    lines = lab.run("primary", "cat", name).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["user1", "user2"]
    assert all(re.fullmatch(r"\w+:\$2y\$10\$[./A-Za-z0-9]{53}", line) for line in lines)
    assert len({line[14:36] for line in lines}) == 2  # each has a salt of its own
    assert changed(lab.playbook("playbooks/web.yml")) == 0
    word = (lab.secrets() / "password-user1").read_text().strip()
    output = lab.playbook("playbooks/web.yml", "-vvv", "--diff", settings={"apache_groups": {"dummies": ["user2"]}})
    try:
        assert word not in output
        assert lines[0].partition(":")[2] not in output
        assert curl(lab, "--user", f"user1:{word}", "http://www2.st.um/") == "401"
    finally:
        lab.playbook("playbooks/web.yml")
    assert curl(lab, "--user", f"user1:{word}", "http://www2.st.um/") == "200"


def test_pages_belong_to_whoever_writes_them(lab: Lab) -> None:
    page = "/var/www/www1.st.um/index.php"
    lab.run("primary", "sh", "-c", f"cp -a {page} /root/page && rm {page} && echo mine >/var/www/www1.st.um/index.html")
    try:
        assert changed(lab.playbook("playbooks/web.yml")) == 0
        assert lab.run("client", "curl", "--silent", "http://www1.st.um/") == "mine\n"
    finally:
        lab.run("primary", "sh", "-c", f"mv /root/page {page} && rm /var/www/www1.st.um/index.html")
