"""The English teacher: rules that make experience, a boundary and questions of any English page, without a model or a network."""
