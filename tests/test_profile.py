"""The profile: read in any form, paragraphs named by their words, edited without touching the rest, and dates kept as historians write them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charlib import profile, run, teachers
from charlib.records import TRAITS, Date

DATA = Path(__file__).parent / "data" / "original"

# ---- forms


def test_a_profile_round_trips_through_its_file(tmp_path, person):
    again = profile.load(profile.save(person, tmp_path / "nell.md"))
    assert again == person
    assert [item.id for item in again.paragraphs] == [item.id for item in person.paragraphs]
    assert [item.section for item in again.paragraphs] == ["Hull", "Hull", "York"]


@pytest.mark.parametrize("slug", sorted(path.stem for path in (Path(__file__).parents[1] / "data" / "profiles").glob("*.md")))
def test_every_shipped_profile_loads_without_a_mark_and_round_trips(tmp_path, slug):
    found = profile.load(profile.find(slug))
    assert profile.load(profile.save(found, tmp_path / "copy.md")) == found
    assert len(found.paragraphs) >= 40 and found.horizon and found.license and found.sources
    assert set(found.traits) == set(TRAITS) == set(found.trait_reasons)
    assert not [row for row in profile.check(found) if "not there (any more)" in row["what"] or "twice" in row["what"]]
    ids = [item.id for item in found.paragraphs]
    assert len(ids) == len(set(ids))


def test_beethoven_and_the_invented_person_ship():
    assert {"beethoven", "tamsin"} <= set(profile.shipped())
    assert profile.load(profile.find("tamsin")).invented
    assert not profile.load(profile.find("beethoven")).invented


def test_windows_line_ends_and_a_byte_order_mark_change_no_id(tmp_path, person):
    path = tmp_path / "nell.md"
    path.write_bytes(b"\xef\xbb\xbf" + profile.dump(person).replace("\n", "\r\n").encode())
    assert [item.id for item in profile.load(path).paragraphs] == [item.id for item in person.paragraphs]


def test_the_originals_form_is_read_with_titles_inside_blocks():
    found = profile.load(DATA / "wiki_Ada_Brook.txt")
    assert (found.name, found.short_name, found.horizon) == ("Ada Brook", "Brook", "1831-06-12")
    assert [item.section for item in found.paragraphs] == ["", "Early years", "Early years", "The great storm", "Legacy"]
    assert found.paragraphs[1].text.startswith("Brook was born in Whitby")
    assert found.paragraphs[3].text.startswith("On 4 March 1807")
    assert (found.traits, found.values, found.states) == ({}, [], [])


def test_the_original_projects_own_profile_is_read(official):
    found = profile.load(next(official.glob("profile_wiki_*.txt")))
    assert found.short_name == "Beethoven" and found.horizon == "1827-03-26"
    assert len(found.paragraphs) >= 50
    assert not [item for item in found.paragraphs if item.text.startswith("#")]


@pytest.mark.parametrize(
    ("text", "horizon", "warns"),
    [
        ("# Ned\n\nNed was a miller who died on 3 May 1840 at home after a long winter.", "1840-05-03", 0),
        ("# Ned\n\nNed was a miller. He bought the upper mill in 1822 and sold it in 1831.", "1831", 1),
        ("# Ned\n\nNed was a miller, and nobody wrote down when.", None, 1),
        ("# Gaius Marcus\n\nGaius Marcus (100 BC – 15 March 44 BC) was a consul of Rome.", "-44-03-15", 0),
        ("Ned was a miller who died in 1840 and is not remembered.", "1840", 0),
    ],
)
def test_a_plain_biography_gets_its_horizon_or_a_warning(text, horizon, warns):
    found = profile.parse(text, "Ned")
    assert found.horizon == horizon
    assert len(found.warnings) == warns


@pytest.mark.parametrize(
    ("character", "place"), [("nobody", ""), ("texts/ilse.txt", "texts"), ("../x.md", ".."), ("~/ilse.txt", "home"), ("a.docx", "")]
)
def test_a_missing_character_is_one_line_that_says_where_it_was_looked_for(tmp_path, monkeypatch, character, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(run.RunError, match=f"use one of {', '.join(profile.shipped())}, or the path of a .md or .txt file") as error:
        profile.find(character)
    looked = (tmp_path / place).resolve()
    assert str(error.value).startswith(f"No character '{character}' (looked for in {looked}): ") and "\n" not in str(error.value)


def test_a_missing_file_is_one_line_that_says_where_the_shipped_are(tmp_path, root):
    with pytest.raises(
        run.RunError, match=f"No profile at {tmp_path}/none.md: give the path of a .md or .txt file; the shipped ones are in {root}"
    ):
        profile.load(tmp_path / "none.md")


def test_a_tilde_is_the_home_folder(tmp_path, person, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    profile.save(person, tmp_path / "nell.md")
    assert profile.find("~/nell.md") == tmp_path / "nell.md" and profile.load("~/nell.md") == person
    assert run.open("trial", "~/out").folder == tmp_path.resolve() / "out" / "trial"
    with pytest.raises(run.RunError, match="No character '~nobody-here/nell.md'"):
        profile.find("~nobody-here/nell.md")


@pytest.mark.parametrize("text", ["", "\n\n", "# Only a title\n", "---\nname: Nell\n---\n# Nell\n"])
def test_a_profile_without_paragraphs_is_refused(text):
    with pytest.raises(run.RunError, match="no paragraphs: write at least one"):
        profile.parse(text)


@pytest.mark.parametrize(
    ("front", "says"),
    [
        ("name: [Nell", "not valid YAML"),
        ("- a\n- b", "must be a list of `name: value` lines"),
        ("name: Nell\ntraits: {bravery: 1}", "traits"),
        ("name: Nell\ntraits: {openness: 3}", "between -1 and 1"),
        ("name: Nell\nhorizon: soon", "horizon"),
        ("name: Nell\nhorizon: 1850-13-01", "horizon"),
        ("name: Nell\ncolour: red", "colour"),
        ("name: Nell\nvalues: [{stance: a}]", "opposite"),
    ],
)
def test_wrong_front_matter_is_one_line_that_says_where(front, says):
    with pytest.raises(run.RunError, match=says) as error:
        profile.parse(f"---\n{front}\n---\n# Nell\n\nNell was born in Hull.")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["---\nname: Nell\n\n# Nell\n\nNell was born in Hull.", "\n--- \nname: Nell\nNell was born in Hull.\n", "---"]
)
def test_front_matter_that_is_never_closed_is_said(text):
    with pytest.raises(run.RunError, match="front matter is not closed: write a second line of --- below it") as error:
        profile.parse(text)
    assert "\n" not in str(error.value)


def test_front_matter_is_found_below_empty_lines_and_a_rule_in_the_text_is_none():
    assert profile.parse("\n\n--- \nname: Nell Gray\n---\nNell was born in Hull.").name == "Nell Gray"
    assert len(profile.parse("# Nell\n\nNell was born in Hull.\n\n---\n\nNell died in York.").paragraphs) == 3


@pytest.mark.parametrize(
    ("front", "says"),
    [
        ("horizon: 44-03-15.", "wrong at 'horizon': '44-03-15.' is not a date: write [-]YYYY[-MM[-DD]], a minus for BC, for example -44-03-15."),
        ("born: 1801", "wrong at 'born': there is no such field; there are name, short_name, horizon, traits, trait_reasons, values, states, voice, "
                       "period, sources, license, invented."),
        ("paragraphs: [a]", "wrong at 'paragraphs': there is no such field"),
        ("1801: born", "wrong at '1801': there is no such field"),
        ("traits:\n\topenness: 0.5", "not valid YAML (line 4): YAML takes no tabs, write spaces."),
        ("values:\n- stance: a\n\topposite: b", "YAML takes no tabs, write spaces."),
        ("license: a: b", "not valid YAML (line 3): quote texts that hold a colon or a hash."),
    ],
)  # fmt: skip
def test_wrong_front_matter_is_told_in_plain_words(front, says):
    with pytest.raises(run.RunError) as error:
        profile.parse(f"---\nname: Nell\n{front}\n---\n# Nell\n\nNell was born in Hull.")
    assert (
        says in str(error.value) and "\n" not in str(error.value) and ".." not in str(error.value) and "Value error" not in str(error.value)
    )


@pytest.mark.parametrize("front", ["name: ''", "name:", "name: ' '\nshort_name:"])
def test_an_empty_name_is_taken_from_the_title(front):
    found = profile.parse(f"---\n{front}\nlicense: none\n---\n# Nell Gray\n\nNell was born in Hull.")
    assert (found.name, found.short_name) == ("Nell Gray", "Gray")


def test_an_edit_that_cannot_be_is_one_line_too(person):
    with pytest.raises(run.RunError, match="wrong at 'horizon': 'soon' is not a date"):
        profile.edit(person, horizon="soon")


def test_text_that_is_not_utf8_is_one_line(tmp_path):
    path = tmp_path / "nell.txt"
    path.write_bytes("# Nell\n\nNé à Hull.".encode("latin-1"))
    with pytest.raises(run.RunError, match="save it as UTF-8"):
        profile.load(path)


@given(st.text())
def test_any_text_is_a_profile_or_one_line(text):
    try:
        found = profile.parse(text)
    except run.RunError as error:
        assert "\n" not in str(error)
        return
    assert found.paragraphs
    assert profile.parse(profile.dump(found)).paragraphs


@pytest.mark.parametrize("name", ["007", "None", "nan", "true", "1e5"])
def test_f16_a_name_that_looks_like_a_number_stays_text(tmp_path, name):
    found = profile.parse(f"---\nname: {name}\nshort_name: {name}\n---\n# {name}\n\nNobody knew where the agent was born.")
    assert found.name == found.short_name == name
    assert profile.load(profile.save(found, tmp_path / "a.md")).name == name


@pytest.mark.parametrize("text", ["{0.__class__}", "{{ 7*7 }}", "{% for x in y %}", "[[name]]", "%(name)s", "${HOME}"])
def test_f17_braces_and_templates_in_a_profile_stay_literal_text(tmp_path, text):
    found = profile.parse(f"# Nell\n\nNell wrote {text} on every clock she made in those years, and died in 1850.")
    assert text in found.paragraphs[0].text
    asked = teachers.request("nell", "scenes", found.paragraphs[0].id, found, {"paragraph": found.paragraphs[0].text, "count": "2"})
    assert f"Nell wrote {text} on every clock" in asked.messages[0]["content"]
    again = profile.load(profile.save(found, tmp_path / "nell.md"))
    assert again.paragraphs == found.paragraphs


# ---- dates


@pytest.mark.parametrize(
    ("text", "year", "month", "day"), [("-44-03-15", -44, 3, 15), ("1827", 1827, 0, 0), ("1726/27", 1727, 0, 0), ("1802-10", 1802, 10, 0)]
)
def test_dates_are_read_as_historians_write_them(text, year, month, day):
    assert Date.parse(text) == Date(year, month, day)


@pytest.mark.parametrize("text", ["0", "0000-01-01", "1827-13-01", "1827-01-32", "spring", "", "1827-1-1"])
def test_dates_that_are_none_are_refused(text):
    with pytest.raises(ValueError):
        Date.parse(text)


def test_an_unknown_month_settles_nothing():
    date = Date.parse
    assert date("1828").after(date("1827-03-26"))
    assert not date("1827").after(date("1827-03-26"))
    assert date("1827-04").after(date("1827-03-26"))
    assert date("-43").after(date("-44-03-15")) and not date("-100").after(date("-44-03-15"))


@given(st.integers(-3000, 2100).filter(bool), st.integers(0, 12), st.integers(1, 28))
def test_dates_round_trip(year, month, day):
    date = Date(year, month, day if month else 0)
    assert Date.parse(str(date)) == date


def test_a_horizon_is_never_turned_into_a_yaml_date(tmp_path):
    found = profile.parse(
        "---\nname: Nell\nshort_name: Nell\nhorizon: 1850-03-02\nstates: [{when: 1822, state: proud}]\n---\n# Nell\n\nNell made clocks."
    )
    assert found.horizon == "1850-03-02" and found.states[0].when == "1822"
    assert profile.load(profile.save(found, tmp_path / "n.md")).horizon == "1850-03-02"


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("on 26 March 1827 in Vienna", ["1827-03-26"]),
        ("in March 1827 and again in 1829", ["1827-03", "1829"]),
        ("killed in 44 BC", ["-44"]),
        ("he owned 300 sheep, 12 May oxen and 5 carts", []),
        ("paid 4,310 guineas", []),
    ],
)
def test_dates_in_prose(text, dates):
    assert [str(date) for date in profile.dates_in(text)] == dates


# ---- editing


def test_an_edit_changes_one_id_and_says_which(person):
    first = person.paragraphs[0]
    edited = profile.edit(person, {first.id: first.text + " She kept bees."})
    assert profile.invalidated(person, edited) == [first.id]
    assert edited.paragraphs[1:] == person.paragraphs[1:]
    assert "She kept bees" in profile.diff(person, edited) and profile.diff(person, person) == ""


def test_white_space_is_no_edit(person):
    first = person.paragraphs[0]
    assert profile.invalidated(person, profile.edit(person, {first.id: first.text.replace(" ", "  \n")})) == []


def test_an_empty_text_removes_and_an_unknown_id_is_refused(person):
    gone = profile.edit(person, {person.paragraphs[0].id: " "})
    assert len(gone.paragraphs) == 2
    with pytest.raises(run.RunError, match="No paragraph 0000000000 in the profile of Nell Gray"):
        profile.edit(person, {"0000000000": "x"})


def test_what_a_careful_editor_would_mark():
    text = "Nell made a clock. In 1901 a street was named after her, and nobody asked her for leave to do so at all."
    found = profile.parse(
        f"---\nname: Nell\nshort_name: Nell\nhorizon: '1850'\nvalues: [{{stance: a, opposite: b, paragraph: abc}}]\n---\n# Nell\n\n{text}\n\nShort."
    )
    said = " | ".join(row["what"] for row in profile.check(found))
    assert "after the horizon 1850" in said and "is not there (any more)" in said and "is very short" in said


def test_values_and_states_that_say_too_little_are_marked(person):
    values = [{"stance": "Salt keeps.", "opposite": "Salt spoils.", "paragraph": person.paragraphs[0].id}, {"stance": "Rope holds.", "opposite": "Rope slips."},
              {"stance": "A bell is a promise.", "opposite": " "}, {"stance": "", "opposite": "A bell is a toy."}]  # fmt: skip
    states = [{"when": when, "state": "weary"} for when in ("1822-03", "1879 to 1885", "in the spring", "")] + [
        {"when": "1830", "state": ""}
    ]
    said = [f"{row['where']}: {row['what']}" for row in profile.check(profile.edit(person, values=values, states=states))]
    assert not [row for row in said if "Salt keeps" in row]
    assert "Rope holds.: rests on no paragraph: it is asked about and never taught" in said
    assert "A bell is a promise.: has no opposite: write what would not be said, or nothing can be asked" in said
    assert "A bell is a toy.: has no stance: write what would be said, or nothing can be asked" in said
    assert "state 2: '1879 to 1885' is not one date: write [-]YYYY[-MM[-DD]], for example 1879" in said
    assert "state 3: 'in the spring' is not one date: write [-]YYYY[-MM[-DD]], for example 1802-10" in said
    assert "state 4: has no date: write [-]YYYY[-MM[-DD]], for example 1802-10" in said
    assert "state 5: says no state: write how it felt" in said
    assert not [row for row in said if row.startswith("state 1")]


def test_someone_who_may_be_living_is_warned_of():
    found = profile.parse("# Jo Field\n\nJo Field, born in 1980, sells lamps in Leeds.")
    found = found.model_copy(update={"horizon": None})
    assert "without their consent" in profile.check(found)[0]["what"]
    assert not profile.living_warning(profile.parse("# Jo Field\n\nJo Field (1700 – 1760) sold lamps in Leeds."))


# ---- into the run


def test_a_run_gets_its_own_copy_and_keeps_an_edited_one(tmp_path, person, capsys):
    source = profile.save(person, tmp_path / "nell.md")
    here = run.open("trial", tmp_path / "out")
    profile.adopt(here, str(source), "tiny")
    assert profile.load(here.path("profile.md")) == person
    first = person.paragraphs[0]
    profile.save(profile.edit(person, {first.id: first.text + " She kept bees."}), here.path("profile.md"))
    mine = profile.adopt(here, str(source), "tiny")
    assert "She kept bees" in mine.paragraphs[0].text
    said = capsys.readouterr().out
    assert "kept the run's own (1 paragraph differs from nell.md): to change it edit " in said
    assert f"{here.path('profile.md')}, to start from nell.md take a new RUN" in said


def test_what_differs_from_the_file_is_said_whatever_it_is(tmp_path, person, capsys):
    source = profile.save(person, tmp_path / "nell.md")
    here = run.open("trial", tmp_path / "out")
    profile.adopt(here, str(source), "tiny")
    for changed, says in (
        (profile.edit(person, horizon="1851"), "(the front matter differs from nell.md)"),
        (
            profile.edit(person, {item.id: item.text + " So it was." for item in person.paragraphs[:2]}),
            "(2 paragraphs differ from nell.md)",
        ),
        (profile.edit(person, {person.paragraphs[0].id: ""}), "(1 paragraph differs from nell.md)"),
    ):
        profile.save(changed, source)
        capsys.readouterr()
        assert profile.adopt(here, str(source), "tiny") == person
        assert f"profile: kept the run's own {says}: to change it edit" in capsys.readouterr().out
    profile.save(person, source)
    profile.adopt(here, str(source), "tiny")
    assert "profile: kept\n" in capsys.readouterr().out


def test_a_file_of_any_name_is_the_same_character_the_second_time(tmp_path, person, capsys):
    source = profile.save(person, tmp_path / "My Nell.md")
    here = run.open("Nell's first", tmp_path / "out")
    for _ in range(2):
        assert profile.adopt(here, str(source), "tiny") == person
    with pytest.raises(run.RunError, match="choose another RUN"):
        profile.adopt(here, "tamsin", "tiny")


def test_a_run_called_as_a_shipped_character_is_for_that_one(tmp_path, person):
    """`papermill -r run mine` gives no RUN: the default one is not filled with somebody else."""
    source = profile.save(person, tmp_path / "nell.md")
    here = run.open("beethoven", tmp_path / "out")
    with pytest.raises(run.RunError, match="Run 'beethoven' is for beethoven: give another RUN for .*nell.md") as error:
        profile.adopt(here, str(source), "tiny")
    assert "\n" not in str(error.value) and not here.folder.exists()


def test_another_character_on_a_run_changes_nothing(tmp_path, person):
    source = profile.save(person, tmp_path / "nell.md")
    here = run.open("trial", tmp_path / "out")
    profile.adopt(here, str(source), "tiny")
    before = {path.name: path.read_bytes() for path in here.folder.iterdir() if path.is_file()}
    with pytest.raises(run.RunError, match="choose another RUN"):
        profile.adopt(here, "tamsin", "tiny")
    assert {path.name: path.read_bytes() for path in here.folder.iterdir() if path.is_file()} == before


def test_the_first_line_of_a_plain_page_names_the_person():
    page = "Odile Farrant\n\nOdile Farrant was born on 3 May 1871 in Lyme Regis and died in 1934.\n\nShe sold novels in Algiers."
    person = profile.parse(page, "aunt")
    assert person.name == "Odile Farrant" and person.short_name in ("Odile", "Farrant") and len(person.paragraphs) == 2
    other = profile.parse("Early Years\n\nOdile was born in 1871.\n\nShe sold novels in Algiers.", "aunt")
    assert other.name == "aunt", "a heading that nobody bears is no name"
