"""Make and examine character simulacra. The front door, each one call:

    load       a finished character, to ask: charlib.load("beethoven").ask("Who taught you?")
    train      a character from your own chat rows
    interview  ask systems a bank of questions
    score      answers in five dimensions, and in your own metrics
    walk       everything, from a page about a person to a report

What they do stands in `charlib.door`; it is imported when one of them is first used, so that
`import charlib` is quick and needs no torch.
"""

import lazy_loader

# at once, and before the lazy ones: `charlib.walk` is the function, whoever imports the module walk
from charlib.walk import walk

__version__ = "0.1.0"
__all__ = ["load", "train", "interview", "score", "walk"]
__getattr__, _, _ = lazy_loader.attach(__name__, submod_attrs={"door": __all__[:-1]})


def __dir__() -> list[str]:
    return __all__
