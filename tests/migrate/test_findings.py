"""The verdict is the worst of what was found."""

from __future__ import annotations

import pytest

from fastloop_v1.migrate.findings import (
    BROKEN,
    NEEDS_WORK,
    NO_V1,
    REMARKS,
    RUNS,
    FileReport,
    Finding,
    verdict,
)

WORK = Finding(1, "work", "k", "n", "t")
REMARK = Finding(1, "remark", "k", "n", "t")


@pytest.mark.parametrize(
    ("findings", "is_v1", "word"),
    [
        ([], True, RUNS),
        ([REMARK], True, REMARKS),
        ([REMARK, WORK], True, NEEDS_WORK),
        ([], False, NO_V1),
        ([WORK], False, NEEDS_WORK),
    ],
)
def test_verdict_is_the_worst(findings, is_v1, word):
    assert verdict(findings, is_v1=is_v1) == word


@pytest.mark.parametrize(
    ("word", "fails"), [(RUNS, False), (REMARKS, False), (NO_V1, False), (NEEDS_WORK, True), (BROKEN, True)]
)
def test_what_cannot_run_fails(word, fails):
    assert FileReport("a.py", word).fails == fails
