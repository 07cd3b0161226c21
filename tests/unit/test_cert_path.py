import pytest
from ansible.errors import AnsibleFilterError
from cert_path import cert_path


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["www3"], "/etc/ssl/site/www3.pem"),
        (["www3.st.um", "certificate"], "/etc/ssl/site/www3.st.um.pem"),
        (["www3", "key"], "/etc/ssl/site/www3.key"),
        (["st.um", "root"], "/usr/local/share/ca-certificates/st.um.crt"),
        (["user1", "pkcs12"], "/etc/ssl/site/user1.p12"),
        (["st.um", "roots"], "/etc/ssl/site/st.um.roots"),
        (["st.um", "crl"], "/etc/ssl/site/st.um.crl"),
    ],
)
def test_tells_where_a_file_is(arguments, path):
    assert cert_path(*arguments) == path


@pytest.mark.parametrize("name", ["", ".", "..", ".www3", "a/b", "../key", "a b", "ü", "a\n", "-x", None, 5])
def test_refuses_what_is_not_a_name(name):
    with pytest.raises(AnsibleFilterError, match="is not the name of a certificate"):
        cert_path(name)


def test_refuses_a_kind_that_there_is_not():
    with pytest.raises(
        AnsibleFilterError,
        match=r"'pem' is not a kind of file .*; there are certificate, key, pkcs12, root, roots, crl",
    ):
        cert_path("www3", "pem")
