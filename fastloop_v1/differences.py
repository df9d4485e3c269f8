"""Where this package differs from v1: the known faults of v1, each with what became of it, as data.

`DIFFERENCES` is the only place where this is written down; `docs/differences.md` is printed from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["DIFFERENCES", "NAMES", "Difference", "differences_page"]


@dataclass(frozen=True)
class Difference:
    """A fault of v1 and what became of it.

    Attributes:
        number: its number among the known faults, `1` to `78`, and `55b`.
        v1: what v1 does.
        status: `mended`, with a test that has the number in its name; or `kept` on purpose.
        here: what this package does.
        why: the reason.
        switch: how to get v1's behaviour, empty where there is nothing to switch.
        marks: what in v1 code tells that it is touched: `name:` a name of v1, `attribute:` an attribute,
            `returns:` and `takes:` a key that a callback returns or takes, `keyword:` an argument with its
            value. Empty where code does not tell.
    """

    number: str
    v1: str
    status: str
    here: str
    why: str
    switch: str
    marks: tuple[str, ...] = ()


_SWITCH = "`defaults.v1_quirks = True`"

# Three lines a row: number and v1; status and here; why, `on` if the switch brings v1 back, and the marks.
_ROWS = """\
1 | interrupts reach `on_train_end` as `exception=False`
mended | the interrupt itself is passed
clean-up code has to know | on | takes:exception
2 | an error in `on_train_begin` skips every `on_train_end`
mended | those that had begun are ended
what was changed must be put back |
3 | an error in `on_train_end` stops the others and hides the first error
mended | all are called; the first error is raised, the others are notes on it
the cause must be seen |
4 | `stop_training` from `on_train_begin` is no valid key
kept | the same error, with a note that names callback, event and key
recordings fix which keys exist when (`ev-early-key-p1`, all traces) |
5 | `stop_epoch` and `skip_...` from the first `on_epoch_begin` are no valid keys, later wiped
kept | the same; `fit(strict=True)` warns of keys that cannot act
as 4 |
6 | `last_metrics` before the first epoch end is no valid key
kept | the same
as 4 |
7 | `skip_validate` said in an epoch holds for all later ones
mended | said in `on_train_begin` it holds for the fit, in an epoch for it, at its end for the next
one epoch was meant | on | returns:skip_validate
8 | a bare return value such as `True` is an AttributeError
mended | what it meant before v1.0.47 is done, with a warning; else the error names callback and event
old callbacks run |
9 | a data set that is a callback fails when loaders change twice
mended | it leaves with its loader and is forgotten
no error was meant |
10 | a data set that is a callback is called last and hears no `on_train_begin`
kept | the same
`ev-dataset-cb-p1` and `p2`: such data sets are written for it |
11 | nothing can abandon a batch; `stop_epoch` at its begin still trains it
mended | raise `CancelBatchException` (`signals`): the batch is left at once; the keys act as before
a new key would be in every recorded set of keys |
12 | gradients left from before enter the first step of a fit
mended | the model's gradients are cleared when a fit begins
a failed batch must not train | on
13 | an error in validation leaves the model in evaluation mode
mended | every part of the model has the mode it had
training goes on after an error |
14 | a fit that goes on at an epoch counts on the progress bar to end
mended | the loop counts epochs itself
bars can be replaced |
15 | going on at an epoch without a bar fails
mended | a bar is not needed
no error was meant |
16 | two copies from the device in each training batch
mended | none: losses stay on their device until somebody looks at them
each one waited for the device |
17 | the state keeps the graph of the last batch
mended | when the batch ends, after its last event, the output is cut off from it
memory of a whole graph was held |
18 | validation without a batch, or a metric without a value, is an error
mended | the value is None
no value is no error |
19 | averages weigh with float32, by the first target's length
kept | the loss does; `AverageMetric` counts exactly
it settles the last digits of recorded losses (`st-functional-p1`) |
20 | a loader without a length is refused
mended | it trains; a one-cycle schedule still needs the length
streams have none |
21 | `learn.validate` never ends training
kept | the same; after an error in it, training ends for the callbacks that began
recorded without a mark (`ev-defaults-p1`); callbacks that load the best weights at the end would do so |
22 | `get_preds` fires batch events only
kept | the same
`ev-get-preds-p1` to `p3`: a begin event would reset callbacks in the middle of a fit |
23 | only `train` tells the phase
kept | the same
recordings fix the keys of the state |
24 | unknown attributes of the optimizer are None
kept | the same
legacy code asks `if opt.foo:` (`ow-unknown-p1`) |
25 | the optimizer's `__getattr__` recurses in copies
mended | copies and pickles work
no error was meant |
26 | an optimizer without momentum keeps one, and `new()` fails
mended | what is written is remembered without effect; unset it is None, and `new()` works
schedules write momentum always |
27 | no closure, and never a single parameter group
mended | `step(closure)`, and a wrapper around one group; the loop itself steps without a closure
one batch stays on one screen |
28 | `lr` and the others read as the last group's
mended | the same, and there are `lrs` and `scale_lr`
`opt.lr *= x` makes all groups equal |
29 | `new()` takes over the last group's values only
mended | each layer group's, if there are as many groups
discriminative rates stay | on
30 | a group without a partner is ignored
mended | it gets the values of its place
foreign optimizers have any number of groups |
31 | other options are read from half of the groups only
mended | `set_stat` writes every group
options such as `amsgrad` are for all |
32 | in one-cycle a phase without a batch counts as one, and the rate ends at its peak
mended | it is left out, and the end is reached after the last batch
the cycle is as long as the fit | on
33 | the last learning rate is set after the last step
kept | the same
it is in every recorded schedule (`tr-onecycle-p1`) |
34 | `GeneralScheduler` takes no values by layer group
mended | arrays, lists and slices
groups have rates of their own |
35 | a phase is over when its first hyper-parameter is
mended | when the longest is
none may be cut off | on
36 | `jump_to_epoch` replays batch by batch
kept | the same, to the bit what training would have set
`tr-onecycle-resume-p1` to `p3`; position by loader length needs an assumption as well |
37 | `freeze` and `unfreeze` make a new optimizer
kept | the same
`tr-freeze-p1` to `p3` fix the steps after it |
38 | `load` hides why an optimizer's state does not fit
mended | a warning says why, and the optimizer is as it was
half a state is worse than none |
39 | a metric that returns a number fails
mended | numbers, numpy and tensors
no error was meant |
40 | a metric object or its partial has no name
mended | its class name in snake case
columns need a name |
41 | metrics of one name collide
mended | `accuracy`, `accuracy_2`
a column and a monitor have to mean one thing | on
42 | metrics of several processes are means of means
mended | in a fit sums and counts of all processes are added; `learn.validate` stays in its process
shares differ in size | on
43 | `add_metric_names` changes the caller's list
mended | it takes a copy
names doubled in a second fit |
44 | trackers lose a metric without a time column
mended | values are found by name
columns may move |
45 | `monitor="train_loss"` needs validation
mended | it is watched without
a typo in v1 |
46 | old names such as `val_loss` never trigger
mended | they watch the new one and warn; unknown names are listed
silence hid it | | keyword:monitor=val_loss keyword:monitor=trn_loss
47 | `SaveModelCallback` loads any file of that name at the end
mended | what this fit saved, and not after an error
it may be of another model | on | name:SaveModelCallback
48 | it writes in place, in all processes
mended | the first process writes, at once or not at all, by the mean of all
files broke |
49 | `ReduceLROnPlateau` gives all groups one rate
mended | each layer group is scaled
as its name says | on | name:ReduceLROnPlateauCallback
50 | `min_lr` is no bound
mended | the same by default; with `clamp = True` it is a bound for each group
the default 1e-3 would stop small rates | leave `clamp` as it is
51 | a fit that goes on forgets the best value
mended | it is known when a fit goes on at an epoch
the best before may stay the best |
52 | `TrackEpochCallback` ignores its offset
mended | the fit starts there, and the file is never half written
it was asked for |
53 | `TerminateOnNaN` acts after the step and lets infinity pass
mended | before the step, for both
the weights stay usable | on | name:TerminateOnNaNCallback
54 | learning rate and momentum are noted when a batch begins
mended | those of the step
later callbacks may set them | on
55 | each fit, range test and prediction replaces the recorder's history
mended | `recorder.earlier` has the histories of earlier fits; predictions leave it alone
what was measured is the user's |
55b | every process writes the table
mended | the first one does
one table is enough |
56 | `AccumulateScheduler` fails where there is no gradient
mended | such parameters are let be
`zero_grad` leaves None |
57 | it counts validation and steps once more
mended | training samples only, no step without gradients
weights became NaN | on | name:AccumulateScheduler
58 | it divides a mean by the samples again
mended | batches are weighed by their samples, so that the step is that of the whole mean
the loss says what is meant | on | name:AccumulateScheduler
59 | `MixedPrecision` loses accumulated gradients
mended | `skip_zero` is honoured
accumulation works | on
60 | an overflow still steps; state is lost at each fit
mended | the step is left out, and the state stays
momentum and decay moved weights | on | name:MixedPrecision attribute:to_fp16
61 | others see the scaled loss
mended | they see the loss
a scale is no loss | on | name:MixedPrecision attribute:to_fp16
62 | `MixUp` leaves the loss wrapped
mended | it is put back however the fit ends, and not there for predictions
the learner is the user's |
63 | `lr_find` writes a file and leaves rate and random numbers changed
mended | everything is kept in memory and put back
a test leaves no trace |
64 | `CSVLogger` has titles without cells, and loses history in `lr_find`
mended | titles and cells agree, any value is written, `lr_find` writes nothing
history is the user's |
65 | `ActivationStats` fails on tuples and new models
mended | the first tensor counts, others are NaN; modules are found at each fit
any model can be looked at |
66 | `StopAfterNBatches` counts validation
mended | training batches of each fit
as its name says | on | name:StopAfterNBatches
67 | `MLFlowTracker` fails on names and numbers
mended | any metric, any number
no error was meant |
68 | the TensorBoard writer drops the last writes and breaks in `lr_find`
mended | torch's writer; everything is in the file at the end of an epoch
history is the user's |
69 | a callback may replace a field of the learner by its name
mended | it takes part, is not put there, and a warning says so
`class Model` replaced the model |
70 | a callback's unknown attribute is looked for on the learner and hides typos
mended | the same, and the error names callback and attribute
legacy callbacks read the learner |
71 | `load_learner` runs code in the file, and fails on torch 2.6
mended | a reader that runs nothing unknown; `trust` allows your own classes
files come from anywhere | `load_learner(..., trust=True)` | name:load_learner
72 | of two callbacks of one class only one is exported
mended | all are, in a list beside v1's dict
what was attached comes back |
73 | the kind of a file is guessed from its keys
kept | the same for v1's files; folders of `export` say what they are
it is v1's file layout |
74 | files are written in place
mended | whole or not at all; folders of `export` have digests of what they hold
a crash must not cost a file |
75 | `export` drops closures, and lambdas fail late
mended | one error lists all parts that cannot be written; the old file stays
a file is whole, or not there |
76 | random numbers and positions are not saved
mended | `CheckpointCallback` and `fit(..., resume=True)` go on exactly; `learn.save` keeps v1's parts
a stopped run has to end as it would have |
77 | processes have the same order in every run, and validate padding twice
mended | the order follows the seed, so that runs differ; padding still counts in validation
all processes need the same number of batches, or they wait for each other | on | name:setup_distrib
78 | stop flags differ by process and hang
mended | `stop_training` from any process ends all after the epoch; trackers go by the mean of all
they waited for each other; `stop_epoch` still has to come from all, as asking at each batch would cost one |
"""


def _rows() -> tuple[Difference, ...]:
    cells = [[cell.strip() for cell in line.split("|")] for line in _ROWS.splitlines()]
    rows = zip(cells[::3], cells[1::3], cells[2::3], strict=True)
    return tuple(
        Difference(number, v1, status, here, why, _SWITCH if switch == "on" else switch, tuple(marks.split()))
        for (number, v1), (status, here), (why, switch, marks) in (
            (first, second, (*third, "")[:3]) for first, second, third in rows
        )
    )


DIFFERENCES: tuple[Difference, ...] = _rows()

# v1's names that make no sense any more; each raises an error that says what to use.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "script.call_plac": "needed the package plac; `call_parse` does the same",
        "utils.collect_env.pypi_module_version_is_available": "no index is asked; use `pip index versions`",
        "utils.pynvml_gate.load_pynvml_env": "not used; `torch.cuda.mem_get_info` has the numbers",
    }
)


def _marks(row: Difference) -> str:
    return ", ".join(f"{kind} `{what}`" for kind, _, what in (mark.partition(":") for mark in row.marks))


def differences_page() -> str:
    """The page `docs/differences.md`, printed from the tables."""
    lines = [
        "# Differences from v1",
        "",
        "Printed from `fastloop_v1/differences.py`; "
        "`python -m fastloop_v1.differences > docs/differences.md` renews it.",
        "",
        "The known faults of v1 and what became of them. *Mended* ones have a test `test_bug_<number>_...`. "
        f"One switch, {_SWITCH}, brings v1's behaviour back where mending can change results.",
        "",
        "| number | v1 | here | why | how to get v1's behaviour | what `fastloop-v1 check` looks for |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {row.number} | {row.v1} | *{row.status}*: {row.here} | {row.why} | {row.switch} "
            f"| {_marks(row)} |"
            for row in DIFFERENCES
        ),
        "",
        "## Names that make no sense any more",
        "",
        *(f"- `{name}`: {reason}." for name, reason in NAMES.items()),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(differences_page(), end="")  # noqa: T201  (this module's whole purpose as a script)
