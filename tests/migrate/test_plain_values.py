"""Plain values of v1's layers are the published ones."""

from __future__ import annotations

from fastloop_v1.migrate.plain_values import PLAIN_VALUES


def test_statistics_are_three_means_and_three_deviations():
    for name in ("imagenet_stats", "cifar_stats", "mnist_stats"):
        means, deviations = PLAIN_VALUES["vision.data"][name]
        assert len(means) == len(deviations) == 3


def test_imagenet_statistics_are_the_published_ones():
    assert PLAIN_VALUES["vision.data"]["imagenet_stats"] == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def test_image_files_are_told_by_their_ending():
    endings = PLAIN_VALUES["vision.data"]["image_extensions"]
    assert {".jpg", ".png"} <= endings
    assert ".txt" not in endings


def test_special_tokens_are_listed_together():
    tokens = PLAIN_VALUES["text.transform"]
    assert tokens["text_spec_tok"] == [v for k, v in tokens.items() if k != "text_spec_tok"]
