from __future__ import annotations

import runpy
import warnings


def test_module_run_as_a_script_checks(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it may have been imported before
        runpy.run_module("fastloop_v1.utils.check_perf", run_name="__main__")
    assert "a GPU is used" in capsys.readouterr().out
