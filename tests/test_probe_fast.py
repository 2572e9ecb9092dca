"""The fast probe against scikit-learn's logistic regression, and against the paper's protocol."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from flickrexif.eval.measure.probe import fast as probe_fast
from flickrexif.eval.measure.probe.fast import Fast
from flickrexif.eval.measure.probe.paper import Paper
from flickrexif.eval.measure.probe.probe import Part, ProbeSettings, labelled_data, probe, processing_data
from tests.test_probe import processed, samples

torch.set_num_threads(1)


def oracle(features: Tensor, labels: Tensor, penalty: float) -> LogisticRegression:
    model = LogisticRegression(C=1 / (len(labels) * penalty), tol=1e-8, max_iter=5_000)
    return model.fit(features.double().numpy(), labels.numpy())


@pytest.mark.parametrize("penalty", [1e-2, 1e-4])
def test_the_minimum_is_that_of_scikit_learn(penalty: float) -> None:
    features, labels = samples(600, 4, 10, 0)
    heads = next(probe_fast.fit_path(features, labels, [penalty], classes=4, fast=Fast()))
    model = oracle(features, labels, penalty)
    scale = np.abs(model.coef_).max()
    np.testing.assert_allclose(heads.weight[0], model.coef_, atol=5e-3 * scale)
    # A bias is free up to a constant over the classes.
    np.testing.assert_allclose(heads.bias[0] - heads.bias[0].mean(), model.intercept_ - model.intercept_.mean(),
                               atol=5e-3 * scale)  # fmt: skip
    test_features = samples(2_000, 4, 10, 1)[0]
    assert (heads.predict(test_features)[0].numpy() == model.predict(test_features.numpy())).mean() > 0.997


def test_the_path_does_not_matter() -> None:
    part = samples(300, 3, 8, 0)
    *_, last = probe_fast.fit_path(*part, [1e-1, 1e-2, 1e-3], classes=3, fast=Fast())
    np.testing.assert_allclose(last.weight[0], oracle(*part, 1e-3).coef_, atol=2e-2)


def test_a_class_that_is_never_there_is_never_predicted() -> None:
    features, labels = samples(300, 3, 8, 0)
    part = Part(features, labels)
    settings = ProbeSettings(protocol="fast")
    outcome = probe(labelled_data(part, part, part, ["a", "b", "c", "nowhere"], settings), settings)
    assert outcome.recall["nowhere"] is None
    assert all(trial.keys() == {"penalty", "accuracy"} for trial in outcome.trials)
    assert [row[3] for row in outcome.confusion[:3]] == [0, 0, 0]
    assert outcome.accuracy is not None
    assert outcome.accuracy > 0.6


def test_the_path_ends_after_penalties_that_do_not_help() -> None:
    train, validation = samples(400, 3, 8, 0), samples(400, 3, 8, 1)
    fast = Fast()
    fits = probe_fast.search(train, validation, 3, fast)
    values = [fit.accuracy for fit in fits]
    assert [fit.penalty for fit in fits] == list(fast.penalties[: len(fits)])
    assert len(fits) == len(fast.penalties) or len(fits) - 1 - values.index(max(values)) == fast.patience
    assert probe_fast.best(fits) == fits[values.index(max(values))]
    for fit in fits[:4]:
        expected = oracle(*train, fit.penalty).score(validation[0].numpy(), validation[1].numpy())
        assert fit.accuracy == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize("spread", [1.0, 2.5])
def test_fast_is_within_half_a_point_of_paper_on_labels(spread: float) -> None:
    # 12,000 test images: the two protocols' noise of choosing is what is left.
    train, validation, test = (Part(*samples(n, 4, 12, s, spread)) for n, s in ((2_000, 0), (500, 1), (12_000, 2)))
    accuracy = {}
    for protocol in ("paper", "fast"):
        settings = ProbeSettings(protocol=protocol, paper=Paper(trials=15))  # type: ignore[arg-type]
        outcome = probe(labelled_data(train, validation, test, list("abcd"), settings), settings)
        assert outcome.accuracy is not None
        accuracy[protocol] = outcome.accuracy
    assert abs(accuracy["paper"] - accuracy["fast"]) < 0.005
    assert accuracy["paper"] > 0.4


def test_fast_is_within_half_a_point_of_paper_on_a_processing() -> None:
    train, test = processed(2_000, 3, 0), processed(2_000, 3, 1)
    draws = torch.tensor(np.random.default_rng(5).integers(0, 3, (3, 2_000)))
    accuracy = {}
    for protocol in ("paper", "fast"):
        settings = ProbeSettings(protocol=protocol, paper=Paper(trials=12))  # type: ignore[arg-type]
        outcome = probe(processing_data(train, test, list("abc"), draws, settings), settings)
        assert outcome.accuracy is not None
        accuracy[protocol] = outcome.accuracy
        assert len(outcome.per_seed) == 3
    assert abs(accuracy["paper"] - accuracy["fast"]) < 0.005
    assert "C" in outcome.best
