import pytest
from ansible.errors import AnsibleFilterError
from name_constraints import name_constraints


def test_permits_domains_and_networks():
    assert name_constraints(["st.um", "example.org"], ["172.16.22.0/24", "fd53:4644:0:22::/64"]) == [
        "permitted;DNS.1 = st.um",
        "permitted;DNS.2 = example.org",
        "permitted;email.1 = st.um",
        "permitted;email.2 = .st.um",
        "permitted;email.3 = example.org",
        "permitted;email.4 = .example.org",
        "permitted;IP.1 = 172.16.22.0/255.255.255.0",
        "permitted;IP.2 = fd53:4644:0:22::/ffff:ffff:ffff:ffff::",
    ]


@pytest.mark.parametrize("networks", [[], ()])
def test_without_networks_no_address_is_permitted(networks):
    assert name_constraints(["st.um"], networks)[3:] == [
        "excluded;IP.1 = 0.0.0.0/0.0.0.0",
        "excluded;IP.2 = ::/::",
    ]


def test_refuses_no_domain_and_what_is_no_network():
    with pytest.raises(AnsibleFilterError, match="There is no domain"):
        name_constraints([], ["192.0.2.0/24"])
    with pytest.raises(AnsibleFilterError, match=r"'192.0.2.1/24' is not a network: 192.0.2.1/24 has host bits set"):
        name_constraints(["st.um"], ["192.0.2.1/24"])
