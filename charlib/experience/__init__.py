"""Experience: scenes, dialogues and the boundary, asked for, parsed, grounded, deduplicated."""

from charlib.experience.grounding import EVERYDAY, Result, Support, deduplicate, ground
from charlib.experience.look import coverage, script, word_counts
from charlib.experience.parse import (normalise_role, parse_dialogue, parse_scenes,
                                      split_exchanges)
from charlib.experience.protective import (boundary_matrix, build_protective, leaking_share,
                                           matched_pairs, openings, parse_pairs,
                                           protective_requests)
from charlib.experience.reconstruction import (dialogue_requests, extract_scenes, memory_requests,
                                               reconstruct, scene_requests)
from charlib.experience.stage import ask, decide, livable
from charlib.experience.transcript import lines

__all__ = ["EVERYDAY", "Result", "Support", "deduplicate", "ground", "coverage", "script",
           "word_counts", "normalise_role", "parse_dialogue", "parse_scenes", "split_exchanges",
           "boundary_matrix", "build_protective", "leaking_share", "matched_pairs", "openings",
           "parse_pairs", "protective_requests", "ask", "decide", "livable",
           "dialogue_requests", "extract_scenes", "memory_requests", "reconstruct",
           "scene_requests", "lines"]
