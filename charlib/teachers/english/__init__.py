"""The English teacher: rules that make experience, a boundary and questions of any English page,
without a model or a network.
"""

from charlib.teachers.english.teacher import English, bank_of

__all__ = ["English", "bank_of"]
