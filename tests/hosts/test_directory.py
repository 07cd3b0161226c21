"""The directory: what people find and change, what the settings put there, and what is refused."""

import re
import secrets
import subprocess
import time
from collections.abc import Iterator

import pytest

from lab import Lab, changed, wait_until
from letters import password

RUN = ("playbooks/directory.yml",)
SERVERS = {"primary": "ldap://ns1.st.um", "secondary": "ldap://ns2.st.um"}
USER = "cn=User One,ou=st,o=um,c=es"
ROOT = ("-Q", "-Y", "EXTERNAL", "-H", "ldapi:///")
GROUP = {
    "dn": "cn=readers,ou=st,o=um,c=es",
    "attributes": {"objectClass": "groupOfNames", "member": [USER, "cn=User Two,ou=st,o=um,c=es"]},
}
BOOK = {
    "dn": "cn=Büro: 1\\, 2,ou=st,o=um,c=es",
    "attributes": {"objectClass": "inetOrgPerson", "sn": "Büro", "description": ["{ no }", "a\nb", " c "]},
}


def asked(lab: Lab, *arguments: str, host: str = "client", fails: bool = False) -> str:
    """Ask the directory as somebody on a host does; return what is said, without the folding of lines."""
    argv = ["docker", "exec", lab.container(host), "ldapsearch", "-LLL", "-o", "ldif_wrap=no", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def values(text: str, attribute: str) -> list[str]:
    """Return the values of an attribute in LDIF."""
    return re.findall(rf"^{attribute}:+ (.*)$", text, re.MULTILINE)


def changes(lab: Lab, text: str, host: str = "primary") -> None:
    """Change the directory as root on a server does."""
    lab.run(host, "sh", "-c", 'printf "%s\n" "$0" | ldapmodify -Q -Y EXTERNAL -H ldapi:///', text)


def log_in(lab: Lab, who: str, word: str, server: str = "primary") -> str:
    """Log in; return what the server says."""
    argv = ["docker", "exec", lab.container("client"), "ldapwhoami", "-ZZ", "-x", "-H", SERVERS[server], "-D", who]
    done = subprocess.run([*argv, "-w", word], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def settings_of(entries: list[dict]) -> dict[str, list[dict]]:
    """Return the settings with further entries."""
    administrator = {"objectClass": "inetOrgPerson", "sn": "Administrator", "mobile": "611111111"}
    return {"slapd_entries": [{"dn": "cn=Server Administrator,ou=st,o=um,c=es", "attributes": administrator}, *entries]}


def state(lab: Lab) -> str:
    """Return all that says when something was written, on both servers."""
    script = "slapcat -n 0; slapcat -b o=um,c=es"
    return "".join(lab.run(host, "sh", "-c", script) for host in SERVERS)


@pytest.fixture
def as_before(lab: Lab) -> Iterator[None]:
    """Take away what a test has put there."""
    yield
    lab.playbook(*RUN, settings={"slapd_remove": True})
    assert changed(lab.playbook(*RUN)) == 0


def test_a_second_run_writes_nothing(lab: Lab) -> None:
    before = state(lab)
    assert changed(lab.playbook(*RUN)) == 0
    assert state(lab) == before
    assert len(values(before, "entryCSN")) > 20


def test_the_book_s_search(lab: Lab) -> None:
    found = asked(lab, "-x", "-H", "ldap://ldap.st.um", "-b", "cn=Server Administrator,ou=st,o=um,c=es", "mobile")
    assert found.strip() == "dn: cn=Server Administrator,ou=st,o=um,c=es\nmobile: 611111111"


def test_programs_know_where_the_directory_is_and_where_its_copy_is(lab: Lab) -> None:
    assert values(asked(lab, "-x", "-ZZ", "(mail=user2@st.um)"), "mobile") == ["627182819"]
    assert sorted(lab.dig("_ldap._tcp.st.um", "SRV")) == ["0 1 389 ns1.st.um.", "10 1 389 ns2.st.um."]
    try:
        lab.run("primary", "systemctl", "stop", "slapd")
        assert values(asked(lab, "-x", "-ZZ", "(mail=user2@st.um)"), "mobile") == ["627182819"]
        assert "dn:" in log_in(lab, USER, password(lab, "user1"), "secondary")
    finally:
        lab.run("primary", "systemctl", "start", "slapd")


@pytest.mark.parametrize("host", SERVERS)
def test_a_daemon_that_is_killed_comes_back(lab: Lab, host: str) -> None:
    lab.run(host, "sh", "-c", "kill -KILL $(cat /run/slapd/slapd.pid)")
    book = ("-x", "-H", SERVERS[host], "-b", "o=um,c=es", "(uid=user1)", "sn")
    argv = ["docker", "exec", lab.container("client"), "ldapsearch", *book]
    wait_until(lambda: "sn: Servidor" in subprocess.run(argv, capture_output=True, text=True, check=False).stdout)


@pytest.mark.only_swapped
def test_a_server_that_was_stopped_is_configured_and_started(lab: Lab) -> None:
    try:
        for host in SERVERS:
            lab.run(host, "systemctl", "stop", "slapd")
        lab.playbook(*RUN, settings={"slapd_size_limit": 400})
        for server in SERVERS:
            assert "dn:" in log_in(lab, USER, password(lab, "user1"), server)
    finally:
        lab.playbook(*RUN)
    assert changed(lab.playbook(*RUN)) == 0


@pytest.mark.only_default
def test_entries_of_the_settings_come_change_stay_and_go(lab: Lab, as_before: None) -> None:
    lab.playbook(*RUN, settings=settings_of([GROUP, BOOK]))
    assert changed(lab.playbook(*RUN, settings=settings_of([GROUP, BOOK]))) == 0
    for host in SERVERS:
        wait_until(lambda host=host: "readers" in asked(lab, *ROOT, "-b", "ou=st,o=um,c=es", "1.1", host=host))
        groups = values(asked(lab, *ROOT, "-b", USER, "memberOf", host=host), "memberOf")
        assert sorted(groups) == ["cn=dummies,ou=groups,o=um,c=es", GROUP["dn"]]
    book = asked(lab, *ROOT, "-b", "ou=st,o=um,c=es", "(sn=Büro)", "description", host="primary")
    # What is no plain text is in base64 (RFC 2849): a line end, a space at the beginning.
    assert set(values(book, "description")) == {"{ no }", "YQpi", "IGMg"}

    one = GROUP | {"attributes": GROUP["attributes"] | {"member": [USER]}}
    lab.playbook(*RUN, settings=settings_of([one]))
    assert values(asked(lab, *ROOT, "-b", GROUP["dn"], "member", host="primary"), "member") == [USER]
    assert "sn:: " in asked(lab, *ROOT, "-b", "ou=st,o=um,c=es", "(sn=Büro)", "sn", host="primary")  # it stays

    changes(lab, "dn: cn=by hand,ou=st,o=um,c=es\nchangetype: add\nobjectClass: person\nsn: Hand")
    try:
        lab.playbook(*RUN, settings={"slapd_remove": True})
        left = values(asked(lab, *ROOT, "-b", "ou=st,o=um,c=es", "-s", "one", "cn", host="primary"), "cn")
        assert sorted(left) == ["Server Administrator", "User One", "User Two", "by hand"]
    finally:
        changes(lab, "dn: cn=by hand,ou=st,o=um,c=es\nchangetype: delete")


@pytest.mark.only_default
def test_who_is_called_otherwise_keeps_what_is_theirs(lab: Lab) -> None:
    users = [{"name": "user1", "full_name": "User, 1st"}, {"name": "user2", "full_name": "User Two"}]
    try:
        changes(lab, f"dn: {USER}\nchangetype: modify\nreplace: description\ndescription: mine")
        lab.playbook(*RUN, settings={"slapd_people": users})
        assert changed(lab.playbook(*RUN, settings={"slapd_people": users})) == 0
        new = r"cn=User\2C 1st,ou=st,o=um,c=es"
        assert values(asked(lab, *ROOT, "-b", new, "description", host="primary"), "description") == ["mine"]
        assert "dn:" in log_in(lab, new, password(lab, "user1"))
    finally:
        lab.playbook(*RUN)
        changes(lab, f"dn: {USER}\nchangetype: modify\nreplace: description")
    assert changed(lab.playbook(*RUN)) == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            settings_of([{"dn": "cn=a,ou=st,o=um,c=es", "attributes": {"objectClass": "person"}}]),
            "cn=a,ou=st,o=um,c=es",
        ),
        (
            settings_of([{"dn": "cn=b,ou=st,o=um,c=es", "attributes": {"objectClass": "person", "sn": "b", "bad": 1}}]),
            "bad",
        ),
        ({"slapd_public_attributes": ["cn", "noSuchAttribute"]}, "noSuchAttribute"),
        ({"slapd_certificate": "none"}, "none.pem"),
        ({"slapd_suffix": "o=other,c=es"}, "slapd_suffix o=other,c=es"),
    ],
    ids=[
        "an entry without a must",
        "an attribute that there is not",
        "a rule about what there is not",
        "no certificate",
        "another suffix in the folder of this one",
    ],
)
def test_what_slapd_refuses_leaves_all_as_it_was(lab: Lab, settings: dict, words: str) -> None:
    before = state(lab)
    output = lab.playbook(*RUN, settings=settings, fails=True)
    assert words in output
    assert "refuses it" in output or "cannot be used" in output
    assert state(lab) == before
    for server in SERVERS:
        assert "dn:" in log_in(lab, USER, password(lab, "user1"), server)
    assert changed(lab.playbook(*RUN)) == 0


def test_people_change_their_own_password_and_runs_leave_it(lab: Lab) -> None:
    old, new = password(lab, "user1"), secrets.token_urlsafe(12)
    change = ["ldappasswd", "-ZZ", "-x", "-H", SERVERS["primary"], "-D", USER]
    try:
        lab.run("client", *change, "-w", old, "-s", new)
        for server in SERVERS:
            wait_until(lambda server=server: "dn:" in log_in(lab, USER, new, server))
            assert "Invalid credentials" in log_in(lab, USER, old, server)
        assert changed(lab.playbook(*RUN)) == 0
        assert "dn:" in log_in(lab, USER, new)
        for word in ("short", old):  # that is remembered
            argv = ["docker", "exec", lab.container("client"), *change, "-w", new, "-s", word]
            assert "Constraint violation" in subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    finally:
        changes(lab, f"dn: {USER}\nchangetype: modify\nreplace: userPassword\nuserPassword: {old}")
    wait_until(lambda: "dn:" in log_in(lab, USER, old, "secondary"))


@pytest.mark.only_swapped
def test_a_password_that_is_another_one_in_the_settings_is_given(lab: Lab) -> None:
    words, own = {name: password(lab, name) for name in ("user1", "user2")}, secrets.token_urlsafe(12)
    two = "cn=User Two,ou=st,o=um,c=es"
    try:
        changes(lab, f"dn: {two}\nchangetype: modify\nreplace: userPassword\nuserPassword: {own}")
        lab.playbook(*RUN, settings={"slapd_passwords": words | {"user1": "given anew"}})
        assert "dn:" in log_in(lab, USER, "given anew")
        assert "dn:" in log_in(lab, two, own)
        assert changed(lab.playbook(*RUN, settings={"slapd_passwords": words | {"user1": "given anew"}})) == 0
    finally:
        lab.playbook(*RUN)
        changes(lab, f"dn: {two}\nchangetype: modify\nreplace: userPassword\nuserPassword: {words['user2']}")
    assert "dn:" in log_in(lab, USER, words["user1"])
    assert changed(lab.playbook(*RUN)) == 0


@pytest.mark.only_default
def test_who_guesses_is_locked_out_and_nobody_else_is(lab: Lab) -> None:
    who, word = "cn=User Two,ou=st,o=um,c=es", password(lab, "user2")
    for _ in range(10):
        assert "Invalid credentials" in log_in(lab, who, "guess")
    assert "Invalid credentials" in log_in(lab, who, word)
    assert "dn:" in log_in(lab, USER, password(lab, "user1"))
    changes(lab, f"dn: {who}\nchangetype: modify\ndelete: pwdAccountLockedTime")
    assert "dn:" in log_in(lab, who, word)
    service = "cn=replicator,o=um,c=es"
    for _ in range(11):
        assert "Invalid credentials" in log_in(lab, service, "guess")
    assert "dn:" in log_in(lab, service, (lab.secrets() / "directory-replicator").read_text().strip())


def test_every_kind_of_change_is_seen_on_the_copy(lab: Lab) -> None:
    def seen(text: str) -> bool:
        return text in asked(lab, "-x", "-H", SERVERS["secondary"], "-b", "ou=st,o=um,c=es", "(sn=New)", "cn", "sn")

    changes(lab, "dn: cn=new,ou=st,o=um,c=es\nchangetype: add\nobjectClass: person\nsn: New")
    wait_until(lambda: seen("cn: new\n"))
    changes(lab, "dn: cn=new,ou=st,o=um,c=es\nchangetype: modrdn\nnewrdn: cn=newer\ndeleteoldrdn: 1")
    wait_until(lambda: seen("cn: newer\n"))
    changes(lab, "dn: cn=newer,ou=st,o=um,c=es\nchangetype: modify\nadd: sn\nsn: Newer")
    wait_until(lambda: seen("sn: Newer\n"))
    changes(lab, "dn: cn=newer,ou=st,o=um,c=es\nchangetype: delete")
    wait_until(lambda: not seen("cn: newer\n"))


@pytest.mark.parametrize("host", SERVERS)
@pytest.mark.parametrize(
    ("who", "may", "may_not"),
    [
        ("", ["cn/read", "mail/read", "entry/read"], ["userPassword/read", "mobile/write", "pwdHistory/read"]),
        (USER, ["mobile/write", "userPassword/write"], ["cn/write", "correo/write", "uid/write", "userPassword/read"]),
        ("cn=replicator,o=um,c=es", ["userPassword/read", "pwdHistory/read"], ["userPassword/write", "mobile/write"]),
    ],
    ids=["everybody", "a user", "a copy"],
)
def test_who_may_do_what_with_an_entry(lab: Lab, host: str, who: str, may: list[str], may_not: list[str]) -> None:
    argv = ["slapacl", *(["-D", who] if who else []), "-b", USER, *may, *may_not]
    done = subprocess.run(["docker", "exec", lab.container(host), *argv], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "ALLOWED" in line or "DENIED" in line]
    assert [line.split()[-1] for line in lines] == ["ALLOWED"] * len(may) + ["DENIED"] * len(may_not), done.stderr


@pytest.mark.only_default
def test_it_is_known_who_has_changed_what(lab: Lab) -> None:
    number = str(secrets.randbelow(10**9))
    change = f"dn: {USER}\nchangetype: modify\n"
    as_user = f"ldapmodify -ZZ -x -H {SERVERS['primary']} -D '{USER}' -w '{password(lab, 'user1')}'"
    for what in (f"replace: telephoneNumber\ntelephoneNumber: {number}", "delete: telephoneNumber"):
        lab.run("client", "sh", "-c", f'printf "%s\n" "$0" | {as_user}', change + what)
    of_it = ("-b", "cn=accesslog", f"(&(reqDN={USER})(reqMod=telephoneNumber:= {number}))", "reqAuthzID", "reqStart")
    found = asked(lab, *ROOT, *of_it, host="primary")
    assert values(found, "reqAuthzID") == [USER]
    assert values(found, "reqStart")[0][:8] == time.strftime("%Y%m%d", time.gmtime())
    assert "32" in asked(lab, "-x", "-H", SERVERS["primary"], *of_it, fails=True)  # nobody else


@pytest.mark.only_default
def test_for_how_long_it_is_known_is_a_setting(lab: Lab) -> None:
    try:
        assert changed(lab.playbook(*RUN, settings={"slapd_audit_days": 30})) == 1
        assert changed(lab.playbook(*RUN, settings={"slapd_audit_days": 30})) == 0
        purge = asked(lab, *ROOT, "-b", "cn=config", "(olcAccessLogPurge=*)", "olcAccessLogPurge", host="primary")
        assert values(purge, "olcAccessLogPurge") == ["30+00:00 01+00:00"]
    finally:
        lab.playbook(*RUN)


@pytest.mark.only_default
def test_what_everybody_may_read_is_a_setting(lab: Lab) -> None:
    book = ("-x", "-H", SERVERS["primary"], "-b", "o=um,c=es", "(mail=user1@st.um)", "cn")
    try:
        lab.playbook(*RUN, settings={"slapd_anonymous_read": False})
        assert asked(lab, *book, fails=True) == "No such object (32)\n"
        login = ("-ZZ", "-D", USER, "-w", password(lab, "user1"))
        assert "User One" in asked(lab, *book[:3], *login, *book[3:])
    finally:
        lab.playbook(*RUN)
    assert "User One" in asked(lab, *book)


def test_a_password_without_tls_is_for_lessons(lab: Lab) -> None:
    word = password(lab, "user1")

    def said(server: str) -> str:
        argv = ["docker", "exec", lab.container("client"), "ldapwhoami", "-x", "-H", SERVERS[server], "-D", USER]
        done = subprocess.run([*argv, "-w", word], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    try:
        lab.playbook(*RUN, settings={"slapd_tls_required": False})
        assert ["dn:" in said(server) for server in SERVERS] == [True, True]
    finally:
        lab.playbook(*RUN)
    assert ["Confidentiality required" in said(server) for server in SERVERS] == [True, True]


@pytest.mark.only_default
def test_a_search_returns_so_many_entries_and_no_more(lab: Lab) -> None:
    try:
        lab.playbook(*RUN, settings={"slapd_size_limit": 3})
        found = asked(lab, "-x", "-H", SERVERS["primary"], "-b", "o=um,c=es", "1.1", fails=True)
        assert len(values(found, "dn")) == 3
        assert "Size limit exceeded" in found
    finally:
        lab.playbook(*RUN)


@pytest.mark.only_default
def test_no_password_is_in_what_a_run_prints(lab: Lab) -> None:
    output = lab.playbook(*RUN, "-vvv", "--diff", settings={"slapd_size_limit": 400})
    try:
        for name in ("directory-manager", "directory-replicator", "password-user1"):
            assert (lab.secrets() / name).read_text().strip() not in output
    finally:
        lab.playbook(*RUN)
