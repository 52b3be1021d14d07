"""What the names of arms say."""

import pytest

from report import arms
from report.arms import Arm, in_kind, parse


@pytest.mark.parametrize(
    "name, parts",
    [
        ("copy", ("copy", "", "", "", "")),
        ("stream_add_in_place", ("stream_add", "", "", "_in_place", "")),
        ("sinusoid_table", ("sinusoid_table", "", "", "", "")),
        ("table_t2t", ("table", "_t2t", "", "", "")),
        ("learned_slice_bf16_table", ("learned_slice", "", "_bf16_table", "", "")),
        ("simd_t2t_bf16_nt", ("simd", "_t2t", "_bf16", "_nt", "")),
        ("embed_learned_segments", ("embed_learned", "", "", "", "_segments")),
    ],
)
def test_a_name_is_a_source_and_suffixes(name, parts):
    assert parse(name) == Arm(*parts)


def test_plain_arms_come_first_and_unknown_ones_last():
    names = ["simd_nt", "brand_new", "libm", "copy", "learned_slice", "best_lookup"]
    assert sorted(names, key=arms.rank) == [
        *("copy", "best_lookup", "learned_slice", "libm", "brand_new", "simd_nt")
    ]


@pytest.mark.parametrize(
    "arm, best, fits",
    [
        ("learned_gather_nt", "best_lookup", True),
        ("learned_again", "best_lookup", False),
        ("simd", "best_lookup", False),
        ("simd_nt", "best_computed", True),
        ("simd_t2t", "best_computed", False),
        ("simd_in_place", "best_computed", False),
        ("simd_in_place", "best_computed_in_place", True),
        ("best_lookup", "best_lookup", False),
    ],
)
def test_a_best_arm_chooses_among_arms_that_do_the_same(arm, best, fits):
    assert in_kind(arm, best) is fits
