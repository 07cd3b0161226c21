"""What virtual hosts need of the DNS and of the authority."""

from vhost_certificates import vhost_certificates
from vhost_records import vhost_records

VHOSTS = [
    {"name": "www1.st.um", "aliases": ["w.st.um", "www.example.org"]},
    {"name": "st.um", "tls": True},
    {"name": "deep.www3.st.um", "tls": True, "aliases": ["notst.um"]},
]


def test_names_in_the_zone_become_aliases():
    assert vhost_records(VHOSTS, "st.um") == [
        {"name": name, "type": "CNAME", "value": "@"} for name in ("www1", "w", "deep.www3")
    ]


def test_those_over_tls_tell_every_authority():
    records = [
        record for record in vhost_records(VHOSTS, "st.um", ["2 1 1 ab", "2 1 1 cd"], 60) if record["type"] == "TLSA"
    ]
    assert records == [
        {"name": name, "type": "TLSA", "value": value, "ttl": 60}
        for name in ("_443._tcp", "_443._tcp.deep.www3")
        for value in ("2 1 1 ab", "2 1 1 cd")
    ]


def test_those_of_a_public_authority_tell_no_other_and_need_no_certificate():
    vhosts = [{"name": "www4.st.um", "tls": True, "acme": True}]
    assert vhost_records(vhosts, "st.um", ["2 1 1 ab"]) == [{"name": "www4", "type": "CNAME", "value": "@"}]
    assert vhost_certificates(vhosts, ["x"]) == []


def test_those_over_tls_need_certificates():
    assert vhost_certificates(VHOSTS, ["x"]) == [
        {"name": "st.um", "names": ["st.um"], "reload": ["x"]},
        {"name": "deep.www3.st.um", "names": ["deep.www3.st.um", "notst.um"], "reload": ["x"]},
    ]
