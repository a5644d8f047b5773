"""Scores: what a reply says, the five dimensions, statistics, judges, ratings, evidence."""

from charlib.scores.checkpoints import trajectory
from charlib.scores.dimensions import PARTS, formulas
from charlib.scores.evidence import Nearest, contamination, explain
from charlib.scores.examination import (
    GENERIC,
    contrast_run,
    imported,
    judged,
    load_released,
    retained,
    score_run,
)
from charlib.scores.judges import (
    Exhibit, ask_judges, consistency, exhibits, judge_table, neutral, read_verdict,
)
from charlib.scores.parts import DIMENSIONS, Context, metric
from charlib.scores.rating import (
    Task, against, agreement, from_label_studio, in_order, people, prepare_ratings, rate,
    rating_tasks, read_ratings, to_label_studio,
)
from charlib.scores.reading import (
    OUTCOMES,
    Judged,
    by_turn,
    firmness,
    judge_rows,
    read_rows,
    stances,
)
from charlib.scores.refusals import refused
from charlib.scores.replies import (
    beyond,
    echoes,
    endless,
    entities,
    known_words,
    leaks,
    mentions,
    recalls,
    takes,
    tokens,
)
from charlib.scores.statistics import (
    alpha,
    at_equal_length,
    difference,
    holm,
    mcnemar,
    mean,
    permutation,
    questions_needed,
    variance_split,
    weighted_kappa,
    wilson,
)
from charlib.scores.table import score

__all__ = [
    "Context", "DIMENSIONS", "Exhibit", "GENERIC", "Judged", "Nearest", "OUTCOMES", "PARTS", "Task",
    "against", "agreement", "alpha", "ask_judges", "at_equal_length", "beyond", "by_turn",
    "consistency", "contamination", "contrast_run", "difference", "echoes", "endless", "entities",
    "exhibits", "explain", "firmness", "formulas", "from_label_studio", "holm", "imported",
    "in_order", "judge_rows", "judge_table", "judged", "known_words", "leaks",
    "load_released", "mcnemar", "mean", "mentions", "metric", "neutral", "people", "permutation",
    "prepare_ratings", "questions_needed", "rate", "rating_tasks", "read_ratings", "read_rows",
    "read_verdict", "recalls", "refused", "retained", "score", "score_run", "stances",
    "takes", "to_label_studio", "tokens", "trajectory", "variance_split", "weighted_kappa",
    "wilson",
]
