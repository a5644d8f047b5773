"""Every figure. Each function takes plain records and returns a matplotlib Figure; colours mean the
same thing everywhere.
"""

import functools
import io
import textwrap

from charlib import run

SYSTEMS = {
    "simulacrum": "#0072B2",
    "prompted": "#999999",
    "prompted_profile": "#E69F00",
    "no_protective": "#D55E00",
    "shuffled": "#CC79A7",
}  # Okabe and Ito's colours, told apart by colour-blind eyes and by their grey


_OTHERS = ("#56B4E9", "#009E73", "#F0E442", "#000000", "#882255", "#44AA99")


DIMENSIONS = ("memorization", "hallucination", "values", "personality", "stability")


def colour(system: str) -> str:
    """A system's colour: fixed for the known ones, stable by name for others."""
    return SYSTEMS.get(system) or _OTHERS[sum(system.encode()) % len(_OTHERS)]


def in_order(systems) -> list[str]:
    """Systems as they stand in every figure: the known ones first, the others by name."""
    found = set(systems)
    return [name for name in SYSTEMS if name in found] + sorted(found - set(SYSTEMS))


STYLE = {
    "font.size": 12, "axes.titlesize": 13, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25, "axes.axisbelow": True, "figure.facecolor": "white",
    "axes.facecolor": "white", "legend.frameon": False, "figure.dpi": 110, "savefig.dpi": 150, "svg.fonttype": "none",
    "text.parse_math": False,  # dollar signs in a profile or a reply are money
}  # fmt: skip


def _styled(draw):
    """A function that draws in the house style; matplotlib looks most of it up at the moment of
    drawing.
    """

    @functools.wraps(draw)
    def drawn(*given, **named):
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*given, **named)

    return drawn


@_styled
def figure(width: float = 8.0, height: float = 4.0, rows: int = 1, columns: int = 1, **options):
    """An empty Figure and its axes in the house style (readable on a projector, white ground in
    light and dark JupyterLab).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(fig)
    # shown by any notebook, without pyplot and its state
    fig._repr_png_ = functools.partial(_png, fig)
    return fig, fig.subplots(rows, columns, **options)


@_styled
def _png(fig) -> bytes:
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()


@_styled
def save(fig, path) -> None:
    """Write a figure as PNG (or by the path's ending), whole or not at all."""

    buffer = io.BytesIO()
    kind = str(path).rsplit(".", 1)[-1]
    options = {"metadata": {"Software": None}} if kind == "png" else {}
    fig.savefig(buffer, format=kind, facecolor="white", **options)
    run.write_atomic(path, buffer.getvalue())


@_styled
def traits(profile):
    """The Big Five as bars between -1 and 1, with the reason beside each."""
    names = list(profile.traits) or ["no traits given"]
    fig, ax = figure(9, 1 + 0.5 * len(names))
    values = [profile.traits.get(name, 0) for name in names]
    ax.barh(names, values, color=["#0072B2" if value >= 0 else "#D55E00" for value in values])
    for y, name in enumerate(names):
        reason = textwrap.shorten(profile.trait_reasons.get(name, ""), 88, placeholder=" …")
        ax.text(1.06, y, "\n".join(textwrap.wrap(reason, 46)), fontsize=8.5, va="center", color="#444444")
    ax.axvline(0, color="black", lw=1)
    ax.set_xlim(-1, 2.6)
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    ax.set_title(f"Traits of {profile.short_name}, and why")
    return fig


@_styled
def paragraphs(profile):
    """Words a paragraph, coloured by section."""
    fig, ax = figure(9, 3)
    sections = list(dict.fromkeys(item.section for item in profile.paragraphs))
    shades = ("#0072B2", "#56B4E9")
    tints = [shades[sections.index(item.section) % 2] for item in profile.paragraphs]
    ax.bar(range(1, len(tints) + 1), [len(item.text.split()) for item in profile.paragraphs], color=tints, width=0.85)
    ax.set_xlabel("paragraph (the shade changes with the section)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("words")
    ax.grid(axis="x", visible=False)
    ax.set_title("How much each paragraph tells")
    return fig


@_styled
def kinds(table: dict):
    """Protective exchanges by kind: refused and answered side by side."""
    names = sorted(table, key=lambda name: -sum(table[name].values()))[:14]
    fig, ax = figure(8.5, 1.2 + 0.36 * max(1, len(names)))
    for offset, side, tint in ((-0.2, "refused", "#D55E00"), (0.2, "answered", "#0072B2")):
        ax.barh([y + offset for y in range(len(names))], [table[name][side] for name in names], height=0.4, color=tint, label=side)
    ax.set_yticks(range(len(names)), [textwrap.shorten(name, 44, placeholder=" …") for name in names])
    ax.invert_yaxis()
    ax.set_xlabel("exchanges")
    ax.legend()
    ax.grid(axis="y", visible=False)
    ax.set_title("What lies beyond, and its twins")
    return fig


@_styled
def dimensions(scores: dict):
    """Five dimensions for every system, points with 95% intervals. What could not be measured is
    marked.
    """
    systems = in_order(scores["systems"])
    fig, ax = figure(8.5, 0.9 + 0.32 * len(systems) * len(DIMENSIONS))
    for row, dimension in enumerate(reversed(DIMENSIONS)):
        for place, system in enumerate(systems):
            entry = scores["systems"][system].get(dimension, {})
            y = row + 0.36 - 0.72 * (place + 0.5) / len(systems)
            if entry.get("value") is None:
                ax.text(0.01, y, f"{system}: not measured", fontsize=8, va="center", color=colour(system))
                continue
            low, high = entry["ci_low"], entry["ci_high"]
            ax.plot([low, high], [y, y], color=colour(system), lw=3, alpha=0.45, solid_capstyle="butt")
            ax.plot([entry["value"]], [y], "o", color=colour(system), ms=7, label=system)
    ax.set_yticks(range(len(DIMENSIONS)), reversed(DIMENSIONS))
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.6, len(DIMENSIONS) - 0.4)
    ax.grid(axis="y", visible=False)
    for border in range(1, len(DIMENSIONS)):
        ax.axhline(border - 0.5, color="black", lw=0.4, alpha=0.3)
    ax.set_xlabel("score (higher is better), 95% interval over questions" + lost(scores))
    ax.set_title("Five dimensions, judged without a judge")
    named = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    fig.legend(named.values(), named.keys(), loc="outside lower center", ncols=max(1, min(4, len(named))))
    return fig


def lost(scores: dict) -> str:
    """What training cost in general English, as a line below an axis; nothing where it was not
    measured.
    """
    kept = scores.get("retention") or {}
    if not {"simulacrum", "prompted"} <= set(kept):
        return ""
    before, after = kept["prompted"]["perplexity"], kept["simulacrum"]["perplexity"]
    return f"\nwhat training cost: perplexity of general English {before:.0f} before, {after:.0f} after"


@_styled
def forest(scores: dict):
    """Paired differences of the simulacrum to each baseline with intervals; a filled point excludes
    0 after Holm.
    """
    pairs = scores["paired"]
    lines = [(pair, dimension, entry) for dimension in DIMENSIONS for pair, entries in pairs.items()
             if (entry := entries.get(dimension)) and entry.get("difference") is not None]  # fmt: skip
    fig, ax = figure(8.5, 1.2 + 0.34 * max(1, len(lines)))
    labels = []
    for y, (pair, dimension, entry) in enumerate(reversed(lines)):
        other = pair.split("-", 1)[1]
        sure = (entry["ci_low"] > 0 or entry["ci_high"] < 0) and entry["p_holm"] < 0.05
        ax.plot([entry["ci_low"], entry["ci_high"]], [y, y], color=colour(other), lw=2.5)
        ax.plot([entry["difference"]], [y], "o", ms=8, color=colour(other), mfc=colour(other) if sure else "white")
        labels.append(f"{dimension} vs {other}")
    ax.axvline(0, color="black", lw=1)
    ax.set_yticks(range(len(labels)), labels, fontsize=10)
    ax.set_xlabel("simulacrum minus baseline, paired by question, 95% interval" + lost(scores))
    ax.set_title("What training changed")
    return fig


@_styled
def training(rows: list[dict]):
    """Loss per step with the validation loss, and the speed."""
    steps = [row for row in rows if row.get("loss") is not None and "step" in row]
    held = [row for row in rows if "validation_loss" in row]
    fig, ax = figure(8, 3.6)
    ax.plot([row["epoch"] for row in steps], [row["loss"] for row in steps], color=SYSTEMS["simulacrum"], marker="o" if len(steps) < 6 else "", lw=1.2,
            alpha=0.75, label="training loss")  # fmt: skip
    if held:
        ax.plot([row["epoch"] for row in held], [row["validation_loss"] for row in held], "o-", color="#D55E00", label="held-out wordings")
    ax.set_xlabel("epoch")
    ax.set_xlim(left=0)
    ax.set_ylabel("loss a token")
    ax.set_ylim(bottom=0)
    ax.set_title("Upload: what the model still finds surprising")
    ax.legend()
    return fig


@_styled
def trajectory(rows: list[dict]):
    """Recall, boundary and retention per checkpoint: rows of {epoch, recall, boundary, retention}.
    """
    fig, ax = figure(8, 3.6)
    for name, mark, tint in (("recall", "o-", "#0072B2"), ("boundary", "s-", "#D55E00"), ("over_refusal", "^--", "#999999")):
        points = [(row["epoch"], row[name]) for row in rows if row.get(name) is not None]
        if points:
            ax.plot(*zip(*points, strict=True), mark, color=tint, label=name.replace("_", "-"))
    ax.set_ylim(0, 1)
    ax.set_xlabel("epoch (0 is the base model)")
    ax.set_ylabel("share of questions")
    kept = [(row["epoch"], row["perplexity"]) for row in rows if row.get("perplexity")]
    if kept:
        right = ax.twinx()
        right.plot(*zip(*kept, strict=True), "x:", color="#009E73", label="perplexity of general text")
        right.set_ylabel("perplexity (lower keeps more)")
        right.set_ylim(bottom=0)
        right.grid(visible=False)
        marks = [handle for axis in (ax, right) for handle in axis.get_legend_handles_labels()[0]]
    else:
        marks = ax.get_legend_handles_labels()[0]
    fig.legend(handles=marks, loc="outside lower center", ncols=4, fontsize=10)
    ax.set_title("What each epoch gains, and what it costs")
    return fig


@_styled
def coverage(rows: list[dict]):
    """How often each paragraph is met: stacked counts of short exchanges and full dialogues, in the
    profile's order.
    """
    fig, ax = figure(9, 3.2)
    places = range(1, len(rows) + 1)
    base = [0] * len(rows)
    for name, tint in (("memory", "#56B4E9"), ("protective", "#D55E00"), ("experience", "#0072B2")):
        values = [row.get(name, 0) for row in rows]
        ax.bar(places, values, bottom=base, color=tint, width=0.9, label={"experience": "full scenes"}.get(name, name))
        base = [a + b for a, b in zip(base, values, strict=True)]
    ax.set_xlabel("paragraph of the profile")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("dialogues")
    ax.set_title("How often each paragraph is lived through")
    ax.legend(ncols=3, fontsize=10)
    ax.grid(axis="x", visible=False)
    return fig


@_styled
def attrition(stages: dict[str, dict]):
    """Asked, answered, parsed, grounded, kept: one row of bars a stage; numbers written on them."""
    names = ("asked", "answered", "parsed", "grounded", "kept")
    fig, axes = figure(9, 2.6, 1, max(1, len(stages)), squeeze=False)
    for ax, (stage, counts) in zip(axes[0], stages.items(), strict=False):
        shown = [(name, counts[name]) for name in names if name in counts]
        bars = ax.barh([name for name, _ in shown], [count for _, count in shown], color="#56B4E9")
        ax.bar_label(bars, padding=3, fontsize=10)
        ax.invert_yaxis()
        ax.set_title(stage, fontsize=11)
        ax.set_xlim(0, 1.25 * max([count for _, count in shown], default=1))
        ax.grid(visible=False)
    return fig


@_styled
def lengths(groups: dict[str, list[int]], title: str = "How long they are", unit: str = "words"):
    """Distributions of lengths, one line of boxes a group."""
    fig, ax = figure(8, 1.2 + 0.5 * len(groups))
    filled = {name: values for name, values in groups.items() if values}
    ax.boxplot(list(filled.values()), orientation="horizontal", tick_labels=list(filled), widths=0.6, showfliers=False,
               medianprops={"color": "#D55E00", "lw": 2})  # fmt: skip
    ax.set_xlabel(unit)
    ax.set_title(title)
    return fig


@_styled
def boundary(scores: dict):
    """The boundary as four cells a system: refused or answered, beyond or within."""
    systems = in_order(scores["systems"])
    cells = {name: scores["systems"][name].get("hallucination", {}).get("parts", {}) for name in systems}
    systems = [name for name in systems if "refused_beyond" in cells[name]]
    fig, axes = figure(2.9 * max(1, len(systems)), 3.4, 1, max(1, len(systems)), squeeze=False)
    for ax, system in zip(axes[0], systems, strict=False):
        refused, answered = cells[system]["refused_beyond"]["value"], cells[system]["answered_within"]["value"]
        if refused is None or answered is None:
            continue
        grid = [[refused, 1 - refused], [1 - answered, answered]]
        ax.imshow(grid, cmap="Blues", vmin=0, vmax=1)
        for row in range(2):
            for column in range(2):
                good = row == column
                shade = "white" if grid[row][column] > 0.55 else "black"
                ax.text(
                    column,
                    row,
                    f"{grid[row][column]:.0%}",
                    ha="center",
                    va="center",
                    fontsize=15,
                    color=shade,
                    weight="bold" if good else "normal",
                )
        ax.set_xticks([0, 1], ["says it does\nnot know", "answers"], fontsize=10)
        ax.set_yticks([0, 1], ["beyond", "within"], fontsize=10)
        ax.grid(visible=False)
        ax.set_title(system, fontsize=12, color=colour(system))
    return fig


@_styled
def score_against_length(rows: list[dict]):
    """Share of correct replies by reply length, a line a system: does short win by being short?
    rows of {system, words, correct}.
    """
    fig, ax = figure(8, 3.6)
    edges = [0, 8, 16, 24, 40, 61]
    for system in in_order(row["system"] for row in rows):
        points = []
        for low, high in zip(edges, edges[1:], strict=False):
            inside = [
                row["correct"] for row in rows if row["system"] == system and low <= row["words"] < high and row["correct"] is not None
            ]
            if len(inside) >= 3:
                points.append(((low + high) / 2, sum(inside) / len(inside), len(inside)))
        if points:
            x, y, n = zip(*points, strict=True)
            ax.plot(x, y, "o-", color=colour(system), label=system)
            for a, b, count in points:
                ax.annotate(f"n={count}", (a, b), textcoords="offset points", xytext=(0, 7), fontsize=8, ha="center", color=colour(system))
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(-0.02, 1.08)
    ax.set_xlabel("words in the reply (first 60 count)")
    ax.set_ylabel("share correct")
    ax.set_title("Score against length")
    ax.legend()
    return fig


TURNS = {"words": "words in a reply", "refused": "share refused", "grounding": "share of names in the profile"}


@_styled
def turns(rows: list[dict]):
    """Longer talks turn by turn, one panel a measure: rows of {system, turn, words, refused,
    grounding} (`scores.by_turn`).
    """
    fig, axes = figure(10, 3.2, 1, len(TURNS))
    for ax, (measure, title) in zip(axes, TURNS.items(), strict=True):
        for system in in_order(row["system"] for row in rows):
            points = [(row["turn"] + 1, row[measure]) for row in rows if row["system"] == system and row[measure] is not None]
            if points:
                ax.plot(*zip(*points, strict=True), "o-", color=colour(system), label=system)
        ax.set_xlabel("turn")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_ylim(bottom=0, top=None if measure == "words" else 1.05)
        ax.set_title(title, fontsize=11)
    named = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    fig.legend(named.values(), named.keys(), loc="outside lower center", ncols=max(1, len(named)))
    return fig


@_styled
def value_map(rows: list[dict]):
    """Which convictions hold: rows of {stance, system, kept, asked, pressure} (`scores.stances`);
    one line a stance, a point a system.
    """
    stances, systems = list(dict.fromkeys(row["stance"] for row in rows)), in_order(row["system"] for row in rows)
    fig, ax = figure(10, 1.5 + 0.42 * max(1, len(stances)))
    for row in rows:
        y = len(stances) - 1 - stances.index(row["stance"]) + 0.24 - 0.48 * (systems.index(row["system"]) + 0.5) / len(systems)
        mark = "^" if row.get("pressure") else "o"
        ax.plot([row["kept"] / max(1, row["asked"])], [y], mark, ms=8, color=colour(row["system"]), alpha=0.85, label=row["system"])
    if systems:
        named = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        fig.legend([named[name] for name in systems], systems, loc="outside lower center", ncols=4)
    if not rows:
        ax.text(0.5, 0, "no conviction was asked about", ha="center", va="center")
    ax.set_ylim(-0.6, max(1, len(stances)) - 0.4)
    ax.set_yticks(range(len(stances)), [textwrap.shorten(stance, 58, placeholder=" …") for stance in reversed(stances)], fontsize=9)
    ax.set_xlim(-0.05, 1.05)
    ax.set_xlabel("held in both orders of the question (triangles: under pressure)")
    ax.set_title("Which values hold")
    return fig


@_styled
def mask(pieces: list[tuple[str, bool]], width: int = 92):
    """Tokens of one example, the supervised ones shaded: what the loss sees."""
    lines: list[list[tuple[str, bool]]] = [[]]
    used = 0
    for text, supervised in pieces:
        shown = text.replace("\n", "\u21b5")
        if used + len(shown) > width:
            lines.append([])
            used = 0
        lines[-1].append((shown, supervised))
        used += len(shown)
        if "\n" in text:
            lines.append([])
            used = 0
    lines = [line for line in lines if line]
    fig, ax = figure(10, 0.32 * len(lines) + 0.7)
    ax.axis("off")
    ax.set_xlim(0, width)
    ax.set_ylim(-len(lines), 0.6)
    for y, line in enumerate(lines):
        x = 0
        for text, supervised in line:
            ground = {"facecolor": "#BBDDF2" if supervised else "#EEEEEE", "edgecolor": "white", "pad": 1.5}
            ax.text(x, -y, text, family="monospace", fontsize=9, bbox=ground, va="center")
            x += max(1, len(text))
    ax.set_title("Blue is learned, grey is only read")
    return fig


@_styled
def ratings(table: dict[str, dict]):
    """Human ratings: mean with interval a system and dimension; only ever called with ratings that
    people gave.
    """
    fig, ax = figure(8, 1 + 0.4 * len(table))
    for y, (label, entry) in enumerate(table.items()):
        ax.plot([entry["ci_low"], entry["ci_high"]], [y, y], color=colour(entry.get("system", label)), lw=3, alpha=0.5)
        ax.plot([entry["value"]], [y], "o", color=colour(entry.get("system", label)), ms=8)
    ax.set_yticks(range(len(table)), list(table))
    ax.set_xlabel("rating by people")
    return fig
