"""Training on somebody's own rows, without the notebooks: rows in, a run out that can be asked."""

from pathlib import Path

from charlib import models, run
from charlib import profile as profiles
from charlib.records import Example, content_id
from charlib.upload.process import follow, write_spec
from charlib.upload.recipes import resolve_recipe


def train_rows(where: str | Path, rows, name: str, recipe: str = "full", *, outputs=None,
               base: str = "bundled", seed: int = 0, **fields) -> run.Run:
    """Fine-tune `base` on conversations and return the run, whose adapter answers as `name`.

    `where` is the name of a run or its folder; `rows` a JSONL file or a list of {"messages":
    [{"role", "content"}, …]}: strictly system?, user, assistant, and so on, the last assistant.
    A row without a system message gets the standard set-up of `name`. `fields` are fields of
    Recipe. The same call again trains nothing anew; after an interruption it goes on. Raises
    RunError naming the row, and Interrupted when the training fails."""
    made, title = resolve_recipe(recipe, **fields), " ".join(name.split())
    if isinstance(where, Path) or len(Path(where).parts) > 1:
        folder = run.home(where).absolute()
        here = run.Run(folder.name, folder)
    else:
        here = run.open(where, outputs)
    source = "rows" if isinstance(rows, list | tuple) else run.home(rows).name
    if not isinstance(rows, list | tuple):
        rows = run.read_jsonl(run.home(rows))
    examples = _examples(list(rows), source, models.system_prompt(title))
    run.refuse_other_character(here, run.slug(title))
    models.find_base(base)  # what is missing is said before anything is written
    systems = {item.messages[0].content for item in examples}
    with here.stage("upload"):
        if not here.has("profile.md"):
            told = f"{title} is known here from conversations only ({source})."
            body = f"---\nname: {title!r}\nsources: [{source!r}]\n---\n# {title}\n\n{told}\n"
            profiles.save(profiles.parse(body), here.path("profile.md"))
        here.set_params("profile", {"character": run.slug(title), "source": source})
        here.set_params("upload", {"recipe": recipe, **fields, "base": base, "seed": seed})
        here.write_jsonl("examples.jsonl", examples)
        write_spec(here.folder, base, made, title, seed=seed,
                   system=systems.pop() if len(systems) == 1 else "")
        here.say(f"training on {len(examples)} conversations of {source}")
        for row in follow(here.folder):
            if row.get("event") == "end":
                here.say(f"{row['kept']}/ is in {run.shown(here.folder)}")
        here.record("upload", inputs=("examples.jsonl", "spec.json"), products=("training.jsonl",))
    return here


def _examples(rows: list, source: str, prompt: str) -> list[Example]:
    """The rows as examples, in order; a set-up before those that bring none."""
    if not rows:
        raise run.RunError(f"{source} holds no rows: give at least one conversation.")
    made = []
    for number, row in enumerate(rows, 1):
        wrong = _fault(row)
        if wrong:
            raise run.RunError(
                f"{source}, row {number}: {wrong}. A row is {{\"messages\": [{{\"role\": …, "
                "\"content\": …}, …]}: system (or none), user, assistant, …, assistant.")
        messages = [{part: message[part] for part in ("role", "content")}
                    for message in row["messages"]]
        if messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": prompt})
        id = content_id(str(number), *(message["content"] for message in messages))
        made.append(Example(id=id, dialogue=f"row-{number}", paragraphs=[], messages=messages))
    return made


def _fault(row) -> str:
    """What is wrong with a row, in a few words; nothing when it is a conversation."""
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        return "it has no list of messages"
    for number, message in enumerate(messages, 1):
        text = message.get("content") if isinstance(message, dict) else None
        if not isinstance(text, str) or not text.strip():
            return f"message {number} has no text as its content"
    roles = [message.get("role") for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    for number, role in enumerate(turns, 1 + len(roles) - len(turns)):
        expected = ("user", "assistant")[(number - 1 - len(roles) + len(turns)) % 2]
        if role != expected:
            return f"message {number} is of '{role}', where '{expected}' has to speak"
    return "" if turns and roles[-1] == "assistant" else "it does not end with assistant"
