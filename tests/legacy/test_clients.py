"""Published packages that use fastai v1 run through the alias, their code as it was published.

They are installed without what they depend on; servers are stood in for by `clients/`. To run these:

    pip install --no-deps --target build/clients mlflow==1.13.1 comet-ml==3.1.0
    pytest -m clients
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INSTALLED = ROOT / "build" / "clients"
SCRIPTS = {
    "comet_autolog": "comet-ml's hook wraps `Learner.__init__` and two events of `CallbackHandler` at import",
    "mlflow_autolog": "mlflow replaces `Learner.fit`, adds a callback, logs settings and the exported model",
    "mlflow_new_learner": "mlflow makes the callbacks of a learner that has no optimizer yet",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_client_logs_what_it_logged_with_v1(run_alone, tmp_path, name):
    if not INSTALLED.is_dir():
        pytest.fail(f"The clients are not in {INSTALLED}; see the docstring of this file.")
    path = os.pathsep.join(map(str, (INSTALLED, HERE / "clients", ROOT)))
    done = run_alone([str(HERE / "clients" / "scripts" / f"{name}.py")], tmp_path, PYTHONPATH=path)
    assert done.status == 0, done.printed
    assert "Traceback" not in done.printed, done.printed
