"""Who writes experience: recordings, English rules, an endpoint, your own; prompts, the journal."""

from charlib.teachers.endpoint import Client, EndpointTeacher, Prompt
from charlib.teachers.english import English, bank_of
from charlib.teachers.journal import Journal
from charlib.teachers.prompts import describe, fill, prompt, request
from charlib.teachers.settings import Settings
from charlib.teachers.teacher import Chain, Recorded, Teacher, complete, make_teacher, stamp

__all__ = ["Client", "EndpointTeacher", "Prompt", "English", "bank_of", "Journal", "describe",
           "fill", "prompt", "request", "Settings", "Chain", "Recorded", "Teacher", "complete",
           "make_teacher", "stamp"]
