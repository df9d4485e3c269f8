"""What tests of clean ends share with those of the contract: callbacks, learners, their condition."""

from __future__ import annotations

from importlib import import_module

import pytest

_contract = import_module("tests.contract.conftest")
learner, put_on, condition_of = _contract.learner, _contract.put_on, _contract._condition_of
combinable, pytest_generate_tests = _contract.combinable, _contract.pytest_generate_tests


@pytest.fixture
def whole_condition(condition_of):
    """Condition of a learner with the modes of all its parts."""

    def of(learn):
        modes = [part.training for part in learn.model.modules()]
        return {**condition_of(learn), "modes": modes}

    return of
