"""The machine gives what Python's own reader gives, and asks its rules before anything is done."""

from __future__ import annotations

import io
import pickle
import pickletools
from pickle import UnpicklingError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastloop_v1.old_files.pickle_machine import PickleMachine, names_in


class Asked:
    """Rules that write down what they are asked and allow plain containers."""

    def __init__(self):
        self.asked = []

    def check(self, pairs):
        self.asked.append(("check", *pairs))

    def find(self, module, name):
        self.asked.append(("find", module, name))
        return f"{module}.{name}"

    def call(self, function, args):
        self.asked.append(("call", function, args))
        return [function, *args]

    def new(self, kind, args, kwargs):
        self.asked.append(("new", kind, args, kwargs))
        return {"kind": kind}

    def build(self, made, state):
        self.asked.append(("build", made, state))

    def extend(self, made, members):
        (made.extend if isinstance(made, list) else made.update)(members)

    def set_pairs(self, made, pairs):
        made.update(pairs)


def run(content, rules=None):
    """What a pickle gives."""
    return PickleMachine(rules or Asked(), lambda asked: ("outside", asked)).run(io.BytesIO(content))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(plain, st.integers(3, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back(value, protocol):
    assert run(pickle.dumps(value, protocol)) == value


@settings(max_examples=40, deadline=None)
@given(st.lists(plain), st.integers(4, pickle.HIGHEST_PROTOCOL))
def test_shared_and_circular_values_come_back(value, protocol):
    holder = [value, value, {1, 2}, frozenset("ab"), bytearray(b"x") if protocol == 5 else b"x"]
    holder.append(holder)
    again = run(pickle.dumps(holder, protocol))
    assert again[:5] == holder[:5]
    assert again[0] is again[1]
    assert again[5] is again


OLD = {
    "list": (b"(lp0\nI1\naI2\na.", [1, 2]),
    "dict": (b"(dp0\nS'a'\nI01\ns.", {"a": True}),
    "tuple": (b"(F1.5\nL3L\nt.", (1.5, 3)),
    "text": (b"V\\u00e9\n.", "é"),
    "memo": (b"(lp0\ng0\n0g0\n.", []),
    "dropped": (b"I1\nI2\n0.", 1),
    "dropped to a mark": (b"I1\n(I2\nI3\n1.", 1),
    "empty mark dropped": (b"I1\n(0.", 1),
    "doubled": (b"]2a.", None),
}


@pytest.mark.parametrize(("content", "expected"), OLD.values(), ids=OLD)
def test_instructions_of_old_protocols_are_carried_out(content, expected):
    found = run(content)
    assert found == (found if expected is None else expected)
    if expected is None:
        assert found[0] is found


def test_machine_stops_behind_the_pickle():
    file = io.BytesIO(pickle.dumps(1) + pickle.dumps(2) + b"rest")
    machines = [PickleMachine(Asked(), None) for _ in range(2)]
    assert [machine.run(file) for machine in machines] == [1, 2]
    assert file.read() == b"rest"


DONE = {
    "call": (b"ca\nb\n(I1\ntR.", [("find", "a", "b"), ("call", "a.b", (1,))]),
    "call above a mark": (b"(ca\nb\nI1\no.", [("find", "a", "b"), ("call", "a.b", (1,))]),
    "call by name": (b"(I1\nia\nb\n.", [("find", "a", "b"), ("call", "a.b", (1,))]),
    "new": (b"ca\nb\n(I1\nt\x81.", [("find", "a", "b"), ("new", "a.b", (1,), {})]),
    "new with keywords": (b"ca\nb\n)}V1\nI1\ns\x92.", [("find", "a", "b"), ("new", "a.b", (), {"1": 1})]),
    "build": (b"]Nb.", [("build", [], None)]),
    "name on the stack": (b"\x8c\x01a\x8c\x03b.c\x93.", [("find", "a", "b.c")]),
}


@pytest.mark.parametrize(("content", "asked"), DONE.values(), ids=DONE)
def test_rules_are_asked_for_everything_that_is_done(content, asked):
    rules = Asked()
    run(content, rules)
    assert rules.asked[1:] == asked


def test_rules_see_the_names_before_anything_is_done():
    rules = Asked()
    run(b"ca\nb\n(tR0(ic\nd\n.", rules)
    assert rules.asked[0] == ("check", ("a", "b"), ("c", "d"))
    assert [step[0] for step in rules.asked] == ["check", "find", "call", "find", "call"]


def test_id_outside_is_answered():
    assert run(b"I5\nQ.") == ("outside", 5)


def test_names_before_damage_are_found():
    assert list(names_in(io.BytesIO(b"ca\nb\nI1\n\xff"))) == [("a", "b")]
    assert list(names_in(io.BytesIO(b"N.ca\nb\n."))) == []


REFUSED = ["PERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"]
SAMPLES = {"PERSID": b"Pa\n", "EXT1": b"\x82\x01", "EXT2": b"\x83\x01\0", "EXT4": b"\x84\x01\0\0\0"}


@pytest.mark.parametrize("name", REFUSED)
def test_instruction_of_no_plain_pickle_is_refused(name):
    code = {op.name: op.code for op in pickletools.opcodes}[name].encode("latin-1")
    with pytest.raises(UnpicklingError, match=f"has the instruction {name}"):
        run(b"N" + SAMPLES.get(name, code) + b".")


def test_every_other_instruction_is_known():
    for opcode in pickletools.opcodes:
        if opcode.name not in {*REFUSED, "STOP"}:
            with pytest.raises((UnpicklingError, IndexError, KeyError, TypeError, ValueError)) as caught:
                run(opcode.code.encode("latin-1") + b"\xff\xff\xff\xff\n\xff")
            assert "has the instruction" not in str(caught.value)


BROKEN = [
    b"",
    b"N",
    b".",
    b"0.",
    b"1.",
    b"t.",
    b"\x85.",
    b"h\0.",
    b"2.",
    b"q\0.",
    b"\x80\x63N.",
    b"NNR.",
    b"NN\x93.",
    b"I1\n]b",
]


@pytest.mark.parametrize("content", BROKEN, ids=repr)
def test_damaged_pickle_is_an_error(content):
    with pytest.raises((UnpicklingError, IndexError, KeyError, ValueError)):
        run(content)
