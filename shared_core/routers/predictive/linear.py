"""Strongly regularised ridge regression: one weight for each feature and model."""

from __future__ import annotations

from shared_core.routers.predictive.regression import RegressionRouter


class LinearRouter(RegressionRouter):
    """Ridge regression on the texts' vectors and form.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        alpha: strength of the penalty; chosen by cross-validation when not given.
    """
