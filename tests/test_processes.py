"""More than one process: the same spec.json under `accelerate launch` trains what one process trains."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from test_upload import RECIPE, folder_of, replace, weights

from charlib import run, upload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="accelerate's CPU launcher is tried on Linux")
ROWS = replace(RECIPE, row_length=1, epochs=2)  # a row a conversation: six rows, three steps an epoch of two rows


def launch(folder, root):
    """accelerate launch with two processes; the finished process. `--multi_gpu` is its word for several local ones: without a GPU they use gloo."""
    options = [
        "--multi_gpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        "--main_process_port",
        "0",
    ]
    command = [sys.executable, "-m", "accelerate.commands.launch", *options, "-m", "charlib.upload", str(folder / "spec.json")]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=240)


def rows_of(folder) -> list[dict]:
    return run.read_jsonl(folder / "training.jsonl")


@pytest.fixture(scope="module")
def alone(tmp_path_factory, small, examples):
    """One process, two rows a step."""
    folder = folder_of(tmp_path_factory.mktemp("alone"), small, examples[:6], replace(ROWS, rows_per_step=2), validation=0)
    upload.train(folder / "spec.json")
    return folder


def test_two_processes_train_the_adapter_that_one_trains(alone, tmp_path, small, examples, root):
    """One row a step each: the rows are shared out, the loss is a mean over both, and one of them writes."""
    folder = folder_of(tmp_path / "two", small, examples[:6], ROWS, validation=0)
    done = launch(folder, root)
    assert done.returncode == 0, done.stderr[-2000:]
    mine, theirs = ([row for row in rows_of(place) if row.get("loss") is not None] for place in (alone, folder))
    assert [row["step"] for row in theirs] == [row["step"] for row in mine] == list(range(1, 7))
    np.testing.assert_allclose([row["loss"] for row in theirs], [row["loss"] for row in mine], atol=2e-4)
    first, second = weights(alone / "adapter"), weights(folder / "adapter")
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_allclose(values, second[name], atol=2e-4, err_msg=name)
    moved = max(float(np.abs(values).max()) for name, values in second.items() if "lora_B" in name)
    assert moved > 1e-3  # it did train
    assert [row["event"] for row in rows_of(folder) if "event" in row] == ["start", "plan", "end"]
    assert {path.name for path in (folder / "checkpoints").glob("epoch-*")} == {"epoch-1", "epoch-2"}


def test_the_shipped_fsdp2_configuration_is_one_that_accelerate_reads(root):
    from accelerate.commands.config import load_config_from_file

    config = load_config_from_file(str(root / "data" / "accelerate" / "fsdp2.yaml"))
    assert str(config.distributed_type.value) == "FSDP" and int(config.fsdp_config["fsdp_version"]) == 2


def test_an_error_of_the_first_process_ends_both(tmp_path, small, examples, root):
    folder = folder_of(tmp_path / "wrong", small, examples[:6], ROWS, validation=0)
    spec = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps(spec | {"base": str(tmp_path / "nowhere")}))
    done = launch(folder, root)
    assert done.returncode != 0 and "No folder" in done.stderr
    assert not (folder / "adapter").exists()
