"""What a method does to the loop is read from its source."""

from __future__ import annotations

import pytest

from fastloop_v1 import v2
from fastloop_v1.v2 import CancelFitException
from fastloop_v1.v2.method_source import parts_of
from fastloop_v1.v2.written_names import Reading, read


class Does:
    def sets_parts(self):
        self.learn.xb, self.learn.yb = 1, 2
        self.learn.loss_grad *= 2
        self.mine = 3
        setattr(self.learn, "pred", 3)  # noqa: B010

    def by_another_name(self):
        learn = self.learn
        learn.pred: int = 3
        other = 2
        other.x = 1

    def through_a_method(self):
        self.by_another_name()

    def sets_rates(self):
        self.opt.lr = 1
        self.learn.opt.mom, self.opt.beta = 2, 3
        self.opt.set_hypers(wd=0)
        self.opt.set_hyper("eps", 1)
        self.opt.opt = None

    def sets_rates_of_groups(self):
        opt = self.learn.opt
        opt.hypers[-1]["lr"] = 1
        for hypers in self.opt.hypers:
            hypers["mom"] *= 2
        for i, group in enumerate(opt.param_groups):
            group["weight_decay"] = i
        last = opt.hypers[-1]
        last.update(sqr_mom=1)
        opt.hypers[0].update({"eps": 1})
        opt.state["lr"] = 3

    def sets_rates_by_name(self, name):
        self.opt.set_hyper(name, 1)
        self.opt.scale_lr(2)

    def raises(self):
        if self.mine:
            raise CancelFitException
        if self.learn:
            raise v2.CancelTrainException("enough")
        raise ValueError

    def hides(self):
        self.xb, self.other = 1, 2
        self.pred += 1


WRITTEN = {
    "parts": ("sets_parts", Reading(written=("xb", "yb", "loss_grad", "pred"))),
    "by another name": ("by_another_name", Reading(written=("pred",))),
    "through a method": ("through_a_method", Reading(written=("pred",))),
    "rates": ("sets_rates", Reading(hypers=("lr", "mom", "beta", "wd", "eps"))),
    "rates of groups": ("sets_rates_of_groups", Reading(hypers=("lr", "mom", "wd", "beta", "eps"))),
    "rates by name": ("sets_rates_by_name", Reading(hypers=("lr",), has_unnamed_hypers=True)),
    "signals": ("raises", Reading(raised=("CancelFitException", "CancelTrainException"))),
    "its own": ("hides", Reading(hidden=("xb", "pred"))),
}


@pytest.mark.parametrize(("name", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_set_and_raised_is_found(name, expected):
    found = read(getattr(Does(), name))
    for field in ("written", "raised", "hidden", "has_unnamed_hypers"):
        assert getattr(found, field) == getattr(expected, field)
    assert sorted(found.hypers) == sorted(expected.hypers)


def test_without_a_source_nothing_is_known():
    assert read(len) == Reading(has_source=False)
    assert parts_of(len) == []


def test_points_are_found_by_their_names():
    class Points:
        def at_point(self, name):
            if name in ("after_train", "other"):
                self.mine = 1

    assert read(Points().at_point).points == ("after_train",)
