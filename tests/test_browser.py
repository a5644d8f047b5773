"""The notebooks in a real browser: JupyterLab on loopback, Chromium without a window, every control pressed as a person would.

Skips where Chromium, Playwright or JupyterLab is missing. Screenshots go to $CHARLIB_SCREENSHOTS, else to pytest's temporary folder.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from test_report import written  # noqa: F401 - a run whose every text is hostile

from charlib import experience, models, profile, run, teachers, upload

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = "/usr/bin/chromium"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed (apt-get install chromium)"),
]
ROOT = Path(__file__).resolve().parents[1]
SHOTS = os.environ.get("CHARLIB_SCREENSHOTS")  # read before any fixture clears the environment
TOKEN = "loopback"
PATIENCE = 200_000  # milliseconds that any one wait may take on a machine that is busy with other work
HOSTILE = (
    "<img src=x onerror=\"alert('img')\"><script>alert('script')</script> ![gone](http://example.invalid/a.png) "
    "<a href=\"javascript:alert('link')\">press</a> \x1b[31mred\x1b[0m $\\href{javascript:alert('tex')}{sum}$ costs $4 or $5"
)


# ---- a run and a server ----------------------------------------------------------------------------------------------------------------


def prepare(outputs: Path):
    """A run of the tiny preset up to what notebook 04 reads: profile, experience and protective pairs."""

    here = run.open("tamsin", outputs)
    person = profile.adopt(here, "tamsin", "tiny")
    settings = run.resolve(here, "experience", "tiny")
    with here.stage("experience"):
        writer = teachers.make_teacher(settings.teacher, here.character, person, 0)
        experience.reconstruct(here, person, writer, scenes=settings.scenes, limit=settings.paragraphs)
    settings = run.resolve(here, "protective", "tiny")
    with here.stage("protective"):
        writer = teachers.make_teacher(settings.teacher, here.character, person, 0)
        experience.build_protective(here, person, writer, pairs=settings.pairs, limit=settings.paragraphs)
    return here


def train(here) -> None:
    """The tiny upload without a browser, for a test that needs an adapter and runs alone."""

    person, settings = profile.load(here.path("profile.md")), run.resolve(here, "upload", "tiny", epochs=1)
    with here.stage("upload"):
        upload.build_examples(here, person, models.load_tokenizer(models.find_base(settings.base)), settings, 0)
        upload.write_spec(here.folder, settings.base, upload.recipe(settings), person.name)
        for _ in upload.follow(here.path()):
            pass


def copy_notebook(source: Path, target: Path, **parameters) -> None:
    """A notebook with its parameters filled in, not executed."""
    import nbformat
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    nbformat.write(parameterize_notebook(load_notebook_node(str(source)), parameters), target)


def hostile_notebook(target: Path, outputs: Path) -> None:
    """Every view filled with markup: a profile, a dialogue, sample replies, and a simulacrum that answers in it."""
    import nbformat

    code = f"""
from charlib import profile, run, show
from charlib.records import Dialogue, Turn
text = {HOSTILE!r}
here = run.open("hostile", {str(outputs)!r})
words = " ".join(["A long enough paragraph about nothing much."] * 4)
person = profile.parse("# Nell Gray\\n\\n## Hull\\n\\n" + words + "\\n\\n## York\\n\\n" + text + words)
profile.save(person, here.path("profile.md"))
turns = [Turn(role="Visitor", action="speaking", text=text), Turn(role="Gray", action="thinking", emotion=text[:40], text=text)]
made = Dialogue(id="d1", scene="s1", paragraphs=[person.paragraphs[0].id], kind="experience", turns=turns)
here.write_jsonl("dialogues.jsonl", [made])
here.write_jsonl("scenes.jsonl", [])

class Echo:
    adapters, base = ["simulacrum"], None
    def use(self, name): return self
    def stream(self, messages, sampling=None, seed=0):
        for at in range(0, len(text), 9):
            yield text[at : at + 9]
"""
    views = [
        "show.profile_editor(here)",
        "show.experience_browser(here)",
        "from IPython.display import display\nmonitor = show.UploadMonitor(here)\ndisplay(monitor.view)\n"
        'monitor.update({"event": "sample", "epoch": 1, "replies": [{"question": text, "reply": text}]})',
        "show.playground(here, Echo(), person)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in [code, *views]])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, target)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab over copies of the notebooks, with its own settings. Yields its address, the run, and a folder for screenshots."""
    from types import SimpleNamespace

    folder = tmp_path_factory.mktemp("lab")
    outputs, books, config = folder / "outputs", folder / "notebooks", folder / "config"
    shots = Path(SHOTS) if SHOTS else folder / "screenshots"
    for made in (outputs, books, shots, config / "labconfig"):
        made.mkdir(parents=True, exist_ok=True)
    here = prepare(outputs)
    shared = {"RUN": "tamsin", "PRESET": "tiny", "OUTPUTS": str(outputs)}
    copy_notebook(ROOT / "notebooks" / "01_profile.ipynb", books / "01_profile.ipynb", CHARACTER="tamsin", **shared)
    for name in ("02_experience.ipynb", "03_protective.ipynb"):
        copy_notebook(ROOT / "notebooks" / name, books / name, **shared)
    copy_notebook(ROOT / "notebooks" / "04_upload.ipynb", books / "04_upload.ipynb", EPOCHS=400, **shared)
    copy_notebook(ROOT / "notebooks" / "05_interview.ipynb", books / "05_interview.ipynb", **shared)
    hostile_notebook(books / "hostile.ipynb", outputs)
    quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(quiet))
    environment = os.environ | {
        "CHARLIB_ROOT": str(ROOT), "JUPYTER_CONFIG_DIR": str(config), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "PYTHONPATH": str(ROOT), "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }  # fmt: skip
    environment.pop("JPY_SESSION_NAME", None)
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
               f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={books}", "--LabApp.extension_manager=readonly",
               "--LabApp.expose_app_in_browser=True"]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=books)
    try:
        for _ in range(600):
            assert server.poll() is None, (folder / "server.log").read_text()[-2000:]
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=30).read()
                break
            time.sleep(0.25)
        yield SimpleNamespace(address=address, here=here, shots=shots, outputs=outputs, books=books, server=server.pid)
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=15)
        if server.poll() is None:
            server.kill()


# ---- a browser -------------------------------------------------------------------------------------------------------------------------


class Page:
    """One notebook in one tab, with what a person does to it."""

    def __init__(self, tab, lab):
        self.tab, self.lab = tab, lab

    def open(self, name: str) -> "Page":
        self.tab.goto(f"{self.lab.address}/lab/tree/{name}?token={TOKEN}&reset", timeout=PATIENCE)
        self.tab.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=PATIENCE)
        session = "window.jupyterapp?.shell?.currentWidget?.sessionContext"  # a cell run before its kernel is there asks which kernel
        self.tab.wait_for_function(f"{session}?.isReady && {session}?.session?.kernel?.status === 'idle'", timeout=PATIENCE)
        return self

    def command(self, name: str, **given) -> None:
        self.tab.evaluate("([name, given]) => { window.jupyterapp.commands.execute(name, given) }", [name, given])

    def run_all(self) -> "Page":
        self.tab.get_by_role("menuitem", name="Run", exact=True).click()
        self.tab.get_by_role("menuitem", name=re.compile(r"^Run All Cells")).click()
        return self

    def wait_done(self) -> "Page":
        """Until no cell waits or runs; an error in any cell fails the test with its text."""
        done = (
            "[...document.querySelectorAll('.jp-CodeCell')].every(c => /\\[\\d+\\]/.test(c.querySelector('.jp-InputPrompt').textContent))"
        )
        failed = "document.querySelector('[data-mime-type=\"application/vnd.jupyter.error\"], .jp-RenderedText[data-mime-type*=error]')"
        self.tab.wait_for_function(f"() => {failed} || {done}", timeout=PATIENCE)
        errors = self.tab.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()
        assert not errors, errors[0][-1500:]
        return self

    def theme(self, name: str) -> None:
        self.command("apputils:change-theme", theme=f"JupyterLab {name}")
        light = "true" if name == "Light" else "false"
        self.tab.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
        self.tab.wait_for_timeout(400)

    def shot(self, name: str, what=None) -> None:
        if what is not None:
            what.scroll_into_view_if_needed()
            self.tab.wait_for_timeout(200)
        self.tab.screenshot(path=str(self.lab.shots / f"{name}.png"))

    def both_themes(self, name: str, what) -> None:
        for theme in ("Dark", "Light"):
            self.theme(theme)
            self.shot(f"{name}-{theme.lower()}", what)

    def button(self, name: str):
        return self.tab.locator(".jupyter-widgets.jupyter-button", has_text=re.compile(f"^{re.escape(name)}$")).first

    def ready(self, name: str) -> None:
        """Wait until a button can be pressed again."""
        self.button(name).and_(self.tab.locator(":not([disabled])")).wait_for()

    def told(self, words: str):
        """A line that a widget says; the notebook's own text may hold the same words."""
        return self.tab.locator(".jp-OutputArea .widget-html", has_text=words).last

    def fits(self) -> None:
        """No output is wider than its column."""
        wide = self.tab.evaluate(
            "[...document.querySelectorAll('.jp-OutputArea-output')].filter(e => e.scrollWidth > e.clientWidth + 1)"
            ".map(e => [e.scrollWidth, e.clientWidth, e.innerText.slice(0, 60)])"
        )
        assert not wide, wide


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(lab, chromium):
    """A tab of 1280 by 900. After the test: nothing was asked of any other host, and no dialog of the page opened."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    asked, opened = [], []
    context.on("request", lambda it: asked.append(it.url))
    tab.on("dialog", lambda it: (opened.append(it.message), it.dismiss()))
    made = Page(tab, lab)
    try:
        yield made
    finally:
        made.shot("last-seen")
    context.close()
    outside = [url for url in asked if not url.startswith((lab.address, "data:", "blob:", "file:"))]
    assert not outside, outside
    assert not opened, opened


# ---- what a person does ----------------------------------------------------------------------------------------------------------------


def test_a_paragraph_is_edited_and_saved_in_notebook_01(page, lab):
    page.open("01_profile.ipynb").run_all().wait_done()
    before = lab.here.path("profile.md").read_text()
    area = page.tab.locator(".jp-OutputArea .widget-textarea textarea").first
    assert area.input_value().strip() == before.strip(), "the whole file"
    first = profile.load(lab.here.path("profile.md")).paragraphs[0].text
    area.fill(before.replace(first, first + " She wrote this line in a browser. In 1990 too."))
    page.button("Check").click()
    page.told("1 paragraph changed or gone, 1 new").wait_for()
    page.told("To be made again").wait_for()
    page.told("after the horizon").wait_for()
    page.both_themes("01-editor", page.button("Check"))
    page.shot("01-marks", page.told("What a careful editor would mark"))
    page.fits()
    typed = area.input_value()
    area.fill(typed.replace("---", "---\nvalues: [unclosed", 1))
    page.button("Save").click()
    page.told("not valid YAML").wait_for()
    page.shot("01-refused", page.button("Save"))
    area.fill(typed)
    page.button("Save").click()
    page.told("Saved. 1 paragraph changed").wait_for()
    after = lab.here.path("profile.md").read_text()
    assert "She wrote this line in a browser." in after and "She wrote this line" not in before
    page.shot("01-saved", page.button("Save"))


@pytest.mark.parametrize("name", ["02_experience", "03_protective"])
def test_notebooks_02_and_03_fit_the_screen(page, lab, name):
    page.open(f"{name}.ipynb").run_all().wait_done()
    page.fits()
    page.both_themes(f"{name[:2]}-figure", page.tab.locator(".jp-OutputArea img").last)
    if name == "02_experience":
        page.shot("02-browser", page.button("Accept"))
        page.button("Reject").click()
        page.told("Kept: reject").wait_for()
        assert lab.here.read_jsonl("decisions.jsonl")[-1]["action"] == "reject"


def test_a_training_is_watched_and_stopped_in_notebook_04(page, lab):
    try:
        watch_and_stop(page.open("04_upload.ipynb").run_all(), lab)
    finally:
        lab.here.path("STOP").touch()  # whatever went wrong above, the training does not go on below the other tests


def watch_and_stop(page, lab) -> None:
    """See steps pass, press the button, and find what was kept."""
    stop = page.button("Stop and keep")
    stop.wait_for(timeout=PATIENCE)
    page.tab.locator(".jp-OutputArea").get_by_text(re.compile(r"step \d+/\d+")).first.wait_for(timeout=PATIENCE)
    page.both_themes("04-monitor", stop)
    stop.click()
    page.tab.get_by_text(re.compile("[Ss]topped at step")).first.wait_for(timeout=PATIENCE)
    page.wait_done()
    rows = [json.loads(line) for line in lab.here.path("training.jsonl").read_text().splitlines()]
    stopped = [row for row in rows if row.get("event") == "stop"]
    assert stopped and stopped[0]["reason"] == "STOP"
    assert stopped[0]["step"] < max(row.get("steps", 0) for row in rows), "it was stopped before its end"
    assert rows[-1]["event"] == "end" and lab.here.has("adapter", "adapter_model.safetensors")
    page.fits()
    page.shot("04-stopped", page.tab.get_by_text(re.compile("[Ss]topped at step")).first)


def test_a_message_is_answered_and_replies_are_rated_blind_in_notebook_05(page, lab):
    if not lab.here.has("adapter"):
        train(lab.here)
    page.open("05_interview.ipynb").run_all().wait_done()
    talk(page, lab)
    dine(page, lab)
    rate(page, lab)
    for number, figure in enumerate(page.tab.locator(".jp-OutputArea img").all(), 1):
        page.shot(f"05-figure-{number}", figure)
    page.fits()
    page.both_themes("05-table", page.tab.locator(".charlib-table").first)


def talk(page, lab) -> None:
    """Send a message, read the reply, save the talk, ask why."""
    words = page.tab.locator(".widget-text input[placeholder^='Say something']").first
    words.scroll_into_view_if_needed()
    words.fill("Who taught you?")
    began = time.monotonic()
    words.press("Enter")
    page.tab.locator("[data-who='simulacrum'] [data-said]").first.wait_for()
    waited = time.monotonic() - began
    assert waited < 10 or os.getloadavg()[0] > (os.cpu_count() or 1), f"the first words came after {waited:.0f} s on an idle machine"
    page.ready("Send")
    assert len(page.tab.locator("[data-who='simulacrum'] [data-said]").last.inner_text()) > 3
    page.both_themes("05-playground", page.button("Send"))
    page.button("Save talk").click()
    page.told("Saved as conversations/talk-").wait_for()
    saved = list(lab.here.path("conversations").glob("talk-*.jsonl"))
    assert len(saved) == 1 and "Who taught you?" in saved[0].read_text()
    page.button("Why?").click()
    page.told("Nearest experience").wait_for()
    page.shot("05-why", page.button("Why?"))


def dine(page, lab) -> None:
    """Let two characters talk with each other."""
    page.button("Serve").click()
    page.told("Saved as conversations/dinner-").wait_for()
    page.shot("05-dinner", page.button("Serve"))
    assert len(next(lab.here.path("conversations").glob("dinner-*.jsonl")).read_text().splitlines()) == 6


def rate(page, lab) -> None:
    """Rate one question blind: no name of a system is on the page, and no result before the rater is done."""
    page.tab.locator(".widget-text input[placeholder^='a short name']").first.fill("first rater")
    page.tab.keyboard.press("Tab")
    page.told("to go").wait_for()
    save = page.button("Save and next")
    rater = page.tab.locator(".jp-OutputArea", has=save)
    assert not re.search("simulacrum|prompted", rater.last.inner_text().split("Rater")[-1]), "blind means without names"
    save.click()
    page.told("Choose for every reply first").wait_for()
    for marks in rater.last.locator(".widget-toggle-buttons").all():
        marks.get_by_text("5", exact=True).click()
    page.both_themes("05-rating", save)
    save.click()
    page.told("Kept in ratings.jsonl").wait_for()
    rows = lab.here.read_jsonl("ratings.jsonl")
    assert rows and {row["rater"] for row in rows} == {"first rater"} and {row["value"] for row in rows} == {5}


def test_a_view_whose_kernel_died_says_so_and_the_saved_notebook_keeps_the_twin(page, lab):
    page.open("hostile.ipynb").run_all().wait_done()
    line = page.tab.locator(".charlib-gone").first
    assert not line.is_visible()
    page.tab.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.tab.wait_for_timeout(1500)
    kernels = [child for child in psutil.Process(lab.server).children() if "ipykernel_launcher" in " ".join(child.cmdline())]
    kernels[-1].kill()  # a death: JupyterLab tells of it and starts another, which knows nothing of these views
    line.wait_for(state="visible")
    page.tab.get_by_role("button", name="Ok", exact=True).click()
    page.both_themes("kernel-died", line)
    exported = export(lab.books / "hostile.ipynb")
    assert "A simulation of Nell Gray made from a text" in exported and "Nell Gray: 2 paragraphs" in exported


def export(path: Path) -> str:
    """A notebook as nbconvert's HTML, with nothing fetched from elsewhere."""
    from nbconvert import HTMLExporter

    return HTMLExporter(mathjax_url="", require_js_url="", jupyter_widgets_base_url="", widget_renderer_url="").from_filename(str(path))[0]


def test_f17_hostile_text_is_shown_as_text(page, lab):
    page.open("hostile.ipynb").run_all().wait_done()
    page.tab.locator(".widget-dropdown select").first.select_option(index=1)
    words = page.tab.locator(".widget-text input[placeholder^='Say something']").first
    words.scroll_into_view_if_needed()
    words.fill(HOSTILE.replace("\x1b", ""))
    words.press("Enter")
    page.tab.locator("[data-who='simulacrum'] [data-said]").first.wait_for()
    page.ready("Send")
    page.tab.wait_for_timeout(500)
    output = page.tab.locator(".jp-OutputArea")
    assert output.locator("img, script, a[href^='javascript']").count() == 0
    assert output.locator("mjx-container, .MathJax").count() == 0, "money is not mathematics"
    heard = page.tab.locator("[data-who='simulacrum'] [data-said]").first.inner_text()
    assert "<img src=x onerror=" in heard and "![gone](http://example.invalid/a.png)" in heard and "\x1b" not in heard
    page.shot("hostile", words)
    page.fits()
    page.tab.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.tab.wait_for_timeout(1500)
    stays_text(page, lab.books / "hostile.html", export(lab.books / "hostile.ipynb"))


def stays_text(page, path: Path, html: str) -> None:
    """Open a page from the disk: its hostile text is read, and nothing of it acts."""
    path.write_text(html, encoding="utf-8")
    page.tab.goto(path.as_uri())
    page.tab.wait_for_timeout(500)
    assert page.tab.locator("[onerror], a[href^='javascript'], img[src='x']").count() == 0
    assert "<img src=x onerror=" in page.tab.locator("body").inner_text()


def test_f18_hostile_text_in_the_report_and_in_headless_notebooks_is_text(page, lab, written, tmp_path):  # noqa: F811
    here, _, html, _ = written
    stays_text(page, tmp_path / "report.html", html)
    page.tab.set_viewport_size({"width": 1280, "height": 2400})
    page.shot("hostile-report")
    import nbclient
    import nbformat

    book = nbformat.read(lab.books / "hostile.ipynb", 4)
    reads = "show.read(text)", "show.table([{'what': text}])", "here.say(text)", "from IPython.display import display; display(text)"
    book.cells += [nbformat.v4.new_code_cell(cell) for cell in reads]
    nbclient.execute(book, cwd=str(tmp_path), kernel_name="python3")
    nbformat.write(book, tmp_path / "headless.ipynb")
    stays_text(page, tmp_path / "headless.html", export(tmp_path / "headless.ipynb"))
