"""What is legal, however odd it looks, is served as it was given; and what is not changes nothing anywhere."""

import base64
import html
import re

import pytest

from lab import Lab, changed
from pages import HOSTS

# Of each of these some program on the way could make something else.
ODD = 'José "Pepe" O\'Neill; $(id) $HOME | `id` \\n {{ 7 * 7 }} %u %{x} ${run{x}} <b> #'
# As it is, and not as a template
GIVEN = f"{{% raw %}}{ODD}{{% endraw %}}"
FOLDER = "Gelöscht & O'Neill (1)"
SETTINGS = {
    "site_users": [{"name": "user1", "full_name": GIVEN, "uid": 2001}, {"name": "user2", "uid": 2002}],
    "site_records": [
        {"name": "odd", "type": "TXT", "value": GIVEN},
        {"name": "ñandú", "type": "A", "value": "192.0.2.9"},
    ],
    "site_zones": [{"name": "bücher.example", "records": [{"name": "straße", "type": "CNAME", "value": "www.st.um."}]}],
    "site_web_hosts": [
        *HOSTS,
        {"name": "bücher.st.um", "aliases": ["ü.st.um"], "title": GIVEN, "text": GIVEN, "tls": True},
    ],
    "dovecot_folders": [{"name": FOLDER, "use": "Trash"}, {"name": "Junk", "use": "Junk"}],
    "openssl_ca_subject": [{"C": "ES"}, {"O": 'A/B + "C"; $HOME \\'}],
}
EVERYWHERE = ("primary", "secondary", "client", "internet")


@pytest.fixture(scope="module")
def odd(lab: Lab):
    """The lab with these settings, and afterwards as it was."""
    lab.playbook("site.yml", settings=SETTINGS)
    yield lab
    lab.playbook("site.yml")
    lab.run("primary", "rm", "-r", "/var/www/xn--bcher-kva.st.um")


@pytest.mark.slow
def test_a_person_is_called_what_the_settings_say(odd: Lab) -> None:
    for host in ("primary", "client"):
        assert odd.run(host, "getent", "passwd", "user1").split(":")[4] == ODD
    for server in ("ns1", "ns2"):
        found = odd.run(
            "client",
            "ldapsearch",
            "-x",
            "-LLL",
            "-o",
            "ldif_wrap=no",
            "-H",
            f"ldap://{server}.st.um",
            "uid=user1",
            "cn",
        )
        assert [base64.b64decode(value).decode() for value in re.findall("^cn:: (.*)$", found, re.MULTILINE)] == [ODD]


@pytest.mark.slow
def test_a_record_has_the_text_that_was_given(odd: Lab) -> None:
    for server in (135, 137):
        (answer,) = odd.dig(f"@{odd.address(server)}", "odd.st.um", "TXT")
        octets = re.sub(
            rb"\\(\d{3}|.)", lambda found: bytes([int(found[1])]) if len(found[1]) == 3 else found[1], answer.encode()
        )
        assert octets == f'"{ODD}"'.encode()


@pytest.mark.slow
def test_names_in_unicode_are_served_with_a_labels(odd: Lab) -> None:
    for server in (135, 137):
        at = f"@{odd.address(server)}"
        assert odd.dig(at, "+noidnin", "xn--and-6ma2c.st.um") == ["192.0.2.9"]
        assert odd.dig(at, "+noidnin", "xn--strae-oqa.xn--bcher-kva.example", "CNAME") == ["www.st.um."]
    for name in ("xn--bcher-kva.st.um", "xn--tda.st.um"):
        page = odd.run("client", "curl", "--silent", "--fail", "--show-error", f"https://{name}/")
        title = html.escape(ODD).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        assert f"<title>{title}</title>" in page
        assert page.count(title) == 3


@pytest.mark.slow
def test_folders_have_the_names_that_were_given(odd: Lab) -> None:
    assert FOLDER in odd.run("primary", "doveadm", "mailbox", "list", "-u", "user2").splitlines()


@pytest.mark.slow
def test_a_certificate_is_for_whom_the_settings_say(odd: Lab) -> None:
    options = ("-noout", "-subject", "-nameopt", "sep_multiline,utf8")
    subject = odd.run("primary", "openssl", "x509", *options, "-in", "/etc/ssl/site/xn--bcher-kva.st.um.pem")
    assert [line.strip() for line in subject.splitlines()[1:]] == [
        "C=ES",
        'O=A/B + "C"; $HOME \\',
        "CN=xn--bcher-kva.st.um",
    ]


@pytest.mark.slow
def test_a_second_run_changes_nothing(odd: Lab) -> None:
    assert changed(odd.playbook("site.yml", settings=SETTINGS)) == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(
            {"openssh_options": {"Banner": "none\nPermitRootLogin yes"}},
            r"Edit openssh_options.Banner: 'none\nPermitRootLogin yes' is not valid as value: one line is possible",
            id="a second line",
        ),
        pytest.param(
            {"exim4_catch_all": {"st.um": "${run{/bin/reboot}}"}},
            "Edit exim4_catch_all.st.um: '${run{/bin/reboot}}' is not valid as mailbox",
            id="an expansion",
        ),
        pytest.param(
            {"site_users": [{"name": "root"}]},
            "Edit site_users[0].name: 'root' is not valid as account: it is the name of a user or group",
            id="a reserved name",
        ),
        pytest.param(
            {"site_users": [{"name": "user1", "uid": 2001}, {"name": "user2", "uid": 2001}]},
            "Edit the uid in site_users: [2001, 2001] is not valid as distinct: 2001 is there twice",
            id="a number twice",
        ),
    ],
)
@pytest.mark.only_default
def test_nothing_has_changed(lab: Lab, settings: dict, words: str) -> None:
    before = [lab.checksums(host) for host in EVERYWHERE]
    output = re.sub(r"\s+", " ", lab.playbook("site.yml", settings=settings, fails=True))
    assert words in output
    assert "Install the packages" not in output
    assert [lab.checksums(host) for host in EVERYWHERE] == before
