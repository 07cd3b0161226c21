import pytest
from ansible.errors import AnsibleFilterError
from ascii_vhosts import ascii_vhosts


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"name": "www.st.um"}, {"name": "www.st.um"}),
        ({"name": "www.st.um", "aliases": [], "tls": True}, {"name": "www.st.um", "aliases": [], "tls": True}),
        ({"name": "bücher.um"}, {"name": "xn--bcher-kva.um", "title": "bücher.um"}),
        ({"name": "bücher.um", "title": "Books"}, {"name": "xn--bcher-kva.um", "title": "Books"}),
        ({"name": "a.um", "aliases": ["b.um", "ñ.um"]}, {"name": "a.um", "aliases": ["b.um", "xn--ida.um"]}),
    ],
)
def test_names_are_written_in_ascii(given, written):
    assert ascii_vhosts([given]) == [written]


def test_what_was_given_stays():
    given = [{"name": "bücher.um"}]
    ascii_vhosts(given)
    assert given == [{"name": "bücher.um"}]


def test_what_is_no_name_is_refused():
    with pytest.raises(AnsibleFilterError, match=r"Edit site_web_hosts: '☃.um' is not possible in IDNA 2008"):
        ascii_vhosts([{"name": "☃.um"}])
