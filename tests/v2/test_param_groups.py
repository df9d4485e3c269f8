"""A group is a live view of its hyper-parameters, in v2's words and in torch's."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from fastloop_v1.v2.param_groups import ParamGroup, as_group_dicts

HYPERS = {"lr": 0.1, "mom": 0.9, "sqr_mom": 0.99, "wd": 0.01, "eps": 1e-5}
PARAM = torch.nn.Parameter(torch.zeros(2))


def a_group(**options):
    return ParamGroup([PARAM], HYPERS, **options)


@pytest.mark.parametrize(
    ("word", "v2_word", "value"),
    [("momentum", "mom", 0.5), ("alpha", "sqr_mom", 0.5), ("weight_decay", "wd", 0.5), ("lr", "lr", 0.5)],
)
@pytest.mark.parametrize("in_torch_words", [True, False])
def test_torchs_word_reads_and_writes_v2s(word, v2_word, value, in_torch_words):
    group = a_group(in_torch_words=in_torch_words)
    assert group[word] == group[v2_word] == HYPERS[v2_word]
    group[word] = value
    assert group.hypers[v2_word] == group[v2_word] == value
    assert group.hypers.keys() == HYPERS.keys()


def test_betas_are_the_pair_of_momentums():
    group = a_group()
    assert group["betas"] == (0.9, 0.99)
    group["betas"] = (0.8, 0.95)
    assert (group["mom"], group["sqr_mom"]) == (0.8, 0.95)
    assert "betas" not in ParamGroup([], {"mom": 0.9})


def test_keys_are_in_the_words_asked_for():
    assert list(a_group()) == ["params", "lr", "mom", "sqr_mom", "wd", "eps"]
    torch_words = ["params", "lr", "momentum", "alpha", "weight_decay", "eps"]
    assert list(a_group(in_torch_words=True)) == torch_words
    assert len(a_group()) == 6


def test_name_of_ones_own_stays_what_it_is():
    group = ParamGroup([], {"alpha": 3, "sqr_mom": 0.5}, in_torch_words=True)
    group["alpha"] = 4
    assert dict(group) == {"params": [], "alpha": 4, "sqr_mom": 0.5}
    group["new"] = 1
    assert group.hypers["new"] == 1
    del group["new"]
    assert "new" not in group


def test_replaced_hypers_are_the_only_ones():
    group = a_group()
    hypers = group.hypers
    group.replace_hypers({"momentum": 0.5, "lr": 1, "new": 2})
    assert group.hypers == {"mom": 0.5, "lr": 1, "new": 2}
    assert group.hypers is hypers


def test_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        ParamGroup([], {})["weight_decay"]


def test_copies_and_pickles_keep_what_the_view_shows():
    group = a_group(in_torch_words=True)
    assert copy.deepcopy(group).hypers == pickle.loads(pickle.dumps(group)).hypers == HYPERS


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([[PARAM], []], ([{"params": [PARAM]}, {"params": []}], False)),
        ([PARAM], ([{"params": [PARAM]}], False)),
        (PARAM, ([{"params": [PARAM]}], False)),
        ((p for p in [PARAM]), ([{"params": [PARAM]}], False)),
        ([(p for p in [PARAM])], ([{"params": [PARAM]}], False)),
        ([{"params": [PARAM], "lr": 1}], ([{"params": [PARAM], "lr": 1}], True)),
    ],
    ids=["lists", "flat", "one", "generator", "list of generators", "dicts"],
)
def test_groups_are_told_from_what_is_given(given, expected):
    assert as_group_dicts(given) == expected
