"""Code cells of notebooks of all formats; magics become what Python reads, line by line."""

from __future__ import annotations

import json

import pytest

from fastloop_v1.migrate.notebook_source import NotebookError, code_cells, plain_python

LINES = {
    "line magic": ("%matplotlib inline", "pass"),
    "shell": ("!pip install fastai", "pass"),
    "question": ("?learn.fit", "pass"),
    "question behind": ("learn.fit??", "pass"),
    "timed statement": ("%time learn.fit(1)", "learn.fit(1)"),
    "in a block": ("if x:\n    %time f(1)\n    !ls", "if x:\n    f(1)\n    pass"),
    "assigned shell output": ("files = !ls data", "files = None"),
    "assigned magic": ("t = %timeit -o f()", "t = None"),
    "python stays": ("x = a % b != c", "x = a % b != c"),
    "shell over two lines": ("!pip install \\\n  fastai\nx = 1", "pass\n\nx = 1"),
    "timed cell": ("%%time\nlearn.fit(1)", "pass\nlearn.fit(1)"),
    "shell cell": ("%%bash\nls\npwd", "\n\n"),
    "cell of another language": ("\n%%javascript\nlet x = 1", "\n\n"),
}


@pytest.mark.parametrize("case", LINES)
def test_magics_become_python(case):
    cell, plain = LINES[case]
    assert plain_python(cell) == plain
    assert plain_python(cell).count("\n") == cell.count("\n")


def test_pylab_binds_what_it_brings():
    assert "import numpy as np" in plain_python("%pylab inline")


NOTEBOOKS = {
    "format 4": {
        "cells": [{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "source": ["a\n", "b"]}]
    },
    "text": {"cells": [{"cell_type": "code", "source": "a\nb"}]},
    "format 3": {"worksheets": [{"cells": [{"cell_type": "code", "input": "a\nb"}]}]},
    "odd cells": {"cells": [1, None, {"cell_type": "code", "source": ["a\n", "b", 3]}]},
}


@pytest.mark.parametrize("form", NOTEBOOKS)
def test_code_cells_are_found(form):
    assert code_cells(json.dumps(NOTEBOOKS[form])) == ["a\nb"]


def test_notebook_of_another_language_has_no_cells():
    notebook = {
        "metadata": {"kernelspec": {"language": "R"}},
        "cells": [{"cell_type": "code", "source": "x <- 1"}],
    }
    assert code_cells(json.dumps(notebook)) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"cells": 3}', "{}", "[" * 100_000])
def test_what_is_no_notebook_is_refused(text):
    with pytest.raises(NotebookError, match="no notebook"):
        code_cells(text)
