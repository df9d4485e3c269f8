"""What stands where in the text of a file, by lines and columns as the parsed tree counts them."""

from __future__ import annotations

import io
import tokenize

__all__ = ["Place", "Text"]

Place = tuple[int, int]


class Text:
    """Python code with its comments.

    Args:
        text: the code.

    Attributes:
        comments: line, from 1, and column, in bytes from 0, of each comment.
    """

    def __init__(self, text: str) -> None:
        self._lines = [line.encode() for line in io.StringIO(text, newline=None)]
        code = io.StringIO(text, newline=None)
        tokens = tokenize.generate_tokens(code.readline)
        starts = [token.start for token in tokens if token.type == tokenize.COMMENT]
        self.comments: list[Place] = [
            (line, len(self._lines[line - 1].decode()[:column].encode())) for line, column in starts
        ]

    def has_comment(self, start: Place, end: Place) -> bool:
        """Whether a comment begins between two places."""
        return any(start < place < end for place in self.comments)

    def begins_line(self, place: Place) -> bool:
        """Whether nothing but space is before a place in its line."""
        return not self._lines[place[0] - 1][: place[1]].strip()

    def has_comment_in_head(self, start: Place, arguments_end: Place, body: Place) -> bool:
        """Whether a comment begins in the head of a function, before its colon.

        Args:
            start: where the head begins.
            arguments_end: where its last argument, or what it returns, ends.
            body: where its body begins.
        """
        inside = (place for place in self.comments if start < place < body)
        return any(
            place < arguments_end or ":" not in self._between(arguments_end, place) for place in inside
        )

    def _between(self, start: Place, end: Place) -> str:
        lines = self._lines[start[0] - 1 : end[0]]
        lines[-1] = lines[-1][: end[1]]
        lines[0] = lines[0][start[1] :]
        return b"".join(lines).decode(errors="replace")
