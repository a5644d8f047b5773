"""Who writes experience: recordings, English rules, an endpoint; prompts and the journal."""

from charlib.teachers.endpoint import (
    Answer,
    Answers,
    Client,
    EndpointTeacher,
    Prompt,
    Settings,
    leaks,
    parse,
    retry_after,
    strict,
)
from charlib.teachers.journal import ANSWERED, Journal
from charlib.teachers.prompts import describe, fill, prompt, request
from charlib.teachers.english import English, bank_of
from charlib.teachers.teacher import Chain, Recorded, Teacher, complete, make_teacher, stamp

__all__ = ["Chain", "Recorded", "Teacher", "make_teacher", "complete", "stamp", "English", "bank_of", "describe", "fill", "prompt", "request", "ANSWERED", "Journal", "Answer", "Answers", "Client", "EndpointTeacher", "Prompt", "Settings", "leaks", "parse", "retry_after", "strict"]
