"""The run folder: names become safe folders, one writer at a time, files arrive whole, and what is missing is said."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from charlib import profile, run

# ---- names and places


@pytest.mark.parametrize(
    "name", ["../../x", "..", "/etc/passwd", "CON", "con", "lpt1", "🎻", "a" * 300, "Ludwig van", "a\x00b", "x.", " .hidden", "A/B\\C"]
)
def test_f15_any_name_becomes_one_plain_folder_inside_the_root(tmp_path, name):
    here = run.open(name, tmp_path)
    assert here.name == name
    assert here.folder.parent == tmp_path.resolve()
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", here.folder.name)
    with here.stage("profile"):
        here.write_json("facts.json", {"name": name})
    assert {path.parent for path in tmp_path.rglob("facts.json")} == {here.folder}
    assert [path.name for path in tmp_path.iterdir()] == [here.folder.name]


def test_f15_two_unicode_spellings_of_one_name_are_one_folder():
    composed, decomposed = "Andr\u00e9", "Andre\u0301"
    assert run.slug(composed) == run.slug(decomposed)
    assert run.slug(composed) != run.slug("Andre")


@given(st.text(min_size=1))
def test_f15_slugs_are_safe_stable_and_apart(name):
    if not name.strip():
        return
    made = run.slug(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", made) and made not in ("con", "nul", "com1", "lpt9")
    assert run.slug(made) == made
    assert len(made.encode()) <= 100


@pytest.mark.parametrize("name", ["007", "none", "nan", "1e5", "beethoven"])
def test_f16_a_safe_name_is_its_own_folder(tmp_path, name):
    assert run.open(name, tmp_path).folder.name == name


def test_an_empty_name_is_refused():
    with pytest.raises(run.RunError, match="name is empty"):
        run.slug("  ")


def test_a_path_that_leaves_the_run_is_refused(here):
    for parts in (("..", "x"), ("/etc/passwd",), ("a", "../../b")):
        with pytest.raises(run.RunError, match="outside the run folder"):
            here.path(*parts)
    assert here.path("figures", "a.png").is_relative_to(here.folder.resolve())


def test_the_root_is_found_from_any_folder(tmp_path, monkeypatch, root):
    monkeypatch.delenv("CHARLIB_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run.root() == root
    monkeypatch.setenv("CHARLIB_ROOT", str(tmp_path))
    with pytest.raises(run.RunError, match=f"No data/profiles and notebooks/presets in CHARLIB_ROOT={tmp_path}: set"):
        run.root()
    for part in ("data/profiles", "notebooks/presets"):
        (tmp_path / part).mkdir(parents=True)
    assert run.root() == tmp_path


def test_another_project_with_notebooks_and_data_is_not_taken_for_this_one(tmp_path, monkeypatch, root):
    monkeypatch.delenv("CHARLIB_ROOT", raising=False)
    for part in ("data/raw", "notebooks"):
        (tmp_path / part).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert run.root() == root and run.outputs() == root / "outputs"


# ---- files


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = run.write_atomic(tmp_path / "deep" / "a.txt", "one")
    run.write_atomic(path, b"two")
    assert path.read_text() == "two"
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_f05_a_full_disk_is_one_line_and_the_file_before_stays(tmp_path, monkeypatch):
    path = run.write_atomic(tmp_path / "scenes.jsonl", "kept\n")
    real = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda handle, mode: (os.close(handle), open("/dev/full", mode))[1])  # noqa: SIM115
    with pytest.raises(run.RunError, match=r"Could not write scenes.jsonl: No space left on device.*--outputs") as error:
        run.write_atomic(path, "lost\n")
    monkeypatch.setattr(os, "fdopen", real)
    assert "\n" not in str(error.value)
    assert path.read_text() == "kept\n"
    assert [item.name for item in tmp_path.iterdir()] == ["scenes.jsonl"]


def test_f05_a_writer_that_breaks_off_leaves_the_file_before(tmp_path):
    path = run.write_jsonl(tmp_path / "rows.jsonl", [{"a": 1}])

    def rows():
        yield {"a": 2}
        raise ValueError("stop")

    with pytest.raises(ValueError):
        run.write_jsonl(path, rows())
    assert run.read_jsonl(path) == [{"a": 1}]


@given(st.lists(st.dictionaries(st.text(max_size=8), st.text() | st.integers() | st.none(), max_size=4)))
@settings(max_examples=60)
def test_records_round_trip_whatever_they_hold(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    run.write_jsonl(path, records)
    assert run.read_jsonl(path) == records


def test_a_broken_row_is_named_by_file_and_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(run.RunError, match=r"rows.jsonl, line 2") as error:
        run.read_jsonl(path)
    assert "\n" not in str(error.value)


def test_a_row_of_the_wrong_form_is_named_too(tmp_path):
    class Row(BaseModel):
        a: int

    path = run.write_jsonl(tmp_path / "rows.jsonl", [{"a": "x"}])
    with pytest.raises(run.RunError, match=r"rows.jsonl, line 1"):
        run.read_jsonl(path, Row)


def test_a_missing_stage_says_what_to_run(here):
    with pytest.raises(run.RunError, match="scenes.jsonl is missing .* run the earlier notebook first"):
        here.read_jsonl("scenes.jsonl")
    with pytest.raises(run.RunError, match="scores.json is missing"):
        here.read_json("scores.json")


# ---- lock

HOLD = """
import sys, time
from charlib import run
with run.open("trial", sys.argv[1]).stage("upload"):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(outputs: Path) -> subprocess.Popen:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(outputs)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline().strip() == "held"
    return child


def test_f04_a_second_writer_fails_at_once_and_is_told_who_holds_it(here):
    child = hold(here.folder.parent)
    try:
        before = time.monotonic()
        with (
            pytest.raises(run.RunError, match=rf"being written by process {child.pid} on \S+, stage upload") as error,
            here.stage("experience"),
        ):
            pass
        assert time.monotonic() - before < 2
        assert "\n" not in str(error.value)
        assert here.path("profile.md").read_text()  # readers never lock
    finally:
        child.kill()
        child.wait()


def test_f04_the_lock_of_a_dead_process_is_taken_over_with_a_warning(here, capsys):
    child = hold(here.folder.parent)
    child.kill()
    child.wait()
    with here.stage("experience"):
        pass
    assert f"Took over the lock of a process that ended ({child.pid}, stage upload)" in capsys.readouterr().out
    with here.stage("experience"):
        pass
    assert "Took over" not in capsys.readouterr().out


def test_f04_a_walk_hands_its_lock_to_its_kernels(here):
    write = "import sys; from charlib import run\nwith run.open('trial', sys.argv[1]).stage('upload'): print('wrote')"
    command = [sys.executable, "-c", write, str(here.folder.parent)]
    with here.stage("walk"):
        inside = subprocess.run(command, capture_output=True, text=True, env=os.environ.copy())
        outside = subprocess.run(
            command, capture_output=True, text=True, env={k: v for k, v in os.environ.items() if k != "CHARLIB_LOCK_OWNER"}
        )
    assert inside.stdout == "wrote\n"
    assert outside.returncode and "being written by process" in outside.stderr
    assert "CHARLIB_LOCK_OWNER" not in os.environ


def test_a_stage_that_fails_lets_the_next_writer_in(here):
    with pytest.raises(ZeroDivisionError), here.stage("one"):
        raise ZeroDivisionError
    with here.stage("two"):
        assert json.loads(here.path(".lock.json").read_text())["stage"] == "two"
    assert not here.has(".lock.json")


# ---- parameters, manifest, check


def test_f29_a_key_is_never_kept_as_a_parameter(here):
    with pytest.raises(run.RunError, match="looks like an API key"):
        here.set_params("experience", {"teacher": "sk-abcdefghijklmnopqrstuvwx"})
    assert "abcdefgh" not in here.path("params.yaml").read_text()


def test_f16_names_that_look_like_numbers_stay_text_in_params(here):
    here.set_params("profile", {"character": "007", "source": "None"})
    assert here.params["profile"] == {"character": "007", "source": "None"}
    assert here.character == "007"


def test_presets_are_found_and_others_refused_by_name(root):
    for path in (root / "notebooks" / "presets").glob("*.yaml"):
        for stage in run.preset(path.stem):
            assert run.settings(stage, path.stem) == run.settings(stage, path.stem, **{name: "" for name in type(run.settings(stage, path.stem)).model_fields})
    with pytest.raises(run.RunError, match="No preset 'huge': use one of full, tiny, workshop"):
        run.preset("huge")


def test_given_parameters_win_over_the_preset_and_empty_ones_do_not(here, capsys):
    got = run.resolve(here, "upload", "tiny", epochs="2", base="", seconds=None)
    assert (got.epochs, got.base, got.seconds) == (2, "bundled", None)
    kept = here.params["upload"]
    assert (kept["preset"], kept["epochs"]) == ("tiny", 2)
    told = capsys.readouterr().out
    assert told.startswith(f"run 'trial' in {here.folder} · character nell-gray · preset tiny · base bundled") and "epochs 2" in told


def test_every_value_can_be_said_zero_too():
    assert run.settings("interview", "tiny").questions == 8
    assert run.settings("interview", "tiny", questions="0").questions == 0
    assert run.settings("upload", "workshop", seconds=0).seconds == 0
    assert run.settings("experience", "tiny", paragraphs=0).paragraphs == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"epoch": 2}, "There is no 'epoch' of upload: there are base, recipe, "),
        ({"epochs": "many"}, "EPOCHS cannot be 'many': it should be a valid"),
        ({"epochs": 0}, "EPOCHS cannot be '0': it should be greater than 0"),
        ({"seconds": -1}, "SECONDS cannot be '-1': it should be greater than or equal to 0"),
        ({"train_on": "nobody"}, "TRAIN_ON cannot be 'nobody': it should be 'protagonist', 'all' or 'without_thoughts'"),
    ],
)
def test_what_a_stage_cannot_be_set_to_is_one_line(here, given, says):
    with pytest.raises(run.RunError) as error:
        run.resolve(here, "upload", "tiny", **given)
    assert str(error.value).startswith(says) and "\n" not in str(error.value)
    assert "upload" not in here.params


def test_a_local_base_is_meant_from_where_the_command_was_given(tmp_path, monkeypatch):
    base, home = tmp_path / "models" / "mine", tmp_path / "home"
    for folder in (base, home / "other", tmp_path / "kernel"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PWD", str(tmp_path))  # a kernel inherits it, and works elsewhere
    monkeypatch.chdir(tmp_path / "kernel")
    for said, meant in (("models/mine", base), ("./models/mine", base), ("~/other", home / "other"), (str(base), base)):
        assert run.settings("upload", "tiny", base=said).base == str(meant)
    for name in ("bundled", "HuggingFaceTB/SmolLM2-135M-Instruct@12fd25f"):
        assert run.settings("upload", "tiny", base=name).base == name


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, person):
    (tmp_path / "file").write_text("")
    here = run.open("trial", tmp_path / "file" / "outputs")
    with pytest.raises(run.RunError, match=r"trial cannot be written \(Not a directory\): choose another --outputs, in a notebook OUTPUTS") as error, here.stage("profile"):
        pass
    assert "\n" not in str(error.value)
    with pytest.raises(run.RunError, match="Could not write profile.md: Not a directory. Free some space or choose another --outputs"):
        profile.save(person, here.path("profile.md"))


def test_the_manifest_holds_versions_hashes_and_seconds(here):
    here.write_jsonl("scenes.jsonl", [{"id": "a"}])
    here.record("experience", inputs=["profile.md"], products=["scenes.jsonl"], seconds=1.23, left_out=0)
    stage = here.manifest["stages"]["experience"]
    assert stage["products"] == {"scenes.jsonl": run.sha256(here.path("scenes.jsonl"))}
    assert stage["inputs"] == {"profile.md": run.sha256(here.path("profile.md"))}
    assert (stage["seconds"], stage["left_out"]) == (1.2, 0)
    assert here.manifest["versions"]["transformers"]


def test_check_counts_rows_files_and_folders_and_names_all_that_is_thin(here):
    here.write_jsonl("scenes.jsonl", [{}, {}])
    here.write_json("figures/a.json", {})
    assert here.check(scenes=2, figures=1, profile__md=1) == {"scenes": 2, "figures": 1, "profile__md": 1}
    with pytest.raises(run.RunError, match="dialogues has 0, needs 1") as error:
        here.check(scenes=3, dialogues=1)
    assert "scenes has 2, needs 3" in str(error.value) and "+english" in str(error.value)
    with pytest.raises(run.RunError, match="Run the notebook that makes it again"):
        here.check(adapter=2)


def test_another_character_on_a_run_is_refused(here):
    run.refuse_other_character(here, "nell-gray")
    with pytest.raises(run.RunError, match="is of nell-gray: choose another RUN for caesar"):
        run.refuse_other_character(here, "caesar")


def test_a_run_that_is_not_there_is_told_with_those_that_are(here, person):
    folder = here.folder.parent
    other = run.open("ilse_ws", folder)
    other.write_json("manifest.json", {"run": "ilse_ws"})
    profile.save(person, other.path("profile.md"))
    says = f"No run 'nope' in {folder}: run notebook 01 with this RUN first; there are: ilse_ws, trial."
    missing = run.open("nope", folder)
    for opens in (
        lambda: profile.load(missing.path("profile.md")),
        lambda: run.resolve(missing, "upload", "tiny"),
        lambda: run.refuse_missing(missing),
    ):
        with pytest.raises(run.RunError) as error:
            opens()
        assert str(error.value) == says
    assert not missing.folder.exists(), "a wrong name leaves no folder behind"
    with pytest.raises(run.RunError, match="No run 'Trial_1' in .*there are none yet."):
        run.refuse_missing(run.open("Trial_1", folder / "elsewhere"))


def test_a_place_in_the_project_is_shown_short(tmp_path, root):
    assert run.shown(root / "outputs" / "ilse") == "outputs/ilse"
    assert run.shown(tmp_path / "ilse") == str(tmp_path / "ilse")


def test_a_run_without_a_character_says_what_to_run(tmp_path):
    with pytest.raises(run.RunError, match="run notebook 01 first"):
        _ = run.open("empty", tmp_path).character
