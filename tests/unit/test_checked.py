import pytest
from ansible.errors import AnsibleFilterError
from checked import KINDS, checked

KEY = "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5LCAzMiBvY3Q="
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDqJsKzqNwvQBGYgoMKhHH4vJE+kV8kCuQ8WHQ0OXJ+9"
LONGEST = ".".join(["a" * 63] * 3 + ["b" * 61])  # 253 characters

RIGHT = [
    ("address", "172.16.22.135"),
    ("address", "fd53:4644:0:22::135"),
    ("address", "fe80::1%eth0"),
    ("address", "127.0.0.1"),
    ("address", ["192.0.2.1", "::1"]),
    ("address", []),
    ("network", "172.16.22.0/24"),
    ("network", "192.0.2.1/32"),
    ("network", "0.0.0.0/0"),
    ("network", ["fd53:4644:0:22::/64", "::/0"]),
    ("domain", "st.um"),
    ("domain", "um"),
    ("domain", "1st-2.ST.um"),
    ("domain", "a" * 63),
    ("domain", LONGEST),
    ("domain", "bücher.example"),
    ("domain", ["st.um", "STÄM.um"]),
    ("base64", KEY),
    ("base64", "A" * 22 + "=="),
    ("path", "/etc/bind/cert.pem"),
    ("file", __file__),
    ("positive", 1),
    ("path", ["/a", "/"]),
    ("ds", f"1 13 2 {'ab' * 32}"),
    ("ds", f"20326 8 2 {'AB ' * 31}cd"),
    ("ds", f"65535 8 1 {'ab' * 20}"),
    ("user", "user1"),
    ("user", "_x-9"),
    ("user", "a" * 32),
    ("mailbox", "user1"),
    ("mailbox", ["first.last+tag@st.um", "o'neill@bücher.example"]),
    ("ssh_key", SSH_KEY),
    ("ssh_key", f"{SSH_KEY} user1@client\n"),
    ("count", 0),
    ("count", 2**40),
    ("size", 0),
    ("size", ["0", "1G", "100K"]),
    ("suffix", ["o=um,c=es", "dc=st,dc=um", "ou=Sección,o=A B-C"]),
    ("attribute", ["telephoneNumber", "x-1"]),
    ("token", ["a.B_9-", "+/=="]),
    ("numbered", [{"name": "user1", "uid": 1000}, {"name": "user2", "uid": 60000}]),
    ("generations", [[1]]),
    ("generations", [[2, 1, 0]]),
    ("seconds", 1),
    ("seconds", 0.001),
]
WRONG = [
    ("address", "172.16.22", "'172.16.22' is not valid as address: '172.16.22' does not appear to be an IPv4 or IPv6"),
    ("address", "172.16.22.135/24", "does not appear to be"),
    ("address", "ns1", "does not appear to be"),
    ("address", 2886735495, "2886735495 is not valid as address: it is not a string"),
    ("address", None, "it is not a string"),
    ("address", "0.0.0.0", "no host has such an address"),  # noqa: S104 (nothing is bound)
    ("address", "::", "no host has such an address"),
    ("address", "224.0.0.1", "no host has such an address"),
    ("address", "ff02::1", "no host has such an address"),
    ("address", "255.255.255.255", "no host has such an address"),
    ("address", ["192.0.2.1", "192.0.2"], "'192.0.2' is not valid as address"),
    ("network", "172.16.22.1/24", "'172.16.22.1/24' is not valid as network: 172.16.22.1/24 has host bits set"),
    ("network", "172.16.22.0", "a network has a prefix length, such as 172.16.22.0/24"),
    ("network", "172.16.22.0/", "a network has a prefix length"),
    ("network", "172.16.22.0/255.255.255.0", "a network has a prefix length"),
    ("network", "fe80::%eth0/64", "a network has a prefix length"),
    ("network", "172.16.22.0/33", "'172.16.22.0/33' does not appear to be"),
    ("network", 24, "a network has a prefix length"),
    ("domain", "", "labels of 1 to 63 letters, digits and hyphens, with dots between them, are possible"),
    ("domain", "st.um.", "labels of 1 to 63"),
    ("domain", "st..um", "labels of 1 to 63"),
    ("domain", "-st.um", "labels of 1 to 63"),
    ("domain", "st-.um", "labels of 1 to 63"),
    ("domain", "st um", "labels of 1 to 63"),
    ("domain", "st.um\n", "labels of 1 to 63"),
    ("domain", "bücher.example.", "labels of 1 to 63"),
    ("domain", "_tcp.bücher", "labels of 1 to 63"),
    ("domain", "-ü.bücher", "it is not possible in IDNA 2008: Label must not start or end with a hyphen"),
    ("domain", "☃.um", "'☃.um' is not valid as domain: it is not possible in IDNA 2008: Codepoint U+2603"),
    ("domain", "bücher..um", "it is not a domain name: A DNS label is empty"),
    ("domain", "_tcp.st.um", "labels of 1 to 63"),
    ("domain", "a" * 64, "labels of 1 to 63"),
    ("domain", 5, "5 is not valid as domain: labels of 1 to 63"),
    ("domain", f"{LONGEST}b", "it has 254 characters, at most 253 are possible (RFC 1035)"),
    ("base64", "c2hvcnQ=", "the value is not valid as base64: it has 5 octets, at least 16 are asked for"),
    ("base64", "A" * 20, "it has 15 octets"),
    ("base64", KEY[:-1], "the value is not valid as base64: it is not base64 (RFC 4648)"),
    ("base64", f"{KEY[:8]} {KEY[8:]}", "it is not base64 (RFC 4648)"),
    ("base64", f"ä{KEY[1:]}", "it is not base64 (RFC 4648)"),
    ("base64", 12345, "it is not base64 (RFC 4648)"),
    ("base64", None, "it is not base64 (RFC 4648)"),
    ("positive", 0, "an integer from 1 on is possible"),
    ("positive", True, "an integer from 1 on is possible"),
    ("file", "/nowhere", "there is no such file on the controller"),
    ("file", "x.ldif", "an absolute path is possible"),
    ("path", "", "'' is not valid as path: an absolute path is possible"),
    ("path", "etc/x", "an absolute path is possible"),
    ("path", None, "an absolute path is possible"),
    ("path", ["/a", "b"], "'b' is not valid as path"),
    (
        "ds",
        "",
        "'' is not valid as ds: key tag, algorithm, digest type and digest are possible, such as 12345 13 2 00FF",
    ),
    ("ds", "1 13 2", "key tag, algorithm"),
    ("ds", f"1  13 2 {'ab' * 32}", "key tag, algorithm"),
    ("ds", f"1 ECDSAP256SHA256 2 {'ab' * 32}", "key tag, algorithm"),
    ("ds", f"1 13 2 {'xy' * 32}", "key tag, algorithm"),
    ("ds", "1 13 2 00", "it is not the value of a DS record: digest length inconsistent with digest type"),
    ("ds", f"1 13 2 {'ab' * 31}a", "it is not the value of a DS record: "),
    ("ds", f"65536 13 2 {'ab' * 32}", "it is not the value of a DS record: "),
    ("ds", f"1 256 2 {'ab' * 32}", "it is not the value of a DS record: "),
    ("ds", 5, "key tag, algorithm"),
    ("user", "User1", "'User1' is not valid as user: up to 32 small letters, digits, _ and -"),
    ("user", "1user", "the first of them a letter or _"),
    ("user", "a" * 33, "up to 32"),
    ("user", "a b", "up to 32"),
    ("user", 7, "up to 32"),
    ("mailbox", "", "'' is not valid as mailbox: a local part of letters, digits and dots, such as user1, is possible"),
    ("mailbox", "a b", "a local part of letters"),
    ("mailbox", "a: b\nc", "a local part of letters"),
    ("mailbox", ".a", "a local part of letters"),
    ("mailbox", "@st.um", "a local part of letters"),
    ("mailbox", 5, "a local part of letters"),
    ("mailbox", "user1@st..um", "labels of 1 to 63"),
    ("mailbox", "user1@st.um\n", "labels of 1 to 63"),
    ("mailbox", "user1@", "labels of 1 to 63"),
    ("ssh_key", "ssh-ed25519 AAAA", "is not valid as ssh_key: it is not an SSH public key"),
    ("ssh_key", f"no-pty {SSH_KEY}", "it is not an SSH public key"),
    ("ssh_key", f"{SSH_KEY}\n{SSH_KEY}", "one line as in a .pub file is possible"),
    ("ssh_key", None, "one line"),
    ("token", "a b", "the value is not valid as token: letters, digits, and the characters . _ + / = - are possible"),
    ("token", "a\n", "the value is not valid as token"),
    ("token", "", "the value is not valid as token"),
    ("numbered", {"name": "user1"}, "{'name': 'user1'} is not valid as numbered: a uid from 1000 on"),
    ("numbered", {"name": "user1", "uid": 999}, "a uid from 1000 on"),
    ("numbered", {"name": "user1", "uid": "2000"}, "a uid from 1000 on"),
    ("count", -1, "-1 is not valid as count: an integer from 0 on is possible"),
    ("count", 1.0, "an integer from 0 on is possible"),
    ("count", "1", "an integer from 0 on is possible"),
    ("count", True, "an integer from 0 on is possible"),
    ("size", "1 GB", "'1 GB' is not valid as size: a number with K, M, G or T, such as 1G, is possible, or 0"),
    ("size", 5, "a number with K, M, G or T"),
    ("size", "0M", "a number with K, M, G or T"),
    ("suffix", "um", "'um' is not valid as suffix: dc=, o=, ou=, l= and c= with names"),
    ("suffix", "cn=um", "are possible"),
    ("suffix", "o=um, c=es", "are possible"),
    ("suffix", 'o=u"m', "are possible"),
    ("suffix", "o=um\nc=es", "are possible"),
    ("attribute", "1a", "'1a' is not valid as attribute: letters, digits and hyphens"),
    ("attribute", "a b", "are possible"),
    ("attribute", "mail\n", "are possible"),
    ("generations", [[]], "[] is not valid as generations: a list of at least one number is possible"),
    ("generations", 1, "a list of at least one number is possible"),
    ("generations", [[1, -1]], "[1, -1] is not valid as generations: an integer from 0 on is possible"),
    ("generations", [[1, 2, 1]], "a number is there twice"),
    ("seconds", 0, "0 is not valid as seconds: a number of seconds above 0 is possible"),
    ("seconds", -0.5, "a number of seconds above 0 is possible"),
    ("seconds", float("nan"), "a number of seconds above 0 is possible"),
    ("seconds", float("inf"), "a number of seconds above 0 is possible"),
    ("seconds", "60", "a number of seconds above 0 is possible"),
    ("seconds", True, "a number of seconds above 0 is possible"),
]


@pytest.mark.parametrize(("kind", "value"), RIGHT)
def test_returns_what_is_right(kind, value):
    assert checked(value, kind, "some_variable") is value


@pytest.mark.parametrize(("kind", "value", "message"), WRONG)
def test_refuses_what_is_wrong(kind, value, message):
    with pytest.raises(AnsibleFilterError) as error:
        checked(value, kind, "some_variable")
    assert str(error.value).startswith("Edit some_variable: ")
    assert message in str(error.value)


def test_every_kind_is_here():
    assert {kind for kind, _ in RIGHT} == {kind for kind, _, _ in WRONG} == KINDS.keys()


@pytest.mark.parametrize("secret", ["hunter2", "hunter2!", ["c2hvcnQ=", "hunter2"], 42424242])
def test_a_secret_is_not_repeated(secret):
    with pytest.raises(AnsibleFilterError) as error:
        checked(secret, "base64", "some_variable")
    assert not any(part in str(error.value) for part in ("hunter2", "c2hvcnQ=", "42424242"))


def test_refuses_an_unknown_kind():
    with pytest.raises(AnsibleFilterError) as error:
        checked("192.0.2.1", "ip", "some_variable")
    assert str(error.value) == f"checked: 'ip' is not one of {', '.join(KINDS)}"
