"""Experience: scenes, dialogues and the boundary, asked for, parsed, grounded, deduplicated."""

from charlib.experience.grounding import (
    EVERYDAY,
    Result,
    Support,
    deduplicate,
    ground,
    reject,
    stem_name,
)
from charlib.experience.look import coverage, script, word_counts
from charlib.experience.parse import (
    clean,
    normalise_role,
    parse_dialogue,
    parse_scenes,
    split_exchanges,
)
from charlib.experience.protective import (
    boundary_matrix,
    build_protective,
    leaking_share,
    matched_pairs,
    openings,
    parse_pairs,
    protective_requests,
)
from charlib.experience.reconstruction import (
    ask,
    complete_dialogues,
    decide,
    dialogue_requests,
    extract_scenes,
    livable,
    memory_requests,
    reconstruct,
    scene_requests,
    usable,
    write_rejects,
)
from charlib.experience.transcript import lines

__all__ = ["ask", "complete_dialogues", "decide", "dialogue_requests", "extract_scenes", "livable", "memory_requests", "reconstruct", "scene_requests", "usable", "write_rejects", "EVERYDAY", "Result", "Support", "deduplicate", "ground", "reject", "stem_name", "clean", "normalise_role", "parse_dialogue", "parse_scenes", "split_exchanges", "coverage", "script", "word_counts", "boundary_matrix", "build_protective", "leaking_share", "matched_pairs", "openings", "parse_pairs", "protective_requests", "lines"]
