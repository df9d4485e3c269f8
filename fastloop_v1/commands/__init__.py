"""The commands of `fastloop-v1`, one module each; every one has `add_parser(commands)`.

None of these modules loads PyTorch when imported, so that help and wrong arguments are answered at once.
"""

from __future__ import annotations

__all__: list[str] = []
