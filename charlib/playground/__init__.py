"""Interviews: question banks, systems, answers, talks."""

from charlib.playground.answers import (
    ANSWERS, by_conversation, load_answers, side_by_side, transcript)
from charlib.playground.banks import (
    bank, both_orders, choose, clauses_of, load_questions, orders, sample, unseen)
from charlib.playground.interview import conduct, interview_run, likelihoods
from charlib.playground.systems import (
    WORDS, Brought, Local, Served, Stored, System, invite, make_systems, trained_prompt)
from charlib.playground.talks import Talk, conversations, converse_run, dinner, reworded
from charlib.playground.thoughts import split_thought, spoken_pieces

__all__ = ["ANSWERS", "Brought", "Local", "Served", "Stored", "System", "Talk", "WORDS", "bank",
           "both_orders", "by_conversation", "choose", "clauses_of", "conduct", "conversations",
           "converse_run", "dinner", "interview_run", "invite", "likelihoods", "load_answers",
           "load_questions", "make_systems", "orders", "reworded", "sample", "side_by_side",
           "split_thought", "spoken_pieces", "trained_prompt", "transcript", "unseen"]
