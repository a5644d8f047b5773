"""The playground: chat with a simulacrum beside another system, and a dinner table of several."""

import itertools
import time
from functools import partial

import ipywidgets

from charlib import models, run, scores
from charlib import playground as playgrounds
from charlib import profile as profiles
from charlib.records import Profile
from charlib.show import widgets as ui
from charlib.show.plots import colour

PART = {"layout": {"flex": "1 1 22em", "width": "auto"}, "style": {"description_width": "4em"}}
TOPICS = ("What is worth a whole life's work?", "Whom may one trust with power?",
          "What does money do to people?", "What do you regret?")


def neighbours(here: run.Run, sim) -> dict[str, run.Run]:
    """The other runs beside this one whose adapter fits the same base, by folder name."""
    found = {}
    for folder in sorted(here.folder.parent.glob("*/")):
        other = run.Run(folder.name, folder)
        if folder == here.folder or not other.has("profile.md"):
            continue
        try:
            models.check_adapter(folder / "adapter", sim.base)
        except run.RunError:
            continue  # not trained, or on another base: no guest
        found[folder.name] = other
    return found


class Playground:
    """Talk to the simulacrum beside the prompted base or another character; replies stream, and the
    talk can be saved."""

    def __init__(self, here: run.Run, sim, person: Profile):
        self.here, self.sim, self.person = here, sim, person
        self.talks = {"simulacrum": playgrounds.Talk(sim, person)}
        self.place = ipywidgets.Text(description="Place", placeholder="anywhere", **PART)
        self.time = ipywidgets.Text(description="Time", placeholder="any time", **PART)
        states = [(f"{item.when} {item.place}: {item.state}"[:60], item) for item in person.states]
        states.insert(0, ("any", ""))
        self.state = ipywidgets.Dropdown(options=states, description="State", **PART)
        runs = [(f"run {name}", other) for name, other in neighbours(here, sim).items()]
        beside = [("the prompted base", "prompted"), ("nobody", ""), *runs]
        self.beside = ipywidgets.Dropdown(description="Beside", options=beside, **PART)
        self.words = ipywidgets.Text(placeholder=f"Say something to {person.short_name} …",
                                     layout={"flex": "1 1 24em", "width": "auto"})
        wide = {"flex": "1 1 20em", "width": "auto"}
        self.columns = [ipywidgets.HTML(layout=wide) for _ in range(2)]
        self.said = ipywidgets.HTML()
        self.send, self.again, self.why, self.keep = self.buttons = [
            ui.make_button(name, tip, self.said, press) for name, tip, press in (
                ("Send", "or press Enter", self.ask),
                ("Regenerate", "answer the last words anew", self.regenerate),
                ("Why?", "the training exchange nearest to the last reply", self.explain),
                ("Save talk", "write it to conversations/ of this run", self.write))]
        self.send.button_style = "primary"
        self.words.on_msg(lambda _, said, __: said.get("event") == "submit" and self.send.click())
        self.beside.observe(ui.saying(self.said, self.seat), "value")
        self.state.observe(lambda _: self.move(), "value")
        self.view = ui.view(
            ipywidgets.HTML(ui.note(ui.CARE.format(name=person.name))),
            ui.row(self.place, self.time, self.state, self.beside),
            ui.row(*self.columns, align_items="flex-start"), ui.row(self.words, self.send),
            ui.row(self.again, self.why, self.keep), self.said)
        self.seat()

    def move(self) -> None:
        """Go to the time and place of the chosen emotional state; they can still be changed."""
        if self.state.value:
            self.place.value, self.time.value = self.state.value.place, self.state.value.when

    def seat(self) -> None:
        """Put whoever was chosen into the second column; the simulacrum's own talk goes on."""
        name, person = self.beside.value, self.person
        self.talks = {"simulacrum": self.talks["simulacrum"]}
        self.columns[0].value = bubbles(self.talks["simulacrum"])
        self.columns[1].layout.display = "none"
        if isinstance(name, run.Run):
            name, person = playgrounds.invite(self.sim, name)
        if name:
            self.talks[name] = playgrounds.Talk(self.sim, person, system=name)
            self.columns[1].value = bubbles(self.talks[name])
            self.columns[1].layout.display = None

    def ask(self) -> None:
        """Send the words to everybody in the room, under the chosen set-up."""
        words, self.words.value = self.words.value.strip(), ""
        if not words:
            raise run.RunError("Write something first.")
        state = self.state.value.state if self.state.value else ""
        setting = {"place": self.place.value, "time": self.time.value, "state": state}
        self.hear(lambda talk: talk.stream(words, **setting))

    def regenerate(self) -> None:
        """Answer the last words anew."""
        self.hear(lambda talk: talk.again() if talk.messages else ())

    def hear(self, speak) -> None:
        """Let each talk's reply grow in its column while `speak(talk)` yields its pieces."""
        for button in self.buttons:
            button.disabled = True
        self.said.value = ui.note(f"{self.person.short_name} is thinking …")
        try:
            for column, talk in zip(self.columns, self.talks.values(), strict=False):
                shown = 0.0
                for _ in speak(talk):
                    # ten times a second is reading speed; more only burdens the browser
                    if time.monotonic() - shown > 0.1:
                        column.value, shown = bubbles(talk), time.monotonic()
                column.value = bubbles(talk)
            self.said.value = ""
        finally:
            for button in self.buttons:
                button.disabled = False

    def explain(self) -> None:
        """The training exchange nearest to the last reply."""
        asked, reply = self.heard()[-2:]
        near = scores.Nearest(self.here).of(asked["content"], reply["content"])
        self.said.value = ui.panel(ui.escape(
            f"Nearest experience (similarity {near['similarity']:.2f}), "
            f"paragraph {near['paragraph']}:\n{near['experience']}"))

    def write(self) -> None:
        """Save the talk of every column to conversations/ of the run, each message with the line of
        care."""
        self.heard()
        rows = [{"system": name, "care": ui.CARE.format(name=talk.profile.name), **message}
                for name, talk in self.talks.items() for message in talk.messages]
        name = f"talk-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
        self.here.write_jsonl(f"conversations/{name}", rows)
        self.said.value = ui.note(f"Saved as conversations/{name}.")

    def heard(self) -> list[dict]:
        """What was said with the simulacrum so far. Raises RunError when nothing was."""
        if not self.talks["simulacrum"].messages:
            raise run.RunError("Nothing has been said yet.")
        return self.talks["simulacrum"].messages


def bubbles(talk: playgrounds.Talk) -> str:
    """One column of a talk: the visitor's words, and the replies beside a bar of their colour."""
    bar, who = colour(talk.system), talk.profile.short_name
    own = {"simulacrum": "the simulacrum", "prompted": "the base merely prompted"}
    title = ui.escape(f"{who}, {own.get(talk.system, f'the simulacrum of {talk.system}')}")
    rows = [f"<p style='margin:0 0 .4em;border-bottom:3px solid {bar}'><b>{title}</b></p>"]
    for message in talk.messages:
        words = ui.escape(message["content"])
        if message["role"] == "user":
            look = "padding:.35em .7em;border-radius:.5em;background:var(--jp-layout-color2,#8882)"
            said = f"<span style='{ui.QUIET}'>You:</span> {words}"
        else:
            look = f"padding:.1em .7em;border-left:3px solid {bar}"
            words = f"<span data-said>{words}</span>" if words else "…"
            said = f"<b>{ui.escape(who)}:</b> {words}"
        rows.append(f"<p style='margin:.5em 0;{look}'>{said}</p>")
    if not talk.messages:
        rows.append(f"<p style='{ui.QUIET}'>Nothing has been said yet.</p>")
    return ui.panel(f"<div data-who='{ui.escape(talk.system)}'>{''.join(rows)}</div>")


def playground(here: run.Run, sim, person: Profile) -> None:
    """Talk to the simulacrum; headless, one exchange is printed."""
    care = ui.CARE.format(name=person.name)
    if ui.live():
        return ui.show(f"{care} (Run this cell again to talk.)",
                       lambda: Playground(here, sim, person).view)
    talk = playgrounds.Talk(sim, person)
    for _ in itertools.islice(talk.stream("Good day. What occupies you at present?"), ui.TWIN):
        pass
    asked, said = (message["content"] for message in talk.messages)
    ui.read(f"{care}\nVisitor: {asked}\n{person.short_name}: {said} …")


class DinnerTable:
    """Two or three characters talk with each other about a topic, all in one loaded base."""

    def __init__(self, here: run.Run, sim, person: Profile):
        self.here, self.sim, self.person, self.rows = here, sim, person, []
        self.sampling = models.Sampling(max_new_tokens=64, temperature=0.7)
        self.guests = guests(here, sim, person, self.sampling)
        third = [("nobody else", ""), *((name, name) for name in self.guests)]
        self.guest = ipywidgets.Dropdown(description="Guest", options=[*self.guests], **PART)
        self.third = ipywidgets.Dropdown(description="And", options=third, **PART)
        self.topic = ipywidgets.Combobox(TOPICS[0], options=TOPICS, description="Topic", **PART)
        self.turns = ipywidgets.IntSlider(6, 2, 12, step=2, description="Replies", **PART)
        self.text, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.start = ui.make_button("Serve", "let them talk", self.said, self.serve,
                                    button_style="primary")
        care = ui.note("Simulations of people made from texts; these are not their words.")
        choices = ui.row(self.guest, self.third, self.topic, self.turns, self.start)
        self.view = ui.view(ipywidgets.HTML(care), choices, self.text, self.said)

    def serve(self) -> None:
        """Let them talk; each reply is shown as it comes, and the talk is kept in conversations/ of
        the run."""
        self.start.disabled = True
        self.text.value, self.said.value = "", ui.note("They sit down …")
        # another evening, another talk
        evening = len(list(self.here.path("conversations").glob("dinner-*.jsonl")))
        try:
            chosen = dict.fromkeys(name for name in (self.guest.value, self.third.value) if name)
            company = playgrounds.make_systems(
                self.sim, self.person, ["simulacrum", *map(self.guests.get, chosen)], self.here,
                sampling=self.sampling)
            self.rows = playgrounds.dinner(
                company, self.topic.value, self.turns.value, evening, self.here,
                partial(self.hear, [one.character for one in company]))
            self.said.value = ui.note(f"Saved as conversations/{self.rows[0].conversation}.jsonl.")
        finally:
            self.start.disabled = False

    def hear(self, names: list[str], name: str, text: str) -> None:
        """Add a reply to what is shown, beside a bar in its speaker's colour."""
        bar = colour(("simulacrum", "prompted_profile", "shuffled")[names.index(name)])
        look = f"margin:.5em 0;padding:.1em .7em;border-left:3px solid {bar}"
        who, said = ui.escape(name), f"<span data-said>{ui.escape(text)}</span>"
        self.text.value += ui.panel(f"<p style='{look}' data-who='{who}'><b>{who}:</b> {said}</p>")


def guests(here: run.Run, sim, person: Profile, sampling: models.Sampling) -> dict:
    """Who can sit down, by label, as `make_systems` takes them: other runs' simulacra first, then
    shipped characters merely prompted."""
    found = {}
    for name, other in neighbours(here, sim).items():
        found[f"{profiles.load(other.path('profile.md')).name} (run {name})"] = f"run:{name}"
    for one in (profiles.load(profiles.find(slug)) for slug in profiles.shipped()):
        if one.name != person.name:
            found[f"{one.name} (merely prompted)"] = playgrounds.Local(
                sim, one, name=f"prompted {one.short_name}", adapter=models.BASE, sampling=sampling)
    return found


def dinner_table(here: run.Run, sim, person: Profile) -> None:
    """Two or three characters at one table; headless, two short replies are printed."""
    if ui.live():
        ui.show("Two or three characters talk with each other. (Run this cell again to listen.)",
                lambda: DinnerTable(here, sim, person).view)
        return
    sampling = models.Sampling(max_new_tokens=ui.TWIN, temperature=0.7)
    label, guest = next(iter(guests(here, sim, person, sampling).items()))
    ui.read(f"{person.name} sits at table with {label}. {TOPICS[0]}")
    company = playgrounds.make_systems(sim, person, ["simulacrum", guest], here, sampling=sampling)
    playgrounds.dinner(company, TOPICS[0], 2,
                       on_reply=lambda name, text: ui.read(f"{name}: {text} …"))
