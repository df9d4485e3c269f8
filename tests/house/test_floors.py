"""Imports inside the package go down only; within a floor, only to names further left."""

from __future__ import annotations

import ast
import graphlib

import pytest

# One line a floor, lowest first. A starred name stands for the files of a folder not named elsewhere.
FLOORS = {
    "words": (
        "events errors signals defaults optional sequences arguments names atomic_file "
        "atomic_folder arrays paths texts tables items lazy_modules axes_grid type_aliases "
        "differences old_files exports resume"
    ),
    "numerics": (
        "processes on_cpu inert_record old_files.pickled_containers old_files.pickled_numbers "
        "old_files.torch_file old_files.old_modules old_files.pickled_names old_files.pickle_rules "
        "old_files.pickle_machine checkpoint old_files.file_refusals old_files.safe_pickle "
        "exports.named_tensors exports.object_description exports.object_rebuilding "
        "exports.learner_folder old_files.sketch old_files.file_contents old_files.conversion "
        "module_class nested lazy_tensor loss_curve modules weight_init attention convolutions "
        "losses activation schedule optimizer_forms hyper_views optim general_optimizer layers "
        "lr_suggestion randomness resume.random_state resume.signal_watch resume.state_table "
        "resume.state_return resume.data_position resume.worker_state resume.remaining_batches "
        "plots snapshot loop_checks basic_learner"
    ),
    "protocol": (
        "listeners levels metric_objects callback learner_callback batch_fetching data_loading basic_data"
    ),
    "plug-ins": (
        "metric_functions confusion_metrics metrics history recorder progress "
        "resume.checkpoint_folder resume.training_state resume.resuming downloads parallel datasets "
        "callbacks.* callbacks interpret distributed layer_groups exports.exported_learner "
        "learner_files prediction v2.schedules v2.param_groups v2.steppers v2.stepper_lists "
        "v2.stepping v2.generic_optimizer v2.lookahead v2.optimizers v2.optimizer v2.event_names "
        "v2.ordering v2.callback v2.train_eval v2.loader_view v2.table_rows v2.learner_blocks "
        "v2.recorder_view v2.learner_view v2.paired_batches v2.bridge v2.validation_pass "
        "v2.method_source v2.returned_keys v2.written_names v2.loop_places v2.loop_table "
        "v2.learner_callbacks v2.gather_preds v2.training v2.rnn v2.param_scheduler v2.tracker v2"
    ),
    "recipes": "precision train",
    "the loop": "basic_train",
    "leaves": (
        "core torch_core basics callbacks.tracker callbacks.misc v2.predictions script launch "
        "utils.* utils migrate.* migrate.to_v2.* migrate.to_v2 migrate.port migrate demo commands.* "
        "commands cli __main__"
    ),
}
FACES = {"core", "torch_core", "basics", "callbacks.tracker", "callbacks.misc"}
# The package itself imports nothing of ours, it looks names up when asked: any floor may read `__version__`.
PLACES = {"": (-1, 0)} | {
    name: (floor, position)
    for floor, names in enumerate(FLOORS.values())
    for position, name in enumerate(names.split())
}


def _entry(name):
    """The name under which a module is listed: its own, its folder's star, or None."""
    starred = f"{name.rpartition('.')[0]}.*"
    return name if name in PLACES else starred if starred in PLACES else None


def _is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _running_nodes(tree):
    """All nodes but those under `if TYPE_CHECKING:`, which are there for annotations."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if _is_type_checking(child):
            continue
        yield from _running_nodes(child)


def _base(source, node):
    """Dotted name, below the package, that a `from ... import` starts at; None if it is not ours."""
    if node.level == 0:
        first, _, rest = node.module.partition(".")
        return rest if first == "fastloop_v1" else None
    package = source.name.split(".") if source.name else []
    dropped = node.level - source.is_package
    kept = package[: len(package) - dropped] if dropped else package
    return ".".join([*kept, *([node.module] if node.module else [])])


def _plain_targets(node):
    """Names below the package in `import fastloop_v1.x`."""
    split = [alias.name.partition(".") for alias in node.names]
    return [rest for first, _, rest in split if first == "fastloop_v1"]


def _from_targets(source, node, sources):
    """What `from ... import` reads: a module where the name is one, else the module that holds the name."""
    base = _base(source, node)
    inner = [] if base is None else [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
    return [name if name in sources else base for name in inner]


def _targets(source, sources):
    """Modules of ours that a module imports when it runs, with the line."""
    for node in _running_nodes(source.tree):
        if isinstance(node, ast.Import):
            yield from ((target, node.lineno) for target in _plain_targets(node))
        elif isinstance(node, ast.ImportFrom):
            yield from ((target, node.lineno) for target in _from_targets(source, node, sources))


def _allowed(importer, target):
    here, there = _entry(importer), _entry(target)
    if here == there:
        return here.endswith(".*")
    return PLACES[there] < PLACES[here] and (target not in FACES or importer in FACES)


def test_module_has_a_floor(source):
    assert _entry(source.name) is not None, f"{source.name} is on no floor: list it in FLOORS"


def test_import_goes_down(source, sources):
    wrong = [
        f"{source.path.name}:{line} imports {target}"
        for target, line in _targets(source, sources)
        if _entry(target) is None or not _allowed(source.name, target)
    ]
    assert not wrong


def test_plug_ins_of_a_folder_import_in_no_circle(sources):
    graph = {name: {target for target, _ in _targets(source, sources)} for name, source in sources.items()}
    assert set(graphlib.TopologicalSorter(graph).static_order()) >= set(sources)


def test_callbacks_package_gathers_its_own_folder_only(sources):
    if "callbacks" in sources:
        outside = {target for target, _ in _targets(sources["callbacks"], sources)}
        assert not [target for target in outside if not target.startswith("callbacks.")]


def _is_face_statement(node):
    if isinstance(node, ast.FunctionDef):
        return node.name == "__getattr__"
    if isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return target.id == "__all__" or isinstance(node.value, ast.Dict)
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


@pytest.mark.parametrize("face", sorted(FACES))
def test_face_holds_imports_and_names_only(face, sources):
    if face in sources:
        assert not [ast.unparse(n)[:60] for n in sources[face].tree.body if not _is_face_statement(n)]


def test_plan_in_contributing_is_this_one(root):
    page = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    plan = page.split("```text\n")[1].split("```")[0]
    written = " ".join(f"{floor} {name} {names}" for floor, (name, names) in enumerate(FLOORS.items()))
    assert plan.split() == written.split()
