"""Interviews: question banks, systems, answers, talks."""

from charlib.playground.answers import (
    ANSWERS,
    CUT,
    by_conversation,
    load_answers,
    side_by_side,
    transcript,
)
from charlib.playground.banks import (
    GROUPS,
    SHARES,
    TOPICS,
    bank,
    both_orders,
    choose,
    clauses_of,
    load_questions,
    orders,
    original_question,
    read_rows,
    sample,
    shipped_bank,
    unseen,
)
from charlib.playground.interview import (
    as_answer,
    ask_options,
    conduct,
    distinct,
    go_on,
    likelihoods,
    replies_of,
)
from charlib.playground.systems import (
    Interviewer,
    Prompted,
    PromptedProfile,
    Served,
    System,
    Trained,
    make_systems,
    relevant,
    setting,
    split_thought,
    standard,
)
from charlib.playground.talks import (
    FOLLOW_UPS,
    NOTES,
    RE_ASK,
    Talk,
    conversations,
    converse,
    dinner,
    reworded,
)

__all__ = ["ANSWERS", "CUT", "by_conversation", "load_answers", "side_by_side", "transcript", "GROUPS", "SHARES", "TOPICS", "bank", "both_orders", "choose", "clauses_of", "load_questions", "orders", "original_question", "read_rows", "sample", "shipped_bank", "unseen", "Interviewer", "Prompted", "PromptedProfile", "Served", "System", "Trained", "make_systems", "relevant", "setting", "split_thought", "standard", "as_answer", "ask_options", "conduct", "distinct", "go_on", "likelihoods", "replies_of", "FOLLOW_UPS", "NOTES", "RE_ASK", "Talk", "conversations", "converse", "dinner", "reworded"]
