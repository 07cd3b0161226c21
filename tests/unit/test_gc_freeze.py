"""What is there when a play begins is not looked at by the garbage collector, in a run with this project's settings."""

import gc
import os
import subprocess
from pathlib import Path

import gc_freeze

TOP = Path(__file__).resolve().parents[2]


def test_what_is_there_is_frozen() -> None:
    before = gc.get_freeze_count()
    try:
        gc_freeze.CallbackModule().v2_playbook_on_play_start(None)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_a_run_does_it(tmp_path: Path) -> None:
    filters = tmp_path / "filter_plugins"
    filters.mkdir()
    (filters / "frozen.py").write_text(
        "import gc\nclass FilterModule:\n    def filters(self): return {'frozen': lambda x: gc.get_freeze_count()}\n"
    )
    (tmp_path / "play.yml").write_text(
        '- hosts: localhost\n  gather_facts: false\n  tasks: [{debug: {msg: "frozen {{ 1 | frozen > 9 }}"}}]\n'
    )
    env = os.environ | {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg")}
    argv = ["ansible-playbook", "-i", "localhost,", str(tmp_path / "play.yml")]
    assert "frozen True" in subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout
