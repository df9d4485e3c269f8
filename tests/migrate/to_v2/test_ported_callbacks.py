"""A v1 callback and what it is rewritten as do the same: weights, losses, and what everybody else sees."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

from fastloop_v1 import v2
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Callback, Learner

pytest.importorskip("libcst", reason="the extra `port` is not installed")
from fastloop_v1.migrate.port import port_file
from fastloop_v1.migrate.to_v2.table import READINGS

_spec = importlib.util.spec_from_file_location(
    "callback_examples", Path(__file__).with_name("callback_examples.py")
)
examples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(examples)

# A signal ends its event for v1 callbacks of a higher `_order`; v1's counters leave out the batch it ends.
WITH_SIGNAL = {name for name, code in examples.PORTED.items() if "stop_" in code or "skip_" in code}
STATE = (
    "epoch",
    "train",
    "last_input",
    "last_target",
    "last_output",
    "last_loss",
    "smooth_loss",
    "last_metrics",
)


def values(seen):
    """What was seen as plain values, as it was at that moment."""
    if isinstance(seen, torch.Tensor):
        return seen.detach().flatten().tolist()
    if isinstance(seen, (list, tuple)):
        return [values(each) for each in seen]
    return seen if isinstance(seen, (bool, int, type(None))) else float(seen)


class SeenList(list):
    """A list that keeps values as they were."""

    def append(self, seen):
        super().append(values(seen))


def probe(order, seen):
    """A v1 callback that writes down the state at each event."""

    def hears(event):
        def method(self, **state):
            seen.append([state[key] for key in STATE if key in state])

        return {f"on_{event}": method}

    events = [
        "epoch_begin",
        "batch_begin",
        "loss_begin",
        "backward_begin",
        "step_end",
        "batch_end",
        "epoch_end",
    ]
    body = {key: method for event in events for key, method in hears(event).items()}
    return type("Probe", (Callback,), {**body, "_order": order})()


class Watch(v2.Callback):
    """Writes down what comes out of a batch, after all others."""

    order = 200

    def __init__(self, seen):
        self.seen = seen

    def after_pred(self):
        self.seen.append([self.x, self.y, self.pred])

    def after_step(self):
        self.seen.append([self.loss_grad, self.train_iter])


def outcome(path, *, with_late, with_watch=True):
    """What is left and what was seen after `run` of a file."""
    torch.manual_seed(0)
    train, valid = (TensorDataset(torch.randn(n, 3), torch.randn(n, 1)) for n in (10, 6))
    bunch = DataBunch.create(train, valid, bs=4, num_workers=0)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(4, 1))
    heard = [SeenList() for _ in range(3)]
    learn = Learner(bunch, model, loss_func=F.mse_loss, metrics=[F.l1_loss], silent=True)
    learn.callbacks = [probe(0, heard[0]), *([probe(7, heard[1])] if with_late else [])]
    if with_watch:
        learn.add_cb(Watch(heard[2]))
    found = runpy.run_path(str(path), init_globals={"SEEN": SeenList()})
    found["run"](learn)
    recorder = learn.recorder
    return {
        "weights": values(list(model.state_dict().values())),
        "losses": values(recorder.losses),
        "valid": values([recorder.val_losses, recorder.metrics]),
        "rates": values([recorder.lrs, recorder.moms]),
        "seen": values(found["SEEN"]),
        "heard": heard,
        "random": torch.rand(1).item(),
    }


@pytest.fixture
def written(tmp_path):
    """Writes a file as v1 had it and the rewritten one."""

    def write(code):
        first, second = tmp_path / "first.py", tmp_path / "second.py"
        first.write_text(code)
        ported = port_file(first, "v2")
        second.write_bytes(ported.after)
        return first, second, ported

    return write


@pytest.mark.parametrize("name", examples.PORTED)
def test_rewritten_callback_does_the_same(name, written, fastai):
    first, second, ported = written(examples.PORTED[name])
    assert ported.left_alone == ()
    assert "(Callback)" not in second.read_text()
    assert "(LearnerCallback)" not in second.read_text()
    late = name not in WITH_SIGNAL
    expected, found = outcome(first, with_late=late), outcome(second, with_late=late)
    for part in expected:
        assert found[part] == expected[part], part
    assert expected["losses"]


@pytest.mark.parametrize("name", examples.PORTED)
def test_imports_are_rewritten_before_or_after(name, written, tmp_path):
    first, second, _ = written(examples.PORTED[name])
    after = port_file(second)
    path = tmp_path / "both.py"
    path.write_bytes(port_file(first).after)
    assert port_file(path, "v2").after == after.after
    assert after.left_alone == ()
    assert b"fastai" not in after.after


@pytest.mark.parametrize("name", examples.PORTED)
def test_one_pass_is_enough(name, written):
    _, second, _ = written(examples.PORTED[name])
    again = port_file(second, "v2")
    assert (again.after, again.left_alone) == (second.read_bytes(), ())


# Scripts that check themselves, and have a callback that can be rewritten.
SCRIPTS = ["optimizers", "progressive_resizing", "versions"]


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.filterwarnings("ignore")
def test_rewritten_script_runs_as_it_did(name, written, tmp_path, monkeypatch, fastai):
    script = Path(__file__).parents[2] / "legacy" / "scripts" / f"{name}.py"
    _, second, ported = written(script.read_text("utf-8"))
    assert ported.after != ported.before
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(second))


# --- callbacks put together by chance -----------------------------------------------------------------------

GUARDS = ["", "if train: ", "if not train: return\n        ", "if train and iteration % 2: "]
ANSWERS = {
    "batch_begin": [
        "{'last_input': last_input - 0.1}",
        "{'last_target': last_target * 0.5, 'last_input': last_input.clone()}",
        "{'last_input': last_target.mean() - last_input, 'last_target': last_target + last_input.mean()}",
    ],
    "loss_begin": ["{'last_output': last_output * 1.1}", "{'last_output': last_output + last_input.mean()}"],
    "backward_begin": ["{'last_loss': last_loss * 2}", "{'last_loss': last_loss + last_output.mean() ** 2}"],
    "backward_end": ["{'skip_step': iteration % 3 == 1}", "{'skip_step': last_loss.item() > 1}"],
    "batch_end": ["{'stop_epoch': iteration % 4 == 2}"],
    "epoch_end": ["{'stop_training': epoch == 1}"],
}
KEYS = {event: sorted(readings) for event, readings in READINGS.items()}


def body(number, event, keys, guard, answer):
    """A method that notes arguments, and perhaps answers."""
    arguments = ["self", *KEYS[event], "**kwargs"]
    if "train" not in KEYS[event]:
        guard = ""
    tensors = [f"{key}.abs().sum()" for key in keys if key in ("last_input", "last_target")]
    seen = [f"{key} + 0" for key in keys if key not in ("last_input", "last_target")] + tensors
    noted = ", ".join([str(number), *seen])
    return (
        f"    def on_{event}({', '.join(arguments)}):\n        {guard}SEEN.append([{noted}])\n"
        + (f"        {guard}\n".replace(": \n", ": pass\n") if guard.startswith("if not") else "")
        + (
            f"        if {'train' if 'train' in KEYS[event] else 'True'}:\n            return {answer}\n"
            * bool(answer)
        )
    )


@st.composite
def classes(draw):
    """The code of a callback class, or two, with those that train."""
    code = examples.PRELUDE
    names = draw(st.sampled_from([["Some"], ["Some", "Other"]]))
    for name in names:
        code += f"class {name}({draw(st.sampled_from(['Callback', 'LearnerCallback']))}):\n"
        code += draw(st.sampled_from(["", "    _order = 0\n", "    _order = 3\n"]))
        for event in draw(st.lists(st.sampled_from(list(KEYS)), min_size=1, unique=True)):
            keys = draw(st.lists(st.sampled_from(KEYS[event]), unique=True))
            answer = draw(st.sampled_from(["", *ANSWERS.get(event, ())]))
            code += body(names.index(name), event, keys, draw(st.sampled_from(GUARDS)), answer)
    made = ", ".join(f"{n}(learn)" if f"{n}(L" in code else f"{n}()" for n in draw(st.permutations(names)))
    return f"{code}def run(learn):\n    learn.fit(2, 0.05, callbacks=[{made}])\n"


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink a case takes minutes


@settings(max_examples=25, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(code=classes())
def test_any_rewritten_callback_does_the_same(code, written, fastai):
    first, second, ported = written(code)
    again = port_file(second, "v2")
    assert again.after == second.read_bytes()
    if ported.after == ported.before:
        return
    late = "skip_" not in code and "stop_" not in code
    # Among v2 callbacks a v1 callback of a higher `_order` came last.
    others = {"with_late": late, "with_watch": "_order = 3" not in code}
    expected, found = outcome(first, **others), outcome(second, **others)
    for both in (expected, found):
        # Who sees something first does not matter, as long as each sees the same.
        both["seen"] = sorted(both["seen"], key=lambda seen: seen[0])
    assert found == expected
