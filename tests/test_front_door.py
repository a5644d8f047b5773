"""The front door: what a stranger brings is given by object or by name, and a character can be used from Python."""

import pytest

from charlib import run

# ---- text becomes code in one place


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Write a module into a new current directory, as somebody does who tries the project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in __import__("sys").path if path])

    def write(name: str, code: str):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")

    return write


def test_a_name_is_an_object_of_a_module_of_the_current_directory(bring):
    bring("brought_one", "class Teacher:\n    level = 3\n\ndef irony():\n    return 1\n")
    assert run.named("brought_one:irony")() == 1
    assert run.named("brought_one:Teacher.level") == 3
    assert run.named("json:dumps")([1]) == "[1]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("irony", "write module:object"),
        (":irony", "write module:object"),
        ("brought_two:", "write module:object"),
        ("no_such_module:irony", "No module 'no_such_module'"),
        ("json.nothing:irony", "No module 'json.nothing'"),
        ("brought_two:irony", "no attribute 'irony'"),
        ("a b/c:irony", "cannot be had|No module"),
        ("brought_needs:irony", "No module named 'not_installed'.*install what it needs"),
        ("brought_broken:irony", "SyntaxError.*mend it"),
    ],
)
def test_a_name_that_cannot_be_had_is_one_line_and_what_to_do(bring, text, says):
    bring("brought_two", "x = 1\n")
    bring("brought_needs", "import not_installed\n")
    bring("brought_broken", "def (:\n")
    with pytest.raises(run.RunError, match=says) as caught:
        run.named(text)
    assert "\n" not in str(caught.value)
