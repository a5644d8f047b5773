"""The walk and the command line: parameters keep their types, a notebook's failure is told whatever papermill says, bad input is one line."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from charlib import __main__ as command
from charlib import profile, run

walk = walk_file = importlib.import_module("charlib.walk")  # charlib.walk is its function
DATA = Path(__file__).parent / "data" / "original"

# ---- parameters


def test_parameters_reach_the_notebooks_that_have_them_as_the_types_they_declare():
    given = walk.parameters(
        {"RUN": "007", "PRESET": "tiny", "OUTPUTS": "/o", "CHARACTER": "tamsin"}, {"EPOCHS": "2", "TEACHER": "english", "SEED": "5"}
    )
    assert set(given) == set(walk.NOTEBOOKS)
    assert given["01_profile"] == {"RUN": "007", "PRESET": "tiny", "OUTPUTS": "/o", "CHARACTER": "tamsin", "SEED": 5}
    assert given["04_upload"]["EPOCHS"] == "2" and "TEACHER" not in given["04_upload"] and given["02_experience"]["TEACHER"] == "english"


@pytest.mark.parametrize("name", ["007", "None", "nan", "1e5", "True", "1_000"])
def test_f16_names_that_look_like_something_else_stay_strings(name):
    assert walk.parameters({"RUN": name}, {})["01_profile"]["RUN"] == name
    assert walk.typed("RUN", name, '"beethoven"') == name


def test_an_unknown_parameter_is_refused_before_a_kernel_starts():
    with pytest.raises(run.RunError, match="No parameter 'EPOCH' in any notebook: use one of .*EPOCHS"):
        walk.parameters({}, {"EPOCH": "2"})
    with pytest.raises(run.RunError, match="EPOCHS cannot be 'two': it should be a valid"):
        walk.parameters({}, {"EPOCHS": "two"})


# ---- one notebook


def stub(monkeypatch, tmp_path, *cells):
    """Put a small notebook in the place of every notebook."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.cells[0].metadata["tags"] = ["parameters"]
    book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path = tmp_path / "stub.ipynb"
    nbformat.write(book, path)
    monkeypatch.setattr(walk_file, "source", lambda notebook: path)


def test_a_cell_that_fails_is_named_with_its_reason(here, monkeypatch, tmp_path):
    stub(monkeypatch, tmp_path, 'RUN: str = "a"  # run', "from charlib import run\nraise run.RunError('Nothing here: do this.')")
    with pytest.raises(run.RunError, match=r"02_experience stopped: Nothing here: do this. \(cell \d; the notebook is kept in") as error:
        walk.execute(here, "02_experience", {"RUN": "b"}, say=lambda text: None)
    assert "\n" not in str(error.value) and here.has("notebooks", "02_experience.ipynb")


def test_f28_a_killed_kernel_is_told_and_never_taken_for_success(here, monkeypatch, tmp_path):
    stub(monkeypatch, tmp_path, 'RUN: str = "a"  # run', "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "1 + 1")
    with pytest.raises(run.RunError, match="kernel died, most likely for want of memory"):
        walk.execute(here, "02_experience", {"RUN": "b"}, say=lambda text: None)


def test_a_notebook_that_ends_well_without_its_products_has_failed(here, monkeypatch, tmp_path):
    stub(monkeypatch, tmp_path, 'RUN: str = "a"  # run', "open('cwd.txt', 'w').write(RUN)")
    here.write_jsonl("scenes.jsonl", [])
    with pytest.raises(run.RunError, match=r"02_experience ended without dialogues.jsonl"):
        walk.execute(here, "02_experience", {"RUN": "007"}, say=lambda text: None)
    assert here.path("cwd.txt").read_text() == "007"  # the kernel works in the run folder


def test_code_of_ones_own_is_named_from_where_the_walk_was_started(here, monkeypatch, tmp_path):
    (tmp_path / "brought_to_a_walk.py").write_text("said = 'mine'", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    stub(monkeypatch, tmp_path, 'RUN: str = "a"  # run', "from charlib import run\nopen('said.txt', 'w').write(run.named('brought_to_a_walk:said'))")
    with pytest.raises(run.RunError, match="ended without"):
        walk.execute(here, "02_experience", {"RUN": "b"}, say=lambda text: None)
    assert here.path("said.txt").read_text() == "mine"


def test_kernels_are_of_this_interpreter_whatever_kernelspec_the_machine_has(here, monkeypatch, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    run.write_atomic(spec, json.dumps({"argv": ["/nowhere/python", "-m", "ipykernel", "-f", "{connection_file}"], "display_name": "P", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("HOME", "/dev/null/nobody")  # a home that cannot be written
    stub(monkeypatch, tmp_path, 'RUN: str = "a"  # run', "import sys\nfor name in ('scenes', 'dialogues'): open(f'{name}.jsonl', 'w').write(sys.executable)")
    walk.execute(here, "02_experience", {"RUN": "b"}, say=lambda text: None)
    assert here.path("scenes.jsonl").read_text() == sys.executable
    assert os.environ["JUPYTER_PATH"] == str(tmp_path / "jupyter") and "TQDM_DISABLE" not in os.environ


def test_f17_a_folder_with_a_brace_is_refused_before_papermill_fills_it_in(person, tmp_path):
    here = run.open("trial", tmp_path / "{RUN}")
    with pytest.raises(run.RunError, match="brace in its name"):
        walk.execute(here, "02_experience", {"RUN": "b"}, say=lambda text: None)


# ---- the command line: bad input


def tree(folder: Path) -> dict:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, tmp_path, *arguments, says: str) -> str:
    """The command fails with one line on stderr, and no file is made or changed."""
    before = tree(tmp_path)
    assert command.main([*arguments]) not in (0, None)
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error, error
    left = {name: data for name, data in tree(tmp_path).items() if Path(name).name not in (".lock", "log.txt")}
    assert left == {name: data for name, data in before.items() if Path(name).name not in (".lock", "log.txt")}
    return error


def walking(tmp_path, character="tamsin", name="trial", preset="tiny", *more):
    return ["walk", "--character", str(character), "--run", name, "--preset", preset, "--outputs", str(tmp_path / "out"), *more]


@pytest.mark.parametrize(
    ("text", "says"), [("# Nobody\n", "no paragraphs"), ("", "no paragraphs"), ("---\nname: [\n---\n# A\n\nB was born.", "not valid YAML")]
)
def test_a_profile_that_is_none_is_refused(capsys, tmp_path, text, says):
    path = tmp_path / "nobody.md"
    path.write_text(text)
    refused(capsys, tmp_path, *walking(tmp_path, path), says=says)


@pytest.mark.parametrize("character", ["missing.md", "nobody", "../../x", "007", "/etc/passwd", "", "con"])
def test_f15_a_character_that_is_not_there_is_refused_by_name(capsys, tmp_path, character):
    refused(capsys, tmp_path, *walking(tmp_path, character), says="use one of beethoven")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--set", "EPOCH=2"], "No parameter 'EPOCH'"),
        (["--set", "EPOCHS=many"], "EPOCHS cannot be 'many': it should be"),
        (["--set", "EPOCHS"], "--set EPOCHS has no value"),
    ],
)
def test_a_parameter_that_is_none_is_refused(capsys, tmp_path, more, says):
    refused(capsys, tmp_path, *walking(tmp_path, "tamsin", "trial", "tiny", *more), says=says)


def test_a_preset_that_does_not_exist_is_refused(capsys, tmp_path):
    refused(capsys, tmp_path, *walking(tmp_path, preset="huge"), says="No preset 'huge': use one of full, tiny, workshop")


def test_what_cannot_be_written_is_one_line_before_a_kernel_starts(capsys, tmp_path, monkeypatch):
    (tmp_path / "out").write_text("")
    refused(capsys, tmp_path, *walking(tmp_path), says="out/trial cannot be written (Not a directory): choose another --outputs")
    (tmp_path / "out").unlink()
    for name, value in (("CHARLIB_CACHE", "/dev/null/cache"), ("HOME", "/dev/null/nobody")):
        with monkeypatch.context() as own:
            own.delenv("CHARLIB_CACHE", raising=False)
            own.delenv("XDG_CACHE_HOME", raising=False)
            own.setenv(name, value)
            refused(capsys, tmp_path, *walking(tmp_path), says="cannot be written (Not a directory): set CHARLIB_CACHE to a folder")


def test_a_terminal_that_is_not_utf8_is_told_what_it_can_show(tmp_path):
    run.write_atomic(tmp_path / "out" / "trial" / "notebooks", "")  # stops the walk after its first line
    given = [sys.executable, "-m", "charlib", *walking(tmp_path)]
    done = subprocess.run(given, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1 and b"? character tamsin ? preset tiny" in done.stdout, done
    assert done.stderr.count(b"\n") == 1 and b"notebooks cannot be written" in done.stderr, done.stderr


def test_an_empty_run_name_is_refused(capsys, tmp_path):
    refused(capsys, tmp_path, *walking(tmp_path, name=" "), says="name is empty")


def test_another_character_on_a_run_is_refused(capsys, tmp_path):
    here = run.open("trial", tmp_path / "out")
    here.set_params("profile", {"preset": "tiny", "character": "tamsin", "source": "tamsin.md"})
    refused(capsys, tmp_path, *walking(tmp_path, "beethoven"), says="is of tamsin: choose another RUN for beethoven")


def test_f04_a_run_that_another_process_writes_is_refused(capsys, tmp_path):
    hold = "import sys, time\nfrom charlib import run\nwith run.open('trial', sys.argv[1]).stage('upload'): print('held', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "held\n"
        error = refused(capsys, tmp_path, *walking(tmp_path), says=f"being written by process {child.pid}")
        assert "stage upload" in error
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("name", ["trial", "../../x", "007"])
def test_a_run_without_its_earlier_stages_is_refused(capsys, tmp_path, name):
    out = ["--outputs", str(tmp_path / "out")]
    refused(capsys, tmp_path, "talk", name, *out, says=f"No run '{name}' in {tmp_path / 'out'}: run notebook 01 with this RUN first")
    questions = str(DATA / "questions_single.json")
    asking = ["interview", name, "--questions", questions, "--out", str(tmp_path / "a.jsonl"), *out]
    refused(capsys, tmp_path, *asking, says=f"No run '{name}'")
    here = run.open(name, tmp_path / "out")
    profile.save(profile.load(DATA / "wiki_Ada_Brook.txt"), here.path("profile.md"))
    refused(capsys, tmp_path, *asking, says="run notebook 04 first")


def test_a_walk_of_a_later_notebook_without_the_earlier_says_so(tmp_path):
    here = run.open("trial", tmp_path)
    here.folder.mkdir(parents=True)
    with pytest.raises(run.RunError, match="02_experience stopped: No run 'trial' in .*: run notebook 01") as error:
        walk.execute(here, "02_experience", {"RUN": "trial", "PRESET": "tiny", "OUTPUTS": str(tmp_path)}, say=lambda text: None)
    assert "\n" not in str(error.value)


def test_a_walk_says_which_run_character_and_preset_it_works_on(monkeypatch, tmp_path):
    monkeypatch.setattr(walk_file, "execute", lambda *given: None)
    said = []
    here = walk.walk("tamsin", "Trial 1", "tiny", outputs=tmp_path, say=said.append)
    assert said[0] == f"run 'Trial 1' in {here.folder} · character tamsin · preset tiny"


def test_paths_of_imported_answers_are_meant_from_where_one_stands(monkeypatch, tmp_path):
    given = {}
    monkeypatch.setattr(walk_file, "execute", lambda here, notebook, values, say: given.update({notebook: values}))
    monkeypatch.chdir(tmp_path)
    walk.walk("tamsin", "trial", "tiny", sets={"IMPORTED": "released, more/a.json"}, outputs=tmp_path / "outputs", say=lambda text: None)
    assert given["05_interview"]["IMPORTED"] == f"{tmp_path / 'released'},{tmp_path / 'more/a.json'}"


@pytest.mark.parametrize("wrong", ["answers", "profile", "questions"])
def test_score_with_a_missing_file_is_refused(capsys, tmp_path, wrong):
    files = {
        "answers": DATA / "answers_single_sft.json",
        "profile": DATA / "wiki_Ada_Brook.txt",
        "questions": DATA / "questions_single.json",
    }
    files[wrong] = tmp_path / "missing.json"
    given = [
        "score",
        str(files["answers"]),
        "--profile",
        str(files["profile"]),
        "--questions",
        str(files["questions"]),
        "--out",
        str(tmp_path / "s.json"),
    ]
    refused(capsys, tmp_path, *given, says="missing.json")


def test_all_masked_data_end_the_upload_process_with_one_line(small, tmp_path):
    (tmp_path / "examples.jsonl").write_text("")
    (tmp_path / "spec.json").write_text(
        json.dumps(
            {
                "base": str(small.folder),
                "recipe": {"dtype": "float32"},
                "seed": 0,
                "examples": "examples.jsonl",
                "probes": [],
                "system": "",
                "character": "N",
            }
        )
    )
    ended = subprocess.run([sys.executable, "-m", "charlib.upload", str(tmp_path / "spec.json")], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("Every token of the training data is masked")
    assert not (tmp_path / "adapter").exists()


# ---- the command line: the original project's files


@pytest.mark.parametrize("name", ["answers_single_sft.json", "answers_multi_sft.jsonl"])
def test_answers_in_the_originals_form_are_scored(capsys, tmp_path, name):
    out = tmp_path / "scores.json"
    assert command.main(["score", str(DATA / name), "--profile", str(DATA / "wiki_Ada_Brook.txt"), "--out", str(out)]) == 0
    result = json.loads(out.read_text())
    (system,) = result["systems"]
    assert system in ("answers_single_sft", "Brook-end")
    assert set(result["systems"][system]) == {"memorization", "values", "personality", "hallucination", "stability"}
    for entry in result["systems"][system].values():
        assert entry["value"] is None and entry["reason"] or 0 <= entry["value"] <= 1
    assert "memorization" in capsys.readouterr().out


def test_released_answers_of_the_original_are_scored(official, tmp_path):
    out = tmp_path / "scores.json"
    given = [
        "score",
        str(official / "answers_single_Beethoven_sft.json"),
        "--profile",
        str(official / "profile_wiki_Beethoven.txt"),
        "--out",
        str(out),
    ]
    assert command.main(given) == 0
    entry = json.loads(out.read_text())["systems"]["answers_single_Beethoven_sft"]["hallucination"]
    assert entry["n"] > 0 or entry["reason"]
