"""Make and examine character simulacra. The front door, each one call:

    load       a finished character, to ask: charlib.load("beethoven").ask("Who taught you?")
    train      a character from your own chat rows
    interview  ask systems a bank of questions
    score      answers in five dimensions, and in your own metrics
    walk       everything, from a page about a person to a report

What they do stands in `charlib.door` and `charlib.walk`, imported when one of them is first used,
so that `import charlib` is quick and needs no torch.
"""

import sys
import types

import lazy_loader

__version__ = "0.1.0"
__all__ = ["load", "train", "interview", "score", "walk"]
__getattr__, _, _ = lazy_loader.attach(
    __name__, submod_attrs={"door": __all__[:-1], "walk": ["walk"]})


def __dir__() -> list[str]:
    return __all__


class _FrontDoor(types.ModuleType):
    """Python sets a module as an attribute of its package when it is imported; `charlib.walk`
    stays the function, whoever imports the module of that name."""
    def __setattr__(self, name, value):
        super().__setattr__(name, getattr(value, "walk", value) if name == "walk" else value)


sys.modules[__name__].__class__ = _FrontDoor
