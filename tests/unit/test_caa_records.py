"""Nobody may certify names in the zone, but for an authority that is to."""

import pytest
from caa_records import caa_records

NOBODY = [{"name": "@", "type": "CAA", "value": '0 issue ";"'}]
THEY = [{"name": "@", "type": "CAA", "value": '0 issue "acme.example"'}]


@pytest.mark.parametrize(
    ("vhosts", "records"),
    [
        ([], NOBODY),
        ([{"name": "www3.st.um", "tls": True}], NOBODY),
        ([{"name": "www4.st.um", "tls": True, "acme": False}], NOBODY),
        ([{"name": "www3.st.um", "tls": True}, {"name": "www4.st.um", "tls": True, "acme": True}], THEY),
        ([{"name": "st.um", "acme": True}], THEY),
        ([{"name": "www.example.org", "acme": True}], NOBODY),
        ([{"name": "notst.um", "acme": True}], NOBODY),
        ([{"name": "www.example.org", "aliases": ["www4.st.um"], "acme": True}], THEY),
    ],
)
def test_the_authority_is_named_if_a_name_in_the_zone_needs_it(vhosts, records):
    assert caa_records(vhosts, "st.um", "acme.example") == records


def test_an_authority_that_is_not_told_is_nobody():
    assert caa_records([{"name": "www4.st.um", "acme": True}], "st.um", "") == NOBODY
