"""What code shows of its values: a single tensor, a training batch."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.scopes import names_of
from fastloop_v1.migrate.to_v2.tensors import (
    is_in_training,
    is_one_tensor,
    shows_one_tensor,
    takes_apart,
)

SHOWN = {
    "t.shape": True,
    "t.size(0)": True,
    "t - 1": True,
    "2 / t": True,
    "t * 0.5": True,
    "-t": True,
    "t[:, 0]": True,
    "torch.randn_like(t)": True,
    "t * 2": False,
    "t + u": False,
    "t[0]": False,
    "t.copy()": False,
    "f(t)": False,
    "torch.cat(t)": False,
    "x[t, 1]": False,
    "mine.randn_like(t)": False,
}


def _parsed(code):
    names = names_of(ast.parse(code))
    return names, next(node for node in names.all_of(ast.Name) if node.id == "t")


@pytest.mark.parametrize("code", SHOWN)
def test_use_shows_one_tensor(code):
    names, node = _parsed(code)
    assert shows_one_tensor(names.parents, node) is SHOWN[code]


@pytest.mark.parametrize("code", ["isinstance(t, list)", "len(t)", "is_listy(t)"])
def test_question_takes_a_value_apart(code):
    names, node = _parsed(code)
    assert takes_apart(names.parents, node)


GIVES = {
    "t": True,
    "t + 1": True,
    "u": False,
    "t[order]": True,
    "t.float().clamp(0, 1)": True,
    "t.max(0)": False,
    "t.split(2)": False,
    "f(t)": False,
    "torch.cat([t, t])": True,
    "[t, t]": False,
    "t if x else -u": True,
    "t if x else u": False,
    "noise": True,
    "twice": True,
    "odd": False,
    "again": False,
    "pair": False,
}


@pytest.mark.parametrize("code", GIVES)
def test_expression_gives_one_tensor(code):
    lines = [
        "def f(t, x, order, u):",
        " noise = torch.randn_like(u)",
        " twice = t * 2",
        " twice = noise - t",
        " odd = t",
        " odd = u",
        " again = again + 1",
        " pair, other = t, t",
    ]
    tree = ast.parse("\n".join(lines))
    scope = names_of(tree).scopes[tree.body[0]]
    assert is_one_tensor(ast.parse(code, mode="eval").body, scope, frozenset({"t"})) is GIVES[code]


TRAINING = {
    "if train: HERE": True,
    "if train and x: HERE": True,
    "if x and train:\n  if y: HERE": True,
    "f(HERE if train else 0)": True,
    "f(train and HERE)": True,
    "if not train: return\n HERE": True,
    "if not train:\n  f()\n  return None\n for x in y: HERE": True,
    "if train or x: HERE": False,
    "if train: 0\n else: HERE": False,
    "if not train: f()\n HERE": False,
    "f(HERE and train)": False,
    "if not train and x: return\n HERE": False,
    "if x:\n  if not train: return\n HERE": False,
    "HERE": False,
}


@pytest.mark.parametrize("arguments", ["train", "x"])
@pytest.mark.parametrize("code", TRAINING)
def test_code_is_for_training_batches_only(code, arguments):
    tree = ast.parse(f"def f({arguments}):\n {code}")
    names = names_of(tree)
    here = next(node for node in names.all_of(ast.Name) if node.id == "HERE")
    assert is_in_training(names, tree.body[0], here) is (TRAINING[code] and arguments == "train")
