"""The loops that can be measured, and what each variant of theirs is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from .workloads import Workload

__all__ = ["HANDWRITTEN", "LOOPS", "OURS", "PEERS", "Loop", "base_of", "jobs_of", "reference_of"]

HANDWRITTEN, OURS = "hand-written", "fastloop_v1"


@dataclass(frozen=True)
class Loop:
    """One way to train.

    Args:
        name: how it is asked for, and named in tables.
        module: of this package; has `prepare`.
        package: what has to be installed for it.
        distribution: the name of that for pip.
        imports: statements whose time is measured.
        same: for a variant, the variant of the hand-written loop that has to end with the same losses.
        same_order: whether it starts to load once an epoch, so that shuffled samples come in the same order.
    """

    name: str
    module: str
    package: str = "torch"
    distribution: str = "torch"
    imports: tuple[str, ...] = ()
    same: Mapping[str, str] = field(default_factory=dict)
    same_order: bool = True

    @property
    def is_installed(self) -> bool:
        """Whether its package can be imported."""
        return find_spec(self.package) is not None


# Torch's one-cycle is one batch ahead of fastai v1's, so that losses differ in the third digit.
_TORCH_CYCLE = {"usual": "usual_torch", "bare": "bare"}
_V1_CYCLE = {"usual": "usual", "fused": "fused", "bare": "bare", "twenty": "bare"}


def _peer(name: str, distribution: str, *, same_order: bool = True) -> Loop:
    module, imports = f"peers.{name}", (f"import {name}",)
    return Loop(name, module, name, distribution, imports, _TORCH_CYCLE, same_order)


_ALL = (
    Loop(HANDWRITTEN, "handwritten"),
    Loop(
        OURS,
        "fastloop",
        "fastloop_v1",
        "fastloop_v1",
        ("import fastloop_v1", "from fastloop_v1.basics import *"),
        _V1_CYCLE,
    ),
    _peer("skorch", "skorch"),
    _peer("ignite", "pytorch-ignite"),
    _peer("accelerate", "accelerate"),
    _peer("lightning", "lightning", same_order=False),
    _peer("poutyne", "poutyne", same_order=False),
)
LOOPS = {loop.name: loop for loop in _ALL}
PEERS = tuple(name for name in LOOPS if name != HANDWRITTEN)


def base_of(workload: Workload, variant: str) -> tuple[str, str]:
    """Return loop and variant that a variant's time is compared with."""
    if workload.kind == "calls":
        return OURS, "bare"
    return HANDWRITTEN, "bare" if variant == "bare" else "usual"


def reference_of(workload: Workload, name: str, variant: str) -> tuple[str, str] | None:
    """Return loop and variant whose final losses have to be the same; None for what is a reference itself."""
    if workload.kind == "calls":
        return None if variant == "bare" else (OURS, "bare")
    same = LOOPS[name].same.get(variant)
    return None if same is None else (HANDWRITTEN, same)


def jobs_of(workload: Workload, names: list[str], variants: list[str]) -> list[tuple[str, str]]:
    """Return loop and variant of all that is run for a workload, its bases and references included."""
    if workload.kind == "import":
        return [(name, statement) for name in names for statement in LOOPS[name].imports]
    wanted = [variant for variant in workload.variants if variant in variants or workload.kind != "loop"]
    jobs: dict[tuple[str, str], None] = {}
    for name in names:
        if name == OURS or workload.peers:
            jobs.update(dict.fromkeys((name, variant) for variant in wanted if variant in LOOPS[name].same))
    for name, variant in list(jobs):
        jobs[base_of(workload, variant)] = None
        reference = reference_of(workload, name, variant)
        if reference is not None:
            jobs[reference] = None
    return list(jobs)
