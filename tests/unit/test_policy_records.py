import pytest
from ansible.errors import AnsibleFilterError
from dns_zones import dns_zones
from hypothesis import given
from hypothesis import strategies as st
from policy_records import ACTIONS, policy_records


@pytest.mark.parametrize(
    ("action", "kind", "value"),
    [
        ("nxdomain", "CNAME", "."),
        ("nodata", "CNAME", "*."),
        ("passthru", "CNAME", "rpz-passthru."),
        ("drop", "CNAME", "rpz-drop."),
        ("192.0.2.1", "A", "192.0.2.1"),
        ("2001:db8::1", "AAAA", "2001:db8::1"),
    ],
)
@pytest.mark.parametrize("name", ["ads.example.com", "ads.example.com."])
def test_a_policy_is_for_a_name_and_all_below_it(name, action, kind, value):
    names = ["ads.example.com", "*.ads.example.com"]
    assert policy_records([{"name": name, "action": action}]) == [{"name": names, "type": kind, "value": value}]


def test_no_policy_is_no_record():
    assert policy_records([]) == []


def test_policies_keep_their_order():
    policies = [{"name": f"{letter}.example", "action": "drop"} for letter in "bac"]
    assert [record["name"][0] for record in policy_records(policies)] == ["b.example", "a.example", "c.example"]


@given(st.dictionaries(st.sampled_from(["a.b", "x.a.b", "c"]), st.sampled_from([*ACTIONS, "192.0.2.1", "::1"])))
def test_every_policy_makes_a_zone(policies):
    records = policy_records([{"name": name, "action": action} for name, action in policies.items()])
    defaults = {"nameservers": ["ns.invalid."], "hostmaster": "h.invalid."}
    (zone,) = dns_zones([{"name": "policy.invalid", "records": records}], defaults)
    assert zone["count"] == 1 + 2 * len(policies)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("ads.example.com", "'ads.example.com' is not a dictionary of name and action"),
        ({"name": "a.b"}, "{'name': 'a.b'} is not a dictionary of name and action"),
        ({"action": "drop"}, "{'action': 'drop'} is not a dictionary of name and action"),
        ({"name": "a.b", "action": "drop", "ttl": 5}, "is not a dictionary of name and action"),
        ({"name": 5, "action": "drop"}, "is not a dictionary of name and action"),
        (
            {"name": "a.b", "action": "block"},
            "a.b: action 'block' is neither one of nxdomain, nodata, passthru, drop, nor",
        ),
        ({"name": "a.b", "action": "NXDOMAIN"}, "a.b: action 'NXDOMAIN' is neither one of"),
        ({"name": "a.b", "action": None}, "a.b: action None is neither one of"),
        ({"name": "a.b", "action": "192.0.2.0/24"}, "a.b: action '192.0.2.0/24' is neither one of"),
    ],
)
def test_refuses(policy, message):
    with pytest.raises(AnsibleFilterError) as error:
        policy_records([{"name": "fine.example", "action": "drop"}, policy])
    assert str(error.value).startswith("Edit bind9_response_policy: ")
    assert message in str(error.value)
