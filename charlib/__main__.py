"""The command line, `python -m charlib COMMAND`, also installed as `charlib`. Each command is a
thin call of the front door; an error is one line and an exit code.
"""

import argparse
import sys

import yaml

from charlib import door, run
from charlib.walk import table, walk


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="charlib",
                                  description="Make and examine character simulacra.")
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, does, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        made.set_defaults(does=does)
        if name != "score":
            made.add_argument("--outputs",
                              help="where runs are kept (default: outputs/ of the project)")
        return made

    one = command("walk", _walk, "the five notebooks, from profile to report")
    one.add_argument("--character", required=True, help="a shipped slug, or a page (.md, .txt)")
    one.add_argument("--run", required=True, help="the name of the run")
    one.add_argument("--preset", default="workshop", help="tiny, workshop or full")
    one.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                     help="a notebook parameter")
    one = command("talk", _talk, "chat in the terminal")
    one.add_argument("run")
    one.add_argument("--as", dest="name", default="", help="who you are")
    one = command("train", _train, "train a character on chat rows of your own")
    one.add_argument("run")
    one.add_argument("--rows", required=True, metavar="FILE",
                     help='.jsonl of {"messages": [{"role": …, "content": …}, …]}')
    one.add_argument("--name", default="", help="whom the assistant's turns are of")
    one.add_argument("--base", default="bundled", help="bundled, a folder, or a hub id@revision")
    one.add_argument("--recipe", default="full", help="tiny, workshop, full, paper or gpu-lora")
    one.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE",
                     help="a field of the recipe")
    one = command("interview", _interview, "ask a question file, write an answers file")
    one.add_argument("run")
    one.add_argument("--questions", required=True, metavar="FILE")
    one.add_argument("--out", required=True, metavar="FILE")
    one.add_argument("--systems", default="simulacrum",
                     help="comma-separated: simulacrum, prompted, prompted_profile, an ablation, "
                     "endpoint:MODEL, endpoint_profile:MODEL, run:RUN, a file of answers, "
                     "module:object")
    one.add_argument("--seeds", type=int, default=1)
    one = command("score", _score, "score an answers file")
    one.add_argument("answers", help="of `interview`, or outputs/RUN/answers.jsonl of a walk")
    one.add_argument("--profile", required=True, metavar="FILE",
                     help="a shipped slug, a page, or outputs/RUN/profile.md")
    one.add_argument("--questions", metavar="FILE")
    one.add_argument("--system", help="whose answers they are, where the file does not say")
    one.add_argument("--metrics", default="", help="your own, comma-separated: module:object")
    one.add_argument("--out", required=True, metavar="FILE")
    one.add_argument("--rows", metavar="FILE", help="one row per answer as it was read")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0 only when its product is there."""
    asked = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a terminal that is not UTF-8 shows ? for the rest
        stream.reconfigure(errors="replace")
    try:
        asked.does(asked)
    except run.RunError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise run.RunError(f"--set {wrong[0]} has no value: write --set NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def _walk(asked) -> None:
    here = walk(asked.character, asked.run, asked.preset, _pairs(asked.set), asked.outputs)
    print(f"\nReport: {here.path('report.html')}\n")
    print(table(here.read_json("scores.json")))


def _talk(asked) -> None:
    person = door.load(asked.run, asked.outputs, visitor=asked.name)
    print(f"A simulation of {person.name} made from a text; not {person.name}'s words. "
          "An empty line ends the talk.\n")
    while words := _typed():
        for piece in person.stream(words):
            print(piece, end="", flush=True)
        print("\n")


def _typed() -> str:
    """The next line somebody types; nothing at the end of input."""
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def _train(asked) -> None:
    fields = {name.lower(): yaml.safe_load(value) for name, value in _pairs(asked.set).items()}
    here = door.train(asked.run, asked.rows, asked.name, base=asked.base, recipe=asked.recipe,
                      outputs=asked.outputs, **fields)
    print(f"{here.name} is trained: charlib talk {here.name}")


def _interview(asked) -> None:
    answers = door.interview(asked.run, asked.questions, asked.systems, asked.seeds, asked.out,
                             outputs=asked.outputs)
    print(f"{len(answers)} answers in {asked.out}")


def _score(asked) -> None:
    result = door.score(asked.answers, asked.profile, asked.questions, asked.metrics, asked.out,
                        asked.rows, system=asked.system)
    print(table(result))


if __name__ == "__main__":
    sys.exit(main())
