"""The four forms of the report say the same; what comes from the files cannot become markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from fastloop_v1.migrate.check_report import (
    FORMATS,
    as_html,
    as_json,
    as_markdown,
    as_text,
    name_totals,
    totals,
)
from fastloop_v1.migrate.findings import BROKEN, NEEDS_WORK, NO_V1, RUNS, FileReport, Finding, UsedName

EVIL = "<script>alert('x')</script>|`*\n# heading\x1b[2J\udcff.py"
LEARNER = UsedName("basic_train.Learner", "here", (1, 2))
REPORTS = [
    FileReport("a.py", RUNS, (LEARNER,)),
    FileReport(
        EVIL,
        NEEDS_WORK,
        (LEARNER, UsedName("vision.data.ImageList", "not offered", (3,))),
        (
            Finding(3, "work", "not-offered", EVIL, EVIL, EVIL),
            Finding(4, "remark", "changed", "to_fp16", "it changed", cell=2),
        ),
    ),
    FileReport("c.py", BROKEN, broken=EVIL),
    FileReport("d.py", NO_V1),
]


class _Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.opened, self.closed, self.shown = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)

    def handle_endtag(self, tag):
        self.closed.append(tag)

    def handle_data(self, data):
        self.shown += data


def test_totals_count_each_verdict():
    expected = {RUNS: 1, "runs with remarks": 0, NEEDS_WORK: 1, BROKEN: 1, NO_V1: 1, "files": 4}
    assert totals(REPORTS) == expected
    assert name_totals(REPORTS) == [
        ("basic_train.Learner", "here", 2),
        ("vision.data.ImageList", "not offered", 1),
    ]


def test_text_has_a_line_for_each_file_and_finding():
    lines = as_text(REPORTS).splitlines()
    assert lines[0] == "a.py: runs as is"
    assert lines[1].endswith(".py: needs work")
    assert lines[2].startswith("  3: needs work [not-offered]")
    assert lines[3] == "  2:4: remark [changed] it changed"
    assert lines[4].startswith("c.py: broken (")
    assert lines[5] == "4 files: 1 runs as is, 1 needs work, 1 broken, 1 no fastai v1 code"
    assert len(lines) == 6
    assert "\x1b" not in as_text(REPORTS)


def test_quiet_text_names_only_what_fails():
    text = as_text(REPORTS, quiet=True)
    assert "a.py" not in text
    assert "remark" not in text
    assert "files" not in text
    assert as_text(REPORTS[:1], quiet=True) == ""


def test_verbose_text_names_all():
    text = as_text(REPORTS, verbose=True)
    assert "d.py: no fastai v1 code" in text
    assert "  uses vision.data.ImageList (not offered)" in text


def test_json_holds_everything():
    data = json.loads(as_json(REPORTS))
    assert [file["path"] for file in data["files"]] == ["a.py", EVIL, "c.py", "d.py"]
    assert data["files"][1]["findings"][0]["name"] == EVIL
    assert data["totals"]["files"] == 4
    assert data["names"][0] == {"name": "basic_train.Learner", "status": "here", "files": 2}


def test_html_escapes_everything():
    page = _Tags(as_html(REPORTS))
    assert "script" not in page.opened
    assert "alert('x')" in page.shown
    assert sorted(page.opened) == sorted([*page.closed, "meta"])


def test_markdown_stays_one_table_row_a_finding():
    lines = as_markdown(REPORTS).splitlines()
    assert not [line for line in lines if line.startswith("# heading") or "<script>" in line]
    headings = [line for line in lines if line.startswith("#")]
    assert len(headings) == 3
    cells = [line.replace("\\|", "").count("|") for line in lines if line.startswith("|")]
    assert set(cells) == {3, 4, 6}


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_found_is_a_report_too(form):
    assert "0" in FORMATS[form]([])
