"""`ParamGroup`: parameters and their hyper-parameters, as torch and fastai v1 expect to find them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from torch import Tensor

__all__ = ["ParamGroup", "as_group_dicts"]

# torch's word, v2's word. `betas` is the pair of v2's `mom` and `sqr_mom`.
_V2_WORDS = {"momentum": "mom", "alpha": "sqr_mom", "weight_decay": "wd"}
_TORCH_WORDS = {v2: torch for torch, v2 in _V2_WORDS.items()}
_BETAS = ("mom", "sqr_mom")


class ParamGroup(MutableMapping[str, Any]):
    """The parameters under `"params"`, and a live view of their hyper-parameters.

    It is read and written with fastai v2's words (`mom`, `sqr_mom`, `wd`) and with torch's (`momentum`,
    `alpha`, `betas`, `weight_decay`); what is written is in `hypers` at once, under v2's word.

    Args:
        params: the parameters.
        hypers: hyper-parameters by name. A name of their own that is one of torch's words stays what it is.
        in_torch_words: whether it lists its keys in torch's words, as wrappers of torch optimizers look for.
    """

    def __init__(
        self, params: Iterable[Tensor], hypers: Mapping[str, Any], *, in_torch_words: bool = False
    ) -> None:
        self.params = list(params)
        self.hypers = dict(hypers)
        self.in_torch_words = in_torch_words

    def _key(self, name: str) -> str:
        """The name under which a hyper-parameter stands: its own, or v2's word for it."""
        translated = _V2_WORDS.get(name, name)
        return translated if name not in self.hypers and translated in self.hypers else name

    def _is_betas(self, name: str) -> bool:
        return name == "betas" and name not in self.hypers and all(beta in self.hypers for beta in _BETAS)

    def __getitem__(self, name: str) -> Any:
        if name == "params":
            return self.params
        if self._is_betas(name):
            return tuple(self.hypers[beta] for beta in _BETAS)
        return self.hypers[self._key(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "params":
            self.params = list(value)
        elif self._is_betas(name):
            self.hypers.update(zip(_BETAS, value, strict=True))
        else:
            self.hypers[self._key(name)] = value

    def replace_hypers(self, hypers: Mapping[str, Any]) -> None:
        """Have these hyper-parameters, by either word, and no others."""
        named = {self._key(name): value for name, value in hypers.items()}
        self.hypers.clear()
        self.hypers.update(named)

    def __delitem__(self, name: str) -> None:
        del self.hypers[self._key(name)]

    def __iter__(self) -> Iterator[str]:
        yield "params"
        for name in self.hypers:
            word = _TORCH_WORDS.get(name, name) if self.in_torch_words else name
            yield name if word in self.hypers else word

    def __len__(self) -> int:
        return 1 + len(self.hypers)

    def __repr__(self) -> str:
        return f"ParamGroup({len(self.params)} parameters, {self.hypers})"


def as_group_dicts(params: Any) -> tuple[list[dict[str, Any]], bool]:
    """Return parameter groups as dicts, and whether they were given as torch's dicts.

    Args:
        params: a list of lists of parameters, of parameters, or of torch's dicts with `params` in each.
    """
    given = [params] if isinstance(params, (Tensor, dict)) else list(params)
    if given and isinstance(given[0], Mapping):
        return [dict(group) for group in given], True
    if given and not isinstance(given[0], Tensor):
        return [{"params": list(group)} for group in given], False
    return [{"params": given}], False
