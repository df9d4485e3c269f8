"""A class is rewritten with its head, constructor and methods; all else stays to the byte."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst", reason="the extra `port` is not installed")
from fastloop_v1.migrate.port import port_file

V1 = '''\
#!/usr/bin/env python
# -*- coding: latin-1 -*-
"""é"""
from __future__ import annotations
from fastai.basics import *  # all

import os; x = 1


@decorated
class Other: pass
class Plain (Callback) :   # é
    """Text."""

    def on_epoch_end( self,
                      epoch:int, **kwargs:Any ) -> None :  # é
        'text'
        print( "é", epoch )    # last
        # end

class Learning(LearnerCallback):
    _order = 7  # é

    def __init__(self, learn:Learner, é=1, *, b: int = 2, **kwargs) -> None:
        # first
        super().__init__(learn)  # é
        self.b = é + b

    def on_train_begin(self, **kwargs): self.rate = 1


class Stopping(LearnerCallback):
    def __init__(self, learn):
        super(Stopping, self).__init__(learn)
    @staticmethod
    def é(): return 1
    def on_batch_end(self, last_loss, train, iteration, num_batch, **kwargs):
        if not train: return
        self.all = [iteration, iteration + 1, 2 * iteration, {iteration}]
        print(f"{iteration + 1} {last_loss.item():.2f}")
        self.é(iteration, last_loss=last_loss, x=(num_batch))
        if self.recorder.losses[-1] > 3:
            return {'stop_epoch': (yes)}  # é


if x: pass
learn.fit(1, callbacks=[Learning( learn, 2, b=3 ), Stopping(learn)])  # é
learn.callback_fns = [partial(Stopping), lambda learn: Learning(learn)]
'''


V2 = '''\
#!/usr/bin/env python
# -*- coding: latin-1 -*-
"""é"""
from __future__ import annotations
from fastai.basics import *  # all

import os; x = 1
from fastloop_v1 import v2


@decorated
class Other: pass
class Plain (v2.Callback) :   # é
    """Text."""

    def after_epoch(self) -> None :  # é
        'text'
        print( "é", self.epoch )    # last
        # end

class Learning(v2.Callback):
    order = 7  # é

    def __init__(self, é=1, *, b: int = 2, **kwargs) -> None:
        # first
        super().__init__()  # é
        self.b = é + b

    def before_fit(self): self.rate = 1


class Stopping(v2.Callback):
    order = 100  # its signal ends the event for those after it

    def __init__(self):
        super(Stopping, self).__init__()
    @staticmethod
    def é(): return 1
    def after_batch(self):
        if not self.training: return
        self.all = [self.train_iter - 1, self.train_iter, 2 * (self.train_iter - 1), {self.train_iter - 1}]
        print(f"{self.train_iter} {self.loss_grad.item():.2f}")
        self.é(self.train_iter - 1, last_loss=self.loss_grad.detach().cpu(), x=(self.iter))
        if self.learn.recorder.losses[-1] > 3:
            if (yes):  # é
                raise v2.CancelTrainException


if x: pass
learn.fit(1, callbacks=[Learning( 2, b=3 ), Stopping()])  # é
learn.callback_fns = [partial(Stopping), lambda learn: Learning()]
'''


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_file_keeps_its_form(tmp_path, line_end):
    path = tmp_path / "code.py"
    path.write_bytes(V1.replace("\n", line_end).encode("latin-1"))
    ported = port_file(path, "v2")
    assert ported.left_alone == ()
    assert ported.after.decode("latin-1").split(line_end) == V2.split("\n")
    compile(ported.after, "code.py", "exec")


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("from fastai.basics import *\nclass C(Callback): pass\n", 2),
        ("'''text'''\nfrom fastai.basics import *\n\nclass C(Callback): pass\nimport os\n", 3),
        ("from fastloop_v1 import v2\nfrom fastai.basics import *\nclass C(Callback): pass\n", 1),
        (
            "'''text'''\ntry: from fastai.basics import *\nexcept: raise\nclass C(Callback): pass\n",
            2,
        ),
        ("if 1: from fastai.basics import *\nclass C(Callback): pass\n", 1),
    ],
)
def test_name_v2_is_imported_before_the_class(tmp_path, code, line):
    path = tmp_path / "code.py"
    path.write_text(code)
    ported = port_file(path, "v2")
    assert ported.after.decode().splitlines()[line - 1] == "from fastloop_v1 import v2"
    assert ported.after.count(b"import v2") == 1
    assert b"class C(v2.Callback)" in ported.after
