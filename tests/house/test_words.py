"""Words and calls that have no place in the project."""

from __future__ import annotations

import ast
import re

GRAB_BAGS = {"utils", "helpers", "misc", "common", "base", "core", "manager"}
# v1's module names; what they hold is gathered from files named for their concept.
GRAB_BAG_FACES = {"core", "callbacks.misc"}
MACHINE_PATH = re.compile(r"/(?:work|root|farm|home|Users|tmp/\w+)/")
TEXT_FILES = {".py", ".md", ".toml", ".cfg", ".txt", ".yml", ".json", ".sh", ""}
# Folders that tools make: caches and git begin with a dot, environments and metadata end like this.
MACHINE_MADE = re.compile(r"\.(?!ci$|gitignore$).*|__pycache__|build|dist|.*venv|.*\.egg-info")
UNPICKLERS = {"load", "loads", "Unpickler"}


def _text_files(root):
    """Text files of the project; virtual environments, under any name, and what tools made are not of it."""
    environments = [config.parent for config in root.glob("*/pyvenv.cfg")]
    for path in root.rglob("*"):
        made = any(MACHINE_MADE.fullmatch(part) for part in path.relative_to(root).parts)
        foreign = any(path.is_relative_to(environment) for environment in environments)
        if not made and not foreign and path.is_file() and path.suffix in TEXT_FILES:
            yield path


V1_UTILS = {
    "check_perf",
    "collect_env",
    "fakes",
    "ipython",
    "mem",
    "mod_display",
    "pynvml_gate",
    "show_install",
    "text",
}


def test_no_file_holds_the_path_of_a_machine(root):
    found = {str(path): MACHINE_PATH.findall(path.read_text(encoding="utf-8")) for path in _text_files(root)}
    assert not {path: paths for path, paths in found.items() if paths}


def test_module_is_no_grab_bag(source):
    # v1's folder `utils` is closed: it holds v1's modules and no others.
    _, _, inside = source.name.partition("utils.")
    own = inside if inside in V1_UTILS or source.name == "utils" else source.name
    assert source.name in GRAB_BAG_FACES or GRAB_BAGS.isdisjoint(own.split("."))


def test_test_file_is_no_grab_bag(python_file, root):
    in_package = "fastloop_v1" in python_file.path.relative_to(root).parts
    assert in_package or python_file.path.stem.removeprefix("test_") not in GRAB_BAGS - GRAB_BAG_FACES


def _calls(tree):
    """Dotted names of what is called."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_no_except_catches_everything(source):
    handlers = [node for node in ast.walk(source.tree) if isinstance(node, ast.ExceptHandler)]
    assert not [handler.lineno for handler in handlers if handler.type is None]


def test_no_text_is_run_as_code(source):
    assert _calls(source.tree).isdisjoint({"eval", "exec", "builtins.eval", "builtins.exec"})


def test_no_pickle_is_loaded_unchecked(source):
    from_pickle = [n for n in ast.walk(source.tree) if isinstance(n, ast.ImportFrom) and n.module == "pickle"]
    assert UNPICKLERS.isdisjoint(alias.name for node in from_pickle for alias in node.names)
    assert _calls(source.tree).isdisjoint(f"pickle.{name}" for name in UNPICKLERS)


def test_torch_load_says_what_it_may_run(source):
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    loads = [call for call in calls if ast.unparse(call.func) == "torch.load"]
    assert all("weights_only" in {keyword.arg for keyword in load.keywords} for load in loads)
