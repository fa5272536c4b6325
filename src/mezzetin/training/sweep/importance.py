"""What mattered in a search: how much of the score's variation each value explains.

fANOVA (Hutter, Hoos and Leyton-Brown 2014) where scikit-learn is installed, which its forest needs; otherwise PED-ANOVA
(Watanabe, Bansal and Hutter 2023), which asks what the best quarter of the trials have in common.
"""

from __future__ import annotations

import optuna
from optuna.importance import BaseImportanceEvaluator, FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

from mezzetin.training.sweep.trial import Trial, best_first

FEWEST = 4
"""Complete trials below which nothing is said."""


def importances(study: optuna.Study, trials: list[Trial]) -> tuple[dict[str, float], str]:
    """Shares that add up to 1 by dotted key, largest first, and the analysis that found them.

    No shares while the trials are too few or all alike.
    """
    judge, name = _judge()
    scores = {trial.score for trial in best_first(trials)}
    if len(best_first(trials)) < FEWEST or len(scores) < 2:
        return {}, name
    shares = optuna.importance.get_param_importances(study, evaluator=judge)
    return dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))), name


def _judge() -> tuple[BaseImportanceEvaluator, str]:
    try:
        return FanovaImportanceEvaluator(seed=0), "fANOVA"
    except ImportError:
        return PedAnovaImportanceEvaluator(target_quantile=0.25), "PED-ANOVA"
