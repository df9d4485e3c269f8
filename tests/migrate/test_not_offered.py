"""Names of v1's other layers are listed with what they were and what to use instead."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fastloop_v1 import basics
from fastloop_v1.errors import NotOfferedError
from fastloop_v1.migrate.not_offered import NOT_OFFERED
from fastloop_v1.migrate.plain_values import PLAIN_VALUES
from fastloop_v1.migrate.v1_layout import FACES

# The most used ones, from a survey of public code.
USED = [
    "get_transforms",
    "models",
    "ImageList",
    "untar_data",
    "ImageDataBunch",
    "URLs",
    "cnn_learner",
    "Image",
    "Vocab",
    "ItemList",
    "open_image",
    "AWD_LSTM",
    "language_model_learner",
    "Tokenizer",
    "TextLMDataBunch",
    "TextList",
    "TextClasDataBunch",
    "flip_lr",
    "text_classifier_learner",
    "PreProcessor",
    "ItemLists",
    "get_image_files",
    "Normalize",
    "create_body",
    "BaseTokenizer",
    "TabularList",
    "unet_learner",
    "tabular_learner",
    "Categorify",
    "SegmentationInterpretation",
]


@pytest.mark.parametrize("name", USED)
def test_name_of_real_code_is_listed(name):
    assert name in NOT_OFFERED


def test_entries_are_complete():
    for name, entry in NOT_OFFERED.items():
        assert name == entry.name
        assert name.isidentifier()
        assert entry.module in FACES
        assert entry.what
        assert entry.instead


def test_error_is_one_sentence_with_what_it_was_and_what_to_do():
    error = NOT_OFFERED["ImageDataBunch"].error()
    assert isinstance(error, NotOfferedError)
    assert str(error) == (
        "`ImageDataBunch` was image data with labels and transforms (fastai.vision.data); the layer 'vision' "
        "of fastai v1 is not offered: use a torchvision data set, such as ImageFolder, with "
        "`DataBunch.create(train_ds, valid_ds, bs=64)`."
    )


def test_listed_names_are_really_not_here():
    here = {*vars(basics), *(name for values in PLAIN_VALUES.values() for name in values)}
    assert here.isdisjoint(NOT_OFFERED)


def test_table_is_read_without_torch():
    code = "import sys, fastloop_v1.migrate.not_offered; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
