"""The playground: chat with a simulacrum, and a dinner table of several."""

import itertools
import time

from charlib import models, run, scores
from charlib import playground as playground_room
from charlib import profile as profiles
from charlib.records import Profile
from charlib.show.plots import colour
from charlib.show.widgets import (
    CARE,
    ROW,
    TWIN,
    bubbles,
    escape,
    gone,
    live,
    make_button,
    note,
    panel,
    read,
    show,
)


def neighbours(here: run.Run, sim) -> dict[str, run.Run]:
    """The other runs beside this one whose adapter fits the same base, by folder name."""

    found = {}
    for folder in sorted(here.folder.parent.iterdir()) if here.folder.parent.is_dir() else []:
        other = run.Run(folder.name, folder)
        if folder == here.folder or not other.has("profile.md"):
            continue
        try:
            models.check_adapter(folder / "adapter", sim.base)
        except run.RunError:
            continue  # not trained, or on another base: no guest
        found[folder.name] = other
    return found


def invite(sim, guest: run.Run) -> tuple[str, Profile]:
    """Load another run's adapter into the same simulacrum, once. Returns its name there and whom it
    plays.
    """
    name = f"run {guest.name}".replace(".", "_")  # a dot would part the names of the weights
    if name not in sim.adapters:
        sim.add(name, guest.path("adapter"))
    return name, profiles.load(guest.path("profile.md"))


class Playground:
    """Talk to the simulacrum beside the prompted base or another character; replies stream, and the
    talk can be saved.
    """

    def __init__(self, here: run.Run, sim, person: Profile):
        import ipywidgets


        self.here, self.sim, self.person = here, sim, person
        self.others = neighbours(here, sim)
        states = [("any", -1), *((f"{item.when} {item.place}: {item.state}"[:60], place) for place, item in enumerate(person.states))]
        third = {"layout": {"flex": "1 1 16em", "width": "auto"}, "style": {"description_width": "4em"}}
        self.place = ipywidgets.Text(description="Place", placeholder="anywhere", **third)
        self.time = ipywidgets.Text(description="Time", placeholder="any time", **third)
        self.state = ipywidgets.Dropdown(options=states, description="State", **third)
        beside = [("the prompted base", "prompted"), ("nobody", ""), *((f"run {name}", name) for name in self.others)]
        self.beside = ipywidgets.Dropdown(options=beside, description="Beside", **third)
        self.words = ipywidgets.Text(placeholder=f"Say something to {person.short_name} …", layout={"flex": "1 1 24em", "width": "auto"})
        self.send = make_button("Send", "or press Enter", self.ask, button_style="primary")
        self.again = make_button("Regenerate", "answer the last words anew", self.regenerate)
        self.why = make_button("Why?", "the training exchange nearest to the last reply", self.explain)
        self.keep = make_button("Save talk", "write it to conversations/ of this run", self.write)
        self.talks = {"simulacrum": playground_room.Talk(sim, person)}
        self.people = {"simulacrum": person}
        column = {"flex": "1 1 20em", "width": "auto"}
        self.columns = [ipywidgets.HTML(layout=column), ipywidgets.HTML(layout=column)]
        self.said = ipywidgets.HTML()
        self.words.on_msg(lambda _, content, __: self.ask() if content.get("event") == "submit" else None)
        self.beside.observe(lambda _: self.seat(), "value")
        self.state.observe(lambda _: self.move(), "value")
        care = ipywidgets.HTML(note(CARE.format(name=person.name)))
        top = ipywidgets.HBox([self.place, self.time, self.state, self.beside], layout=ROW)
        heard = ipywidgets.HBox(self.columns, layout=ROW | {"align_items": "flex-start"})
        line = ipywidgets.HBox([self.words, self.send], layout=ROW)
        tools = ipywidgets.HBox([self.again, self.why, self.keep], layout=ROW)
        self.view = ipywidgets.VBox([gone(), care, top, heard, line, tools, self.said])
        self.seat()

    def move(self) -> None:
        """Go to the time and place of the chosen emotional state; they can still be changed."""
        if self.state.value >= 0:
            item = self.person.states[self.state.value]
            self.place.value, self.time.value = item.place, item.when

    def seat(self) -> None:
        """Put whoever was chosen into the second column; the simulacrum's own talk goes on."""

        name = self.beside.value
        self.talks = {"simulacrum": self.talks["simulacrum"]}
        self.people = {"simulacrum": self.person}
        try:
            if name == "prompted":
                self.talks[name], self.people[name] = playground_room.Talk(self.sim, self.person, system=name), self.person
            elif name:
                adapter, person = invite(self.sim, self.others[name])
                self.talks[adapter], self.people[adapter] = playground_room.Talk(self.sim, person, system=adapter), person
        except run.RunError as error:
            self.said.value = note(str(error))
        self.columns[1].layout.display = "none" if len(self.talks) == 1 else None
        self.render()

    def ask(self) -> None:
        """Send the words to everybody in the room; replies grow as they come."""
        words = self.words.value.strip()
        if not words:
            self.said.value = note("Write something first.")
            return
        if self.send.disabled:
            return
        self.words.value = ""
        state = self.person.states[self.state.value].state if self.state.value >= 0 else ""
        setting = {"place": self.place.value, "time": self.time.value, "state": state}
        for talk in self.talks.values():
            talk.setting = setting
        self._hear(lambda talk: talk.stream(words))

    def regenerate(self) -> None:
        """Answer the last words anew."""
        self._hear(lambda talk: talk.again() if talk.messages else ())

    def _hear(self, replies) -> None:
        buttons = (self.send, self.again, self.why, self.keep)
        for button in buttons:
            button.disabled = True
        self.said.value = note(f"{self.person.short_name} is thinking …")
        try:
            for name, talk in self.talks.items():
                shown = 0.0
                for _ in replies(talk):
                    # ten times a second is reading speed; more only burdens the browser
                    if time.monotonic() - shown > 0.1:
                        self.render(name)
                        shown = time.monotonic()
                self.render(name)
            self.said.value = ""
        except run.RunError as error:
            self.said.value = note(str(error))
        finally:
            for button in buttons:
                button.disabled = False

    def render(self, only: str = "") -> None:
        """Draw the columns, or one of them."""
        for column, (name, talk) in zip(self.columns, self.talks.items(), strict=False):
            if only in ("", name):
                person = self.people[name]
                titles = {
                    "simulacrum": f"{person.short_name}, the simulacrum",
                    "prompted": f"{person.short_name}, the base merely prompted",
                }
                column.value = bubbles(talk, person, name, titles.get(name, f"{person.short_name}, the simulacrum of {name}"))

    def explain(self) -> None:
        """The training exchange nearest to the last reply."""
        messages = self.talks["simulacrum"].messages
        if not messages or messages[-1]["role"] != "assistant":
            self.said.value = note("Nothing has been said yet.")
            return
        try:
            near = scores.Nearest(self.here).of(messages[-2]["content"], messages[-1]["content"])
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        head = f"Nearest experience (similarity {near['similarity']:.2f}), paragraph {near['paragraph']}:"
        self.said.value = panel(f"{escape(head)}<br>{escape(near['experience'])}")

    def write(self) -> None:
        """Save the talk of every column to conversations/ of the run, each line with the line of
        care.
        """
        if not any(talk.messages for talk in self.talks.values()):
            self.said.value = note("Nothing has been said yet.")
            return
        path = self.here.path("conversations", f"talk-{time.strftime('%Y%m%d-%H%M%S')}.jsonl")
        rows = []
        for name, talk in self.talks.items():
            care = CARE.format(name=self.people[name].name)
            rows += [{"system": name, "care": care, **message} for message in talk.messages]
        run.write_jsonl(path, rows)
        self.said.value = note(f"Saved as conversations/{path.name}.")


def playground(here: run.Run, sim, person: Profile) -> None:
    """Talk to the simulacrum; headless, one exchange is printed."""

    if live():
        care = CARE.format(name=person.name)
        show(f"{care} (Run this cell again to talk.)", lambda: Playground(here, sim, person).view)
        return
    talk = playground_room.Talk(sim, person)
    for _ in itertools.islice(talk.stream("Good day. What occupies you at present?"), TWIN):
        pass
    read(f"{CARE.format(name=person.name)}\nVisitor: {talk.messages[-2]['content']}\n{person.short_name}: {talk.messages[-1]['content']} …")


TOPICS = ("What is worth a whole life's work?", "Whom may one trust with power?", "What does money do to people?", "What do you regret?")


def guests(here: run.Run, sim, person: Profile) -> dict[str, tuple]:
    """Who can sit down: label -> (run or None, profile). Other runs' simulacra first, then shipped
    characters merely prompted.
    """
    found = {}
    for name, other in neighbours(here, sim).items():
        whom = profiles.load(other.path("profile.md"))
        found[f"{whom.name} (run {name})"] = (other, whom)
    for slug in profiles.shipped():
        other = profiles.load(profiles.find(slug))
        if other.name != person.name:
            found[f"{other.name} (merely prompted)"] = (None, other)
    return found


class DinnerTable:
    """Two or three characters talk with each other about a topic; their adapters are names in one
    simulacrum.
    """

    def __init__(self, here: run.Run, sim, person: Profile):
        import ipywidgets

        self.here, self.sim, self.person = here, sim, person
        self.guests = guests(here, sim, person)
        named = {"layout": {"flex": "1 1 22em", "width": "auto"}, "style": {"description_width": "4em"}}
        self.guest = ipywidgets.Dropdown(options=list(self.guests), description="Guest", **named)
        self.third = ipywidgets.Dropdown(options=[("nobody else", ""), *((name, name) for name in self.guests)], description="And", **named)
        self.topic = ipywidgets.Combobox(value=TOPICS[0], options=TOPICS, description="Topic", **named)
        self.turns = ipywidgets.IntSlider(value=6, min=2, max=12, step=2, description="Replies", **named)
        self.start = make_button("Serve", "let them talk", self.serve, button_style="primary")
        self.text, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.rows: list = []
        top = ipywidgets.HBox([self.guest, self.third, self.topic, self.turns, self.start], layout=ROW)
        self.view = ipywidgets.VBox([gone(), ipywidgets.HTML(note(self.care())), top, self.text, self.said])

    def care(self) -> str:
        """The line of care, for both who talk."""
        return "Simulations of people made from texts; these are not their words."

    def serve(self) -> None:
        """Let them talk; each reply is shown as it comes, and the talk is kept in conversations/ of
        the run.
        """
        if self.start.disabled or not self.guest.value:
            return
        self.start.disabled = True
        self.text.value, self.said.value = "", note("They sit down …")
        try:
            seated = [self.guests[name] for name in dict.fromkeys((self.guest.value, self.third.value)) if name]
            # another evening, another talk
            seed = len(list(self.here.path("conversations").glob("dinner-*.jsonl")))
            self.rows = dine(self.here, self.sim, self.person, seated, self.topic.value, self.turns.value, seed, self._add)
            self.said.value = note(f"Saved as conversations/{self.rows[0].conversation}.jsonl.")
        except run.RunError as error:
            self.said.value = note(str(error))
        finally:
            self.start.disabled = False

    def _add(self, name: str, text: str) -> None:

        names = [self.person.name, *(self.guests[label][1].name for label in (self.guest.value, self.third.value) if label)]
        bar = colour(("simulacrum", "prompted_profile", "shuffled")[names.index(name) if name in names else 1])
        look = f"margin:.5em 0;padding:.1em .7em;border-left:3px solid {bar}"
        self.text.value += panel(
            f"<p style='{look}' data-who='{escape(name)}'><b>{escape(name)}:</b> <span data-said>{escape(text)}</span></p>"
        )


def dine(
    here: run.Run | None,
    sim,
    person: Profile,
    seated: list[tuple],
    topic: str,
    turns: int = 6,
    seed: int = 0,
    on_reply=None,
    tokens: int = 64,
) -> list:
    """A dinner of the run's simulacrum with `seated`, of `guests`; kept in `here`, if given.
    `on_reply(name, spoken)` hears each reply. Returns the rows.
    """

    sampling = models.Sampling(max_new_tokens=tokens, temperature=0.7)
    company = [playground_room.Trained(sim, person, sampling=sampling)]
    for other, whom in seated:
        if other is None:
            company.append(playground_room.Prompted(sim, whom, name=f"prompted {whom.short_name}", sampling=sampling))
        else:
            adapter, whom = invite(sim, other)
            company.append(playground_room.Trained(sim, whom, name=adapter, adapter=adapter, sampling=sampling))
    return playground_room.dinner(company, topic, turns, seed, here, on_reply)


def dinner_table(here: run.Run, sim, person: Profile) -> None:
    """Two or three characters at one table; headless, one short dinner with the first guest is
    printed.
    """
    if live():
        show("Two or three characters talk with each other. (Run this cell again to listen.)", lambda: DinnerTable(here, sim, person).view)
        return
    label, guest = next(iter(guests(here, sim, person).items()))
    read(f"{person.name} sits at table with {label}. {TOPICS[0]}")
    dine(None, sim, person, [guest], TOPICS[0], 2, on_reply=lambda name, text: read(f"{name}: {text} …"), tokens=TWIN)
