"""Molecule passes over a folder without tests in silence, and labs side by side must not meet."""

from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((TOP / "molecule").glob("*/molecule.yml"))


def test_every_scenario_has_tests_to_run() -> None:
    config = yaml.safe_load((TOP / ".config/molecule/config.yml").read_text())
    for scenario in SCENARIOS:
        assert list((scenario.parent / config["verifier"]["directory"]).glob("test_*.py"))
        assert config["verifier"] == {
            "name": "testinfra",
            "directory": "../../tests/hosts",
            "options": {"durations": "25"},
        }


def test_no_test_is_left_out_but_those_of_make_faults() -> None:
    names = [scenario.parent.name for scenario in SCENARIOS]
    options = {name: yaml.safe_load((TOP / f"molecule/{name}/molecule.yml").read_text())["verifier"] for name in names}
    assert sorted(names) == ["default", "swapped"]
    for name, other in (names, names[::-1]):
        assert options[name]["options"] == {"m": f"not only_{other} and not slow"}


def test_labs_have_names_and_networks_of_their_own() -> None:
    labs = [{"LAB_NAME": "sfd-lab", "LAB_NET": "22"}]
    labs += [yaml.safe_load(scenario.read_text())["provisioner"]["env"] for scenario in SCENARIOS]
    assert len({lab["LAB_NAME"] for lab in labs}) == len(labs)
    networks = [int(lab["LAB_NET"]) for lab in labs]
    assert len(set(networks)) == len(networks)
    assert all(network % 2 == 0 for network in networks)
