"""The statistics: they agree with known values, and intervals cover at the rate they state."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlib import scores


def covered(make, truth, trials=400):
    return np.mean([(lambda i: i.low <= truth <= i.high)(make(trial)) for trial in range(trials)])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_proportion_intervals_cover_at_the_stated_rate(share):
    chooser = np.random.default_rng(1)
    rate = covered(lambda _: scores.wilson(int(chooser.binomial(40, share)), 40), share, 600)
    assert 0.91 <= rate <= 0.99


def test_clustered_bootstrap_covers_where_the_naive_one_does_not():
    chooser = np.random.default_rng(2)
    clusters = np.repeat(np.arange(25), 4)

    def sample(_):
        by_cluster = np.repeat(chooser.beta(1, 1, 25), 4)  # items of one paragraph share their difficulty
        return (chooser.random(100) < by_cluster).astype(float)

    samples = [sample(trial) for trial in range(300)]
    clustered = covered(lambda trial: scores.mean(samples[trial], clusters, draws=400, seed=trial), 0.5, 300)
    naive = covered(lambda trial: scores.mean(samples[trial], draws=400, seed=trial), 0.5, 300)
    assert 0.92 <= clustered <= 0.985
    assert naive < clustered - 0.03


def test_few_clusters_still_cover():
    chooser = np.random.default_rng(3)
    rate = covered(lambda trial: scores.mean(chooser.normal(0, 1, 8), draws=600, seed=trial), 0.0, 500)
    assert rate >= 0.91


def test_ratio_interval_covers():
    chooser = np.random.default_rng(4)

    def make(trial):
        sizes = chooser.integers(1, 6, 60)
        return scores.mean(chooser.binomial(sizes, 0.7), weights=sizes, draws=400, seed=trial)

    assert 0.91 <= covered(make, 0.7, 300) <= 0.985


def test_all_right_is_not_certainty():
    interval = scores.mean([1.0] * 20, bounds=(0, 1))
    assert interval.value == 1 and interval.high == pytest.approx(1) and 0.8 < interval.low < 0.9
    few = scores.mean([1.0] * 20, clusters=[0, 1] * 10, bounds=(0, 1))
    assert few.low < interval.low  # two paragraphs say less than twenty


def test_bootstrap_is_seeded():
    values = np.random.default_rng(0).random(30)
    assert scores.mean(values, seed=5) == scores.mean(values, seed=5)
    assert scores.mean(values, seed=5) != scores.mean(values, seed=6)


def test_nothing_has_no_interval():
    with pytest.raises(ValueError, match="at least one"):
        scores.mean([])
    with pytest.raises(ValueError, match="at least one"):
        scores.wilson(0, 0)


def test_mcnemar_is_the_published_value():
    first = [1] * 2 + [0] * 15 + [1] * 10
    second = [0] * 2 + [1] * 15 + [1] * 10
    p, only_first, only_second = scores.mcnemar(first, second)
    assert (only_first, only_second) == (2, 15)
    assert p == pytest.approx(0.00235, abs=1e-4)
    assert scores.mcnemar([1, 0], [1, 0])[0] == 1.0


def test_permutation_agrees_with_mcnemar_and_respects_clusters():
    differences = [1.0] * 9 + [-1.0] * 1
    assert scores.permutation(differences) == pytest.approx(scores.mcnemar([1] * 9 + [0], [0] * 9 + [1])[0], abs=1e-6)
    assert scores.permutation([0.5] * 12) < 0.01
    assert scores.permutation([0.5] * 12, clusters=[0] * 6 + [1] * 6) >= 0.5  # two clusters can show nothing
    assert scores.permutation([0.0, 0.0]) == 1.0


def test_permutation_keeps_its_level():
    chooser = np.random.default_rng(8)
    rate = np.mean([scores.permutation(chooser.normal(0, 1, 24), draws=299, seed=trial) < 0.05 for trial in range(300)])
    assert rate < 0.085


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.one_of(st.none(), st.floats(0, 1, allow_subnormal=False)), max_size=6))
@settings(max_examples=60, deadline=None)
def test_holm_never_lowers_and_keeps_the_order(values):
    adjusted = scores.holm(values)
    known = sorted((p, name) for name, p in values.items() if p is not None)
    assert set(adjusted) == set(values)
    assert all(adjusted[name] >= p for p, name in known)
    assert [adjusted[name] for _, name in known] == sorted(adjusted[name] for _, name in known)
    assert scores.holm({"a": 0.01, "b": 0.04, "c": None}) == {"a": 0.02, "b": 0.04, "c": None}


def test_weighted_kappa_matches_sklearn():
    from sklearn.metrics import cohen_kappa_score

    chooser = np.random.default_rng(6)
    a = chooser.integers(1, 8, 80)
    b = np.clip(a + chooser.integers(-1, 2, 80), 1, 7)
    found = scores.weighted_kappa(list(a), list(b), draws=100)
    assert found.value == pytest.approx(cohen_kappa_score(a, b, weights="quadratic"))
    assert found.low < found.value < found.high
    assert scores.weighted_kappa([1, 2, None], [1, 2, 3], draws=50).n == 2


def test_alpha_is_one_for_agreement_and_near_zero_for_noise():
    chooser = np.random.default_rng(7)
    row = list(chooser.integers(1, 8, 40))
    assert scores.alpha([row, row], draws=50).value == pytest.approx(1)
    noise = scores.alpha([row, list(chooser.integers(1, 8, 40))], draws=200)
    assert noise.low < 0.1 < noise.high + 0.3 and noise.value < 0.35
    assert scores.alpha([[1, None, 3, 4], [1, 2, None, 4]], draws=20).n == 2
    with pytest.raises(ValueError, match="two raters"):
        scores.alpha([[1, 2, 3]])


def test_planner_finds_the_power_it_promises():
    needed = scores.questions_needed(0.10)
    assert 340 < needed < 440
    chooser = np.random.default_rng(9)
    seen = np.mean([scores.mcnemar(chooser.random(needed) < 0.5, chooser.random(needed) < 0.6)[0] < 0.05 for _ in range(400)])
    assert 0.72 <= seen <= 0.88
    assert scores.questions_needed(0.10, correlation=0.5) < needed
    assert scores.questions_needed(0.03) > 3000
    with pytest.raises(ValueError, match="cannot be"):
        scores.questions_needed(0.6, share=0.5)


def test_variance_is_found_where_it_was_put():
    chooser = np.random.default_rng(10)
    table = 0.5 + chooser.normal(0, 0.3, 200)[None, :] + chooser.normal(0, 0.1, (40, 200)) + chooser.normal(0, 0.2, 40)[:, None]
    found = scores.variance_split(table)
    assert found["items"] == pytest.approx(0.09, rel=0.25)
    assert found["seeds"] == pytest.approx(0.04, rel=0.6)
    assert found["rest"] == pytest.approx(0.01, rel=0.1)
    with pytest.raises(ValueError, match="two of each"):
        scores.variance_split([[1, 2, 3]])


def test_length_control_takes_away_what_length_explains():
    chooser = np.random.default_rng(11)
    longer = chooser.normal(0.8, 0.4, 200)
    only_length = scores.at_equal_length(0.3 * longer + chooser.normal(0, 0.1, 200), longer, draws=300)
    assert only_length["ci_low"] < 0 < only_length["ci_high"] and only_length["slope"] == pytest.approx(0.3, abs=0.05)
    better = scores.at_equal_length(0.2 + chooser.normal(0, 0.1, 200), longer, draws=300)
    assert better["ci_low"] > 0.1
    same = scores.at_equal_length([0.1] * 10, [0.0] * 10)
    assert same["slope"] is None and same["value"] == 0.1
    assert scores.at_equal_length([0.1] * 3, [1.0, 2.0, 0.5])["value"] is None


def test_length_controlled_interval_covers():
    chooser = np.random.default_rng(12)
    hits = 0
    for trial in range(150):
        longer = chooser.normal(0.5, 0.5, 60)
        row = scores.at_equal_length(0.1 + 0.2 * longer + chooser.normal(0, 0.3, 60), longer, seed=trial, draws=200)
        hits += row["ci_low"] <= 0.1 <= row["ci_high"]
    assert 0.9 <= hits / 150 <= 0.99


def test_interval_row_is_the_record_of_scores():
    row = scores.wilson(3, 4).row()
    assert set(row) == {"value", "ci_low", "ci_high", "n"} and not math.isnan(row["ci_low"])


def test_the_difference_of_two_groups_is_the_published_interval():
    """Newcombe 1998, table II, method 10: 56/70 - 48/80 and 10/10 - 0/10."""
    found = scores.difference(56, 70, 48, 80)
    assert found.value == pytest.approx(0.2) and (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    edge = scores.difference(10, 10, 0, 10)
    assert (edge.low, edge.high) == pytest.approx((0.6075, 1.0), abs=1e-4)
