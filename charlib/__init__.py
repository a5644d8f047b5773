"""Make and examine character simulacra: profile, experience, protective experience, upload,
interview.

Nothing is imported here, so that `import charlib` is quick and needs no torch; import the module
whose noun you need: `from charlib import profile, experience`.
"""

__version__ = "0.1.0"
