import pytest
from ansible.errors import AnsibleFilterError
from folder_files import folder_files


def test_each_text_has_a_file():
    assert folder_files({"a": "1\n2\n\n", "b": " \n", "c": ""}, "/f", ".pub", {"mode": "0600"}) == [
        {"path": "/f/a.pub", "content": "1\n2\n", "mode": "0600"}
    ]


@pytest.mark.parametrize("name", ["", "../a", "a/b"])
def test_refuses_what_is_no_name(name):
    with pytest.raises(AnsibleFilterError, match="is not the name of a file in /f"):
        folder_files({name: "x"}, "/f")
