"""Values of v1's layers that need no layer: statistics of data sets, special tokens, file endings."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["PLAIN_VALUES"]

_TOKENS = {
    "UNK": "xxunk",
    "PAD": "xxpad",
    "BOS": "xxbos",
    "EOS": "xxeos",
    "FLD": "xxfld",
    "TK_MAJ": "xxmaj",
    "TK_UP": "xxup",
    "TK_REP": "xxrep",
    "TK_WREP": "xxwrep",
}
_VISION = {
    "imagenet_stats": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "cifar_stats": ([0.491, 0.482, 0.447], [0.247, 0.243, 0.261]),
    "mnist_stats": ([0.15, 0.15, 0.15], [0.15, 0.15, 0.15]),
    "image_extensions": {end for end, kind in mimetypes.types_map.items() if kind.startswith("image/")},
}
_TEXT = {**_TOKENS, "text_spec_tok": list(_TOKENS.values())}

PLAIN_VALUES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"vision.data": _VISION, "text.transform": _TEXT}
)
"""v1's module, then name and value; statistics are means and standard deviations of red, green and blue."""
