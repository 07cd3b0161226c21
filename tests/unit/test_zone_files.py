import sys
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).parents[2] / "roles/bind9/filter_plugins"))

from zone_files import zone_files

ZONE = {"name": "st.um", "file": "st.um.zone", "serial": 1}
ROOT = {"name": ".", "file": "root.zone", "serial": 2}


def test_makes_an_entry_for_each_zone():
    assert zone_files([], "/var/lib/bind") == []
    assert zone_files([ZONE, ROOT], "/var/lib/bind") == [
        {
            "path": "/var/lib/bind/st.um.zone",
            "template": "zone.j2",
            "group": "bind",
            "vars": {"zone": ZONE},
            "reload": ["rndc", "reload", "st.um"],
        },
        {
            "path": "/var/lib/bind/root.zone",
            "template": "zone.j2",
            "group": "bind",
            "vars": {"zone": ROOT},
            "reload": ["rndc", "reload", "."],
        },
    ]


@pytest.mark.parametrize(
    ("zones", "directory", "message"),
    [
        (None, "/d", "The zones are NoneType, not a list"),
        ({"st.um": ZONE}, "/d", "The zones are dict, not a list"),
        (["st.um"], "/d", "'st.um' is not a zone with name and file, as zone_serials returns it"),
        ([ZONE, {"name": "st.um"}], "/d", "{'name': 'st.um'} is not a zone with name and file"),
        ([{"file": "st.um.zone"}], "/d", "{'file': 'st.um.zone'} is not a zone with name and file"),
        ([{"name": 5, "file": "x"}], "/d", "is not a zone with name and file"),
        ([ZONE], None, "The folder of the zone files None is not an absolute path"),
        ([ZONE], "zones", "The folder of the zone files 'zones' is not an absolute path"),
    ],
)
def test_refuses(zones, directory, message):
    with pytest.raises(AnsibleFilterError) as error:
        zone_files(zones, directory)
    assert message in str(error.value)
