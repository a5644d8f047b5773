"""The command line: `python -m charlib walk|talk|interview|score`. Each is a thin call; an error is
one line and an exit code.
"""

import argparse
import sys

from charlib import models, playground, profile, run, scores
from charlib import walk as walk_room


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m charlib", description="Make and examine character simulacra.")
    commands = top.add_subparsers(dest="command", required=True)
    walk = commands.add_parser("walk", help="the five notebooks, from profile to report")
    walk.add_argument("--character", required=True, help="a shipped slug, or the path of a .md or .txt biography")
    walk.add_argument("--run", required=True, help="the name of the run")
    walk.add_argument("--preset", default="workshop", help="tiny, workshop or full")
    walk.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a notebook parameter")
    talk = commands.add_parser("talk", help="chat in the terminal")
    talk.add_argument("run")
    talk.add_argument("--as", dest="name", default="", help="who you are")
    interview = commands.add_parser("interview", help="ask a question file, write an answers file")
    interview.add_argument("run")
    interview.add_argument("--questions", required=True)
    interview.add_argument("--out", required=True)
    interview.add_argument("--systems", default="simulacrum", help="comma-separated: simulacrum, prompted, prompted_profile")
    interview.add_argument("--seeds", type=int, default=1)
    score = commands.add_parser("score", help="score an answers file")
    score.add_argument("answers")
    score.add_argument("--profile", required=True)
    score.add_argument("--questions")
    score.add_argument("--system")
    score.add_argument("--out", required=True)
    for command in (walk, talk, interview, score):
        command.add_argument("--outputs", help="where runs are kept (default: outputs/ of the project)")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0 only when its product is there."""
    asked = parser().parse_args(arguments)
    try:
        {"walk": _walk, "talk": _talk, "interview": _interview, "score": _score}[asked.command](asked)
    except run.RunError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def _walk(asked) -> None:

    pairs = [item.partition("=") for item in asked.set]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise run.RunError(f"--set {wrong[0]} has no value: write --set NAME=VALUE.")
    sets = {name: value for name, _, value in pairs}
    here = walk_room.walk(asked.character, asked.run, asked.preset, sets, asked.outputs)
    print(f"\nReport: {here.path('report.html')}\n")
    print(walk_room.table(here.read_json("scores.json")))


def _talk(asked) -> None:

    here = _opened(asked)
    person = profile.load(here.path("profile.md"))
    sim = models.load_simulacrum(here)
    print(f"A simulation of {person.name} made from a text; not {person.name}'s words. An empty line ends the talk.\n")
    talk = playground.Talk(sim, person, asked.name)
    while words := _typed():
        for piece in talk.stream(words):
            print(piece, end="", flush=True)
        print("\n")


def _opened(asked) -> run.Run:
    here = run.open(asked.run, asked.outputs)
    run.refuse_missing(here)
    return here


def _typed() -> str:
    """The next line somebody types; nothing at the end of input."""
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def _interview(asked) -> None:
    from pathlib import Path


    here = _opened(asked)
    questions = playground.load_questions(asked.questions)
    person = profile.load(here.path("profile.md"))
    systems = playground.make_systems(models.load_simulacrum(here), person, asked.systems, here)
    answers = playground.conduct(Path(asked.out), questions, systems, seeds=range(asked.seeds), character=person.name, say=print)
    print(f"{len(answers)} answers in {asked.out}")


def _score(asked) -> None:
    import json
    from pathlib import Path


    answers = playground.load_answers(asked.answers, asked.system)
    questions = playground.load_questions(asked.questions) if asked.questions else None
    result = scores.score(answers, profile.load(asked.profile), questions)
    run.write_atomic(Path(asked.out), json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(walk_room.table(result))


if __name__ == "__main__":
    sys.exit(main())
