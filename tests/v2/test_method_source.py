"""Methods are parsed, with those of the same callback that they call."""

from __future__ import annotations

from functools import wraps

from fastloop_v1.v2.method_source import parts_of


def names(method):
    return [getattr(part.node, "name", "lambda") for part in parts_of(method)]


class Base:
    def event(self):
        return self._helper()

    def _helper(self):
        return None


class Child(Base):
    def event(me):
        me._mine()
        return super().event()

    def _mine(self):
        self._mine()
        self.nowhere()
        self.learn.save()


def test_a_method_brings_what_it_calls_through_self_and_super():
    assert names(Child().event) == ["event", "_mine", "event", "_helper"]
    assert [part.me for part in parts_of(Child().event)] == ["me", "self", "self", "self"]


def test_a_wrapped_method_is_read_through():
    def noted(function):
        @wraps(function)
        def run(self):
            return function(self)

        return run

    class Noted:
        @noted
        def event(self):
            return None

    assert names(Noted().event) == ["event"]


def test_a_lambda_alone_on_its_line_is_read():
    alone = lambda self: self.learn  # noqa: E731
    assert names(alone) == ["lambda"]


def test_without_a_source_there_is_nothing():
    both = (lambda self: 1), (lambda self: 2)
    assert parts_of(len) == parts_of(both[0]) == parts_of(object()) == []
