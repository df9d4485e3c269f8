from __future__ import annotations

import subprocess
import sys

from fastloop_v1.utils.show_install import main


def test_function_shows_what_is_installed(capsys):
    main()
    assert "torch" in capsys.readouterr().out


def test_command_shows_what_is_installed():
    command = [sys.executable, "-m", "fastloop_v1.utils.show_install", "--show_nvidia_smi=no"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "python binary" in done.stdout
