import pytest
from ansible.errors import AnsibleFilterError
from delegation_records import delegation_records
from zone_records import zone_records

V4, V6 = "172.16.22.135", "fd53:4644:0:22::135"


def server(*names, addresses=(V4,), **more):
    return {"names": list(names), "addresses": list(addresses)} | more


def write(records):
    return [f"{record['name']} {record['type']} {record['value']}" for record in records]


@pytest.mark.parametrize(
    ("children", "servers", "domain", "expected"),
    [
        pytest.param(["st.um."], [], "st.um", [], id="no server"),
        pytest.param([], [server("ns1")], "st.um", [], id="no child"),
        pytest.param(
            ["st.um."],
            [server("ns1", "@", addresses=[V4, V6])],
            "st.um",
            ["st.um. NS ns1.st.um.", f"ns1.st.um. A {V4}", f"ns1.st.um. AAAA {V6}"],
            id="a server in the child has glue",
        ),
        pytest.param(
            ["st.um."],
            [server("@")],
            "st.um.",
            ["st.um. NS st.um.", f"st.um. A {V4}"],
            id="the child's own name is a server",
        ),
        pytest.param(["st.um."], [server("@.")], "st.um", ["st.um. NS \\@."], id="only a lone @ is the domain"),
        pytest.param(["st.um."], [server("ns.est.um.")], "", ["st.um. NS ns.est.um."], id="only whole labels count"),
        pytest.param(["org."], [server("ns.example.net.")], "", ["org. NS ns.example.net."], id="a server elsewhere"),
        pytest.param(["um."], [server("um")], "", ["um. NS um.", f"um. A {V4}"], id="by default relative to the root"),
        pytest.param(
            ["St.UM."],
            [server("NS1")],
            "St.Um",
            ["st.um. NS ns1.st.um.", f"ns1.st.um. A {V4}"],
            id="case does not matter",
        ),
        pytest.param(
            ["um.", "org."],
            [{"name": "ns.example.org.", "addresses": [V6]}],
            "",
            ["um. NS ns.example.org.", "org. NS ns.example.org.", f"ns.example.org. AAAA {V6}"],
            id="a server with one name, and glue for one of its zones",
        ),
        pytest.param(
            ["um."],
            [{"name": "ns", "names": None, "addresses": [V4]}],
            "um",
            ["um. NS ns.um.", f"ns.um. A {V4}"],
            id="names that are none",
        ),
        pytest.param(
            ["st.um."],
            [server("ns1", name="primary"), server("ns2.example.org.", name="secondary", site="north")],
            "st.um",
            ["st.um. NS ns1.st.um.", f"ns1.st.um. A {V4}", "st.um. NS ns2.example.org."],
            id="two servers, as site_hosts gives them",
        ),
    ],
)
def test_delegates(children, servers, domain, expected):
    assert write(delegation_records(children, servers, domain)) == expected


def test_the_parent_zone_takes_the_records():
    servers = [server("ns1", addresses=[V4, V6]), server("ns2", addresses=["172.16.22.137"])]
    apex = [{"name": "@", "type": "NS", "value": "ns.example.org."}]
    records = zone_records(apex + delegation_records(["st.um.", "sub.um."], servers, "st.um"), "um", 60)
    assert len(records) == 1 + 2 * 2 + 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"children": "st.um."}, "The delegation cannot be made: the children are str, not a list"),
        ({"children": ["st.um"]}, "The delegation cannot be made: child 'st.um' is not a full name with its final dot"),
        ({"children": [None]}, "child None is not a full name with its final dot"),
        ({"children": ["."]}, "child '.' is the root, which has no parent"),
        ({"children": ["st..um."]}, "'st..um.' is not a domain name in '': A DNS label is empty"),
        ({"domain": None}, "The delegation cannot be made: domain None is not a string"),
        ({"servers": server("ns1")}, "Edit site_nameservers: the servers are dict, not a list"),
        ({"servers": None}, "Edit site_nameservers: the servers are NoneType, not a list"),
        ({"servers": ["ns1"]}, "Edit site_nameservers: server 1: not a dictionary"),
        ({"servers": [server("ns1"), {"addresses": [V4]}]}, "server 2: it has no name: names is None, name is None"),
        ({"servers": [server(name="primary")]}, "server primary: it has no name: names is [], name is 'primary'"),
        ({"servers": [server("")]}, "it has no name: names is ['']"),
        ({"servers": [server() | {"names": "ns1"}]}, "it has no name: names is 'ns1'"),
        ({"servers": [server("a" * 64)]}, f"'{'a' * 64}' is not a domain name in 'st.um': A DNS label is > 63 octets"),
        ({"servers": [{"names": ["ns1"]}]}, "server 1: addresses is None, not a list of strings, at least one"),
        ({"servers": [server("ns1", addresses=[])]}, "addresses is [], not a list of strings"),
        ({"servers": [server("ns1") | {"addresses": V4}]}, f"addresses is '{V4}', not a list of strings"),
        ({"servers": [server("ns1", addresses=[5])]}, "addresses is [5], not a list of strings"),
        ({"servers": [server("ns1", addresses=["172.16.22"])]}, "server 1: '172.16.22' does not appear to be an IPv4"),
        ({"servers": [5], "variable": "our_servers"}, "Edit our_servers: server 1: not a dictionary"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(AnsibleFilterError) as error:
        delegation_records(**{"children": ["st.um."], "servers": [server("ns1")], "domain": "st.um"} | arguments)
    assert message in str(error.value)
