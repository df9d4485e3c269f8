"""Every module has its test file, in the same place under `tests/`."""

from __future__ import annotations

# Faces and gatherings hold no behaviour; `__main__` is tested as `cli`, the package by what its import does.
FACES = {"core", "torch_core", "basics", "callbacks.tracker", "callbacks.misc"}
WITHOUT = FACES | {
    "",
    "callbacks",
    "commands",
    "exports",
    "migrate.to_v2",
    "old_files",
    "resume",
    "utils",
    "v2",
    "__main__",
}


def test_module_has_a_test_file(source, root):
    if source.name not in WITHOUT:
        *folders, module = source.name.split(".")
        assert root.joinpath("tests", *folders, f"test_{module}.py").is_file()
