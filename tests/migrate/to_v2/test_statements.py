"""A return statement becomes an assignment or a signal where it stands, with its comment."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst", reason="the extra `port` is not installed")
from fastloop_v1.migrate.port import port_file

HEAD = "from fastai.basics import *\nfrom fastloop_v1 import v2\n\n\nclass C(Callback):\n"
ARGUMENTS = {
    "batch_begin": "last_input, last_target, train",
    "loss_begin": "last_output",
    "backward_begin": "last_loss",
    "backward_end": "iteration, last_loss",
    "batch_end": "train, num_batch",
    "epoch_end": "epoch",
}
BECOMES = {
    "alone": ("loss_begin", "return {'last_output': last_output * 2}", "self.learn.pred = self.pred * 2"),
    "with a comment": (
        "loss_begin",
        "return {'last_output': last_output * 2}  # twice",
        "self.learn.pred = self.pred * 2  # twice",
    ),
    "over lines": (
        "backward_begin",
        "return {\n            'last_loss': last_loss\n            + 1,\n        }",
        "self.learn.loss_grad = (self.loss_grad\n            + 1)",
    ),
    "an input": (
        "batch_begin",
        "return {'last_input': last_input - 1}",
        "self.learn.xb = (self.x - 1,)",
    ),
    "two at once": (
        "batch_begin",
        "return {'last_target': last_target - last_input.sum(), 'last_input': -last_input}",
        "self.learn.yb, self.learn.xb = (self.y - self.x.sum(),), (-self.x,)",
    ),
    "in the middle": (
        "loss_begin",
        "if x:\n            return {'last_output': last_output * 2}  # a\n        f()",
        "if x:\n            self.learn.pred = self.pred * 2  # a\n            return\n        f()",
    ),
    "behind a colon": (
        "loss_begin",
        "if x: return {'last_output': last_output * 2}\n        f()",
        "if x: self.learn.pred = self.pred * 2; return\n        f()",
    ),
    "behind a semicolon": (
        "loss_begin",
        "f(); return {'last_output': last_output * 2}  # a",
        "f()\n        self.learn.pred = self.pred * 2  # a",
    ),
    "below a comment": (
        "loss_begin",
        "# why\n\n        return {'last_output': last_output}",
        "# why\n\n        self.learn.pred = self.pred",
    ),
    "if": (
        "loss_begin",
        "return {'last_output': last_output * 2} if x else None",
        "if x:\n            self.learn.pred = self.pred * 2",
    ),
    "a signal": (
        "backward_end",
        "if iteration > 2: return {'skip_step': True}\n        f()",
        "if self.train_iter > 2: raise v2.CancelStepException\n        f()",
    ),
    "a signal if": (
        "backward_end",
        "return {'skip_step': iteration > 2}  # a",
        "if self.train_iter > 2:  # a\n            raise v2.CancelStepException",
    ),
    "a signal if, in the middle": (
        "epoch_end",
        "if x:\n            return {'stop_training': epoch > 2}\n        f()",
        "if x:\n            if self.epoch > 2:\n                raise v2.CancelFitException\n"
        "            return\n        f()",
    ),
    "a signal in training": (
        "batch_end",
        "if train and num_batch > 2:\n            return {'stop_epoch': True}",
        "if self.training and self.iter > 2:\n            raise v2.CancelTrainException",
    ),
    "nothing": (
        "epoch_end",
        "if epoch: return\n        return None",
        "if self.epoch: return\n        return None",
    ),
}


@pytest.mark.parametrize("name", BECOMES)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_return_becomes_statements(name, line_end, tmp_path):
    event, code, new = BECOMES[name]
    path = tmp_path / "code.py"
    text = f"{HEAD}    def on_{event}(self, {ARGUMENTS[event]}, **kwargs):\n        {code}\n"
    path.write_bytes(text.replace("\n", line_end).encode())
    after = port_file(path, "v2").after.decode()
    _, _, body = after.partition("(self):" + line_end)
    assert body == f"        {new}\n".replace("\n", line_end)
    compile(after, "code.py", "exec")
