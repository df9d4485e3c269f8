"""The check's results as text, JSON, Markdown or a page of HTML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from html import escape
from types import MappingProxyType

from .findings import BROKEN, NEEDS_WORK, NO_V1, REMARKS, RUNS, FileReport, Finding

__all__ = ["FORMATS", "as_html", "as_json", "as_markdown", "as_text", "name_totals", "totals"]

_VERDICTS = (RUNS, REMARKS, NEEDS_WORK, BROKEN, NO_V1)
_LEVELS = {"work": "needs work", "remark": "remark"}


def totals(reports: Sequence[FileReport]) -> dict[str, int]:
    """How many files have each verdict, in a fixed order, and how many there are."""
    counts = Counter(report.verdict for report in reports)
    return {**{word: counts[word] for word in _VERDICTS}, "files": len(reports)}


def name_totals(reports: Sequence[FileReport]) -> list[tuple[str, str, int]]:
    """Each v1 name used, with its status and the number of files that use it; the most used first."""
    counts = Counter((name.name, name.status) for report in reports for name in report.names)
    return sorted(
        ((name, status, n) for (name, status), n in counts.items()), key=lambda row: (-row[2], row[0])
    )


def _summary(reports: Sequence[FileReport]) -> str:
    counts = totals(reports)
    files = counts.pop("files")
    said = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    return f"{files} file{'' if files == 1 else 's'}: {said}" if files else "0 files"


def _place(finding: Finding) -> str:
    return f"cell {finding.cell}, line {finding.line}" if finding.cell else f"line {finding.line}"


def _sentence(finding: Finding) -> str:
    return finding.text + (f"; {finding.instead}" if finding.instead else "")


def as_text(reports: Sequence[FileReport], *, quiet: bool = False, verbose: bool = False) -> str:
    """One line a file that uses v1 or is broken, its findings below it, and the totals.

    Args:
        reports: what was found.
        quiet: only files that fail, without their remarks and without totals.
        verbose: files without v1 code and the names each file uses as well.
    """
    lines = []
    for report in reports:
        if (quiet and not report.fails) or (report.verdict == NO_V1 and not verbose):
            continue
        lines.append(f"{report.path}: {report.verdict}" + (f" ({report.broken})" if report.broken else ""))
        lines += _text_findings(report, quiet=quiet)
        if verbose:
            lines += [f"  uses {name.name} ({name.status})" for name in report.names]
    if not quiet:
        lines.append(_summary(reports))
    return "".join(_one_line(line) + "\n" for line in lines)


def _one_line(text: str) -> str:
    """The text with what would break the line, or move a terminal's cursor, shown as an escape."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text
    )


def _text_findings(report: FileReport, *, quiet: bool) -> Iterator[str]:
    for finding in report.findings:
        if not quiet or finding.level == "work":
            where = f"{finding.cell}:{finding.line}" if finding.cell else str(finding.line)
            yield f"  {where}: {_LEVELS[finding.level]} [{finding.kind}] {_sentence(finding)}"


def as_json(reports: Sequence[FileReport], *, quiet: bool = False, verbose: bool = False) -> str:
    """Everything, for other programs: `totals`, `names` and `files`; `quiet` leaves out files that run."""
    del verbose  # there is no more to say
    data = {
        "totals": totals(reports),
        "names": [{"name": name, "status": status, "files": n} for name, status, n in name_totals(reports)],
        "files": [asdict(report) for report in reports if report.fails or not quiet],
    }
    return json.dumps(data, indent=1) + "\n"


def as_markdown(reports: Sequence[FileReport], *, quiet: bool = False, verbose: bool = False) -> str:
    """A page with the totals, a table of files, the findings of each, and the names used."""
    shown = _shown(reports, quiet=quiet, verbose=verbose)
    lines = ["# Check for fastloop_v1", "", _summary(reports), "", "| file | verdict |", "| --- | --- |"]
    lines += [f"| {_cell(report.path)} | {_verdict(report)} |" for report in shown]
    for report in shown:
        if report.findings:
            lines += ["", f"## {_cell(report.path)}", "", "| where | what | name | to know | to do |"]
            lines.append("| --- | --- | --- | --- | --- |")
            lines += [f"| {' | '.join(map(_cell, _row(finding)))} |" for finding in report.findings]
    lines += ["", "## Names of v1", "", "| name | status | files |", "| --- | --- | --- |"]
    lines += [f"| {_cell(name)} | {status} | {number} |" for name, status, number in name_totals(reports)]
    return "\n".join(lines) + "\n"


def _shown(reports: Sequence[FileReport], *, quiet: bool, verbose: bool) -> list[FileReport]:
    return [r for r in reports if (r.fails or not quiet) and (verbose or r.verdict != NO_V1)]


def _verdict(report: FileReport) -> str:
    return report.verdict + (f": {_cell(report.broken)}" if report.broken else "")


def _row(finding: Finding) -> tuple[str, ...]:
    return _place(finding), _LEVELS[finding.level], finding.name, finding.text, finding.instead


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table: no markup of its own but code, no line ends."""
    plain = escape(_one_line(text), quote=False).replace("\\", "\\\\").replace("|", "\\|")
    for sign in "*_[]":
        plain = plain.replace(sign, f"\\{sign}") if "`" not in plain else plain
    return plain


_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Check for fastloop_v1</title>
<style>
body {{ font-family: sans-serif; margin: 2em; max-width: 75em }}
table {{ border-collapse: collapse; margin: 0.5em 0 1.5em }}
td, th {{ border: 1px solid #ccc; padding: 0.2em 0.6em; text-align: left; vertical-align: top }}
.work {{ background: #fdd }} .remark {{ background: #ffd }}
</style></head>
<body>
<h1>Check for fastloop_v1</h1>
<p>{summary}</p>
{files}
<h2>Names of v1</h2>
{names}
</body>
</html>
"""


def as_html(reports: Sequence[FileReport], *, quiet: bool = False, verbose: bool = False) -> str:
    """The same as a page that stands alone; all that comes from the files is escaped."""
    shown = _shown(reports, quiet=quiet, verbose=verbose)
    names = [(name, status, str(number)) for name, status, number in name_totals(reports)]
    return _PAGE.format(
        summary=_html(_summary(reports)),
        files="\n".join(_html_file(report) for report in shown),
        names=_table(("name", "status", "files"), names),
    )


def _html(text: str) -> str:
    return escape(_one_line(text))


def _html_file(report: FileReport) -> str:
    broken = f" ({report.broken})" if report.broken else ""
    heading = f"<h2>{_html(report.path)}</h2>\n<p>{_html(report.verdict + broken)}</p>"
    if not report.findings:
        return heading
    rows = [_row(finding) for finding in report.findings]
    kinds = [finding.level for finding in report.findings]
    return f"{heading}\n{_table(('where', 'what', 'name', 'to know', 'to do'), rows, kinds)}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str] = ()) -> str:
    lines = ["<table>", f"<tr>{''.join(f'<th>{_html(title)}</th>' for title in titles)}</tr>"]
    for number, row in enumerate(rows):
        kind = f' class="{kinds[number]}"' if kinds else ""
        lines.append(f"<tr{kind}>{''.join(f'<td>{_html(cell)}</td>' for cell in row)}</tr>")
    return "\n".join([*lines, "</table>"])


FORMATS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {"text": as_text, "json": as_json, "markdown": as_markdown, "html": as_html}
)
