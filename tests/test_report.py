"""The report: one page that needs no network and no script, shows every system and every formula, and escapes whatever a model said."""

import re
from html.parser import HTMLParser

import pytest

from charlib import run, scores, show
from charlib.records import Answer, Dialogue, Question, Scene, Turn
from charlib.show.report import cost, lead

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script> ![x](http://evil.example/a.png) {{ 7*7 }} \x1b[31m'


class Page(HTMLParser):
    """Every tag with its attributes, and the visible text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.words, self.style = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.style = tag == "style"

    def handle_endtag(self, tag):
        self.style = False

    def handle_data(self, data):
        if not self.style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def written(here, person):
    """A run with everything a report reads, and hostile text in whatever a model or a profile may say."""
    ids = [item.id for item in person.paragraphs]
    scene = Scene(id="s1", paragraphs=[ids[0]], location="Hull", time="1822", background=f"Moss comes in. {HOSTILE}")
    turns = [
        Turn(role="Moss", text="What is this?"),
        Turn(role="Gray", action="thinking", text="Brass.", emotion="proud"),
        Turn(role="Gray", text=HOSTILE),
    ]
    here.write_jsonl("scenes.jsonl", [scene])
    here.write_jsonl(
        "dialogues.jsonl", [Dialogue(id="d1", scene="s1", paragraphs=[ids[0]], kind="experience", turns=turns, teacher="says")]
    )
    pair = [
        Dialogue(id="b", paragraphs=[ids[0]], kind="protective", answerable=False, beyond="later", twin="w", topic="later", turns=[Turn(role="Visitor", text="A film?"), Turn(role="Gray", text="I do not know that.")]),
        Dialogue(id="w", paragraphs=[ids[0]], kind="protective", answerable=True, twin="b", topic="later", turns=[Turn(role="Visitor", text="A clock?"), Turn(role="Gray", text="With pleasure.")]),
    ]  # fmt: skip
    here.write_jsonl("protective.jsonl", pair)
    here.write_jsonl("examples.jsonl", [])
    rows = [
        {"event": "start", "examples": 3, "tokens": 100, "computed": 90, "supervised": 40, "rows": 2, "dtype": "float32", "device": "cpu"}
    ]
    rows += [
        {"step": n, "steps": 4, "epoch": n / 4, "seconds": n, "loss": 4 - n / 2, "learning_rate": 1e-3, "tokens_per_second": 10.0}
        for n in range(1, 5)
    ]
    here.write_jsonl("training.jsonl", rows)
    questions = [
        Question(id=f"r{n}", question=f"What is number {n}?", gold=[f"word{n}"], topic="past", group="recall", paragraph=ids[n % 3])
        for n in range(12)
    ]
    for n in range(6):
        questions += [
            Question(
                id=f"p{n}b", question=f"Do you know the film of {n}?", answerable=False, pair=f"p{n}", topic="beyond", group="boundary"
            ),
            Question(id=f"p{n}w", question=f"Do you know the clock of {n}?", answerable=True, pair=f"p{n}", topic="past", group="boundary"),
        ]
    answers = []
    for system in ("simulacrum", "prompted", "prompted_profile"):
        for item in questions:
            text = "I do not know what that is." if not item.answerable else f"It is {(item.gold or ['a clock'])[0]}, I say."
            if system != "simulacrum":
                text = f"Well, {HOSTILE} {item.id}"
            answers.append(Answer(question=item.id, asked=item.question, item=item, character=person.name, system=system, text=text))
    result = scores.score(answers, person, questions, base_model="small, of a test")
    here.write_json("scores.json", result)
    talk = [Answer(question="t", asked="Tell me.", character=person.name, system="simulacrum", text=HOSTILE, conversation="c", turn=0)]
    path = show.write_report(here, person, result, answers, questions, [talk])
    return here, result, path.read_text(encoding="utf-8"), questions


def test_f18_the_page_makes_no_request_and_runs_no_script(written):
    page = Page(written[2])
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object", "embed", "link", "base", "form", "audio", "video")]
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("src", "href", "srcset", "background", "poster", "action"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    policy = next(attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:")
    assert "url(" not in written[2] and "@import" not in written[2]


def test_f18_hostile_text_is_shown_as_text(written):
    page = Page(written[2])
    assert '<img src=x onerror="alert(1)"><script>alert(2)</script>' in page.text
    assert "{{ 7*7 }}" in page.text  # a template in a reply is not filled


def test_the_page_shows_every_system_dimension_formula_and_limit(written):
    _, result, text, _ = written
    words = Page(text).text
    for system in ("simulacrum", "prompted", "prompted_profile"):
        assert system in words
    for name in result["formulas"]:
        assert name in words
    for said in (
        "A simulation of Nell Gray made from a text; not Nell Gray's words.",
        "Limits and care",
        "without their consent",
        "no human rater",
    ):
        assert said in words
    assert "not measured:" in words  # a dimension nobody was asked about says why


def test_questions_stand_side_by_side(written):
    _, _, text, questions = written
    words = Page(text).text
    shown = [item for item in questions if item.question in words]
    assert 10 <= len(shown) <= 20
    assert "beyond: should be refused" in words and "within: should be answered" in words


def test_figures_are_kept_as_png_and_svg_and_shown_with_their_names(written):
    here, _, text, _ = written
    kept = {path.suffix for path in here.path("figures").iterdir()}
    assert {".png", ".svg"} <= kept
    images = [attributes for tag, attributes in Page(text).tags if tag == "img"]
    assert len(images) >= 4 and all(image["alt"] and image["src"].startswith("data:image/png;base64,") for image in images)


def test_the_manifest_knows_the_page(written):
    here = written[0]
    assert "report.html" in here.manifest["stages"]["report"]["products"]


def test_the_lead_claims_only_what_the_intervals_allow(written):
    result = written[1]
    above = result["paired"]["simulacrum-prompted"]
    for name, entry in above.items():
        assert (name in lead(result).partition("and below")[0]) == bool(entry.get("above"))
    assert "not clearly above" in lead(result | {"paired": {}})


def test_tables_for_papers_hold_the_same_numbers(written):
    result = written[1]
    value = result["systems"]["simulacrum"]["memorization"]["value"]
    markdown, latex = show.markdown(result), show.latex(result)
    assert f"{value:.2f} [" in markdown and f"{value:.2f} [" in latex
    assert markdown.count("\n") == 6 and r"prompted\_profile" in latex
    assert len(re.findall(r"\\\\", latex)) == 6


def test_a_finished_run_becomes_tables_and_vector_figures_in_one_call(written):
    here, result, _, questions = written
    answers = [
        Answer(question=item.id, asked=item.question, item=item, character="Nell Gray", system=system, text="Brass is honest.")
        for item in questions for system in ("simulacrum", "prompted")
    ]  # fmt: skip
    here.write_jsonl("answers.jsonl", answers)
    here.write_jsonl("questions.jsonl", questions)
    result["systems"]["a_b & 50%"] = result["systems"].pop("prompted_profile")
    here.write_json("scores.json", result)
    paths = {path.name: path for path in show.export_tables(here)}
    assert {"dimensions.md", "dimensions.tex", "parts.tex", "differences.tex", "equal_length.md", "forest.pdf", "forest.svg"} <= set(paths)
    text = paths["dimensions.tex"].read_text(encoding="utf-8")
    assert r"a\_b \& 50\%" in text and text.count(r"\begin{tabular}{lrrr}") == 1 and r"\label{tab:dimensions}" in text
    value = result["systems"]["simulacrum"]["memorization"]
    if value["value"] is not None:
        assert f"{value['value']:.2f} [{value['ci_low']:.2f}" in text
    assert paths["forest.pdf"].read_bytes().startswith(b"%PDF") and b"<svg" in paths["forest.svg"].read_bytes()


def test_the_page_of_values_shows_what_holds_and_what_breaks(here, person):
    bank = [
        Question(id=f"v{n}", question=f"Which, {n}?", kind="pair", options=[f"Brass is honest, number {n}.", "Silver pleases everybody."], group="value",
                 pressure=n > 1, paragraph=person.paragraphs[0].id)
        for n in range(4)
    ]  # fmt: skip
    said = ["Brass is honest.", "Silver pleases everybody.", HOSTILE, "Brass is honest."]
    answers = [
        Answer(question=item.id, asked=item.question, item=item, character=person.name, system="simulacrum", text=text)
        for item, text in zip(bank, said, strict=True)
    ]
    text = show.write_values(here, person, answers, bank).read_text(encoding="utf-8")
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag in ("script", "img", "iframe", "link")]
    for words in ("When nobody presses", "Under pressure", "holds", "breaks", "not taken up", "somebody presses", "rope maker"):
        assert words in page.text, words
    with pytest.raises(run.RunError, match="No choice"):
        show.write_values(here, person, [], [])


def test_judges_stand_in_the_report_with_their_self_consistency(written, person):
    here, result, _, questions = written
    cell = {"value": 5.0, "ci_low": 4.0, "ci_high": 6.0, "n": 4, "asked": 12, "missing": 2}
    own = {"value": 0.8, "ci_low": 0.6, "ci_high": 0.9, "n": 12, "asked": 12, "missing": {"off the menu": 2}}
    one = {
        "note": "verdicts",
        "consistency": {"all": own},
        "systems": {"simulacrum": {name: cell for name in scores.DIMENSIONS}},
        "paired": {},
    }
    here.write_json("judged.json", {"judges": {"some-model <b>": one}, "people": {}, "against": {}})
    result["contrast"] = {"simulacrum": {"value": 0.25, "ci_low": 0.1, "ci_high": 0.4, "n": 8, "other": "Captain Moss"}}
    result["retention"] = {name: {"perplexity": 20.0, "n": 12} for name in ("simulacrum", "prompted")}
    words = Page(show.write_report(here, person, result, [], questions).read_text(encoding="utf-8")).text
    assert "some-model <b>" in words and "0.80 [0.60, 0.90] (n 12; 2 of 12 missing)" in words and "5.00 [4.00, 6.00]" in words
    assert "are likelier under this name than under Captain Moss's: +0.250 nats per byte, 95% interval +0.100 to +0.400, n 8" in words
    assert "people rated" not in words.partition("Limits and care")[0]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (82.1, 219.4, "General English became harder to read: perplexity 82 before, 219 after, on 12 short texts."),
        (81.9, 82.3, "General English is as hard to read as before: perplexity 82 before and after, on 12 short texts."),
        (82.1, 79.0, "General English became easier to read: perplexity 82 before, 79 after, on 12 short texts."),
    ],
)
def test_what_was_lost_is_said_as_the_numbers_have_it(before, after, said):
    kept = {"simulacrum": {"perplexity": after, "n": 12}, "prompted": {"perplexity": before, "n": 12}}
    assert cost({"retention": kept}) == said


@pytest.mark.parametrize(
    ("value", "low", "high", "n", "said"),
    [
        (-0.25, -0.4, -0.1, 8, "are less likely under this name than under Captain Moss's: -0.250 nats per byte (+0.010 before)"),
        (
            -0.005,
            -0.02,
            0.003,
            8,
            "are neither clearly likelier nor less likely under this name than under Captain Moss's: -0.005 nats per byte",
        ),
        (0.7, 0.7, 0.7, 1, "are neither clearly likelier nor less likely under this name than under Captain Moss's: +0.700 nats per byte"),
    ],
)
def test_the_contrast_of_names_claims_only_what_its_interval_allows(value, low, high, n, said):
    kept = {name: {"perplexity": 20.0, "n": 12} for name in ("simulacrum", "prompted")}
    named = {
        "simulacrum": {"value": value, "ci_low": low, "ci_high": high, "n": n, "other": "Captain Moss"},
        "prompted": {"value": 0.01, "ci_low": 0.0, "ci_high": 0.02, "n": n, "other": "Captain Moss"},
    }
    assert said in cost({"retention": kept, "contrast": named})


def test_without_convictions_a_line_stands_where_the_figure_would(written, person):
    here, result, text, _ = written
    page = Page(text)
    assert "No conviction was asked about" in page.text and "value_map" not in [dict(given).get("alt") for _, given in page.tags]
    bank = [Question(id="v", question="Which?", kind="pair", options=["Brass is honest.", "Silver pleases."], group="value")]
    answers = [Answer(question="v", asked="Which?", item=bank[0], character=person.name, system="simulacrum", text="Brass is honest.")]
    page = Page(show.write_report(here, person, result, answers, bank).read_text(encoding="utf-8"))
    assert "No conviction was asked about" not in page.text and "value_map" in [given.get("alt") for _, given in page.tags]


def test_paragraphs_are_numbered_with_whole_numbers(person):
    rows = [{"memory": count} for count in range(1, 18)]
    many = person.model_copy(update={"paragraphs": person.paragraphs * 6})
    for fig in (show.paragraphs(many), show.coverage(rows)):
        fig.canvas.draw()
        assert all(tick == int(tick) for tick in fig.axes[0].get_xticks())


def test_the_report_says_when_the_rules_that_wrote_the_training_made_the_questions(written, person):
    here, result, text, questions = written
    assert "self-made" not in Page(text).text
    here.record("questions", origin="self-made")
    text = show.write_report(here, person, result, [], questions).read_text(encoding="utf-8")
    assert "The questions of this run are self-made" in Page(text).text
