"""Every figure: plain records in, a matplotlib Figure out; a colour means the same in all."""

import functools
import io
import textwrap

from charlib import run

SYSTEMS = {
    "simulacrum": "#0072B2", "prompted": "#999999", "prompted_profile": "#E69F00",
    "no_protective": "#D55E00", "shuffled": "#CC79A7",
}  # Okabe and Ito's colours, told apart by colour-blind eyes and by their grey
OTHERS = ("#56B4E9", "#009E73", "#F0E442", "#000000", "#882255", "#44AA99")
BLUE, PALE, RED = "#0072B2", "#56B4E9", "#D55E00"
DIMENSIONS = ("memorization", "hallucination", "values", "personality", "stability")

STYLE = {
    "font.size": 12, "axes.titlesize": 13, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "axes.axisbelow": True, "figure.facecolor": "white", "axes.facecolor": "white",
    "legend.frameon": False, "figure.dpi": 110, "savefig.dpi": 150, "svg.fonttype": "none",
    "text.parse_math": False,  # dollar signs in a profile or a reply are money
}


def colour(system: str) -> str:
    """A system's colour: fixed for the known ones, stable by name for others."""
    return SYSTEMS.get(system) or OTHERS[sum(system.encode()) % len(OTHERS)]


def in_order(systems) -> list[str]:
    """Systems as they stand in every figure: the known ones first, the others by name."""
    found = set(systems)
    return [name for name in SYSTEMS if name in found] + sorted(found - set(SYSTEMS))


def _styled(draw):
    """A function that draws in the house style; matplotlib looks most of it up while it draws."""

    @functools.wraps(draw)
    def drawn(*given, **named):
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*given, **named)

    return drawn


@_styled
def figure(width: float = 8.0, height: float = 4.0, rows: int = 1, columns: int = 1, **options):
    """An empty Figure and its axes in the house style, white in light and dark JupyterLab alike."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(fig)
    # shown by any notebook, without pyplot and its state
    fig._repr_png_ = functools.partial(_drawn, fig, "png")
    return fig, fig.subplots(rows, columns, **options)


@_styled
def _drawn(fig, kind: str) -> bytes:
    buffer, nothing = io.BytesIO(), {"Software": None} if kind == "png" else None
    fig.savefig(buffer, format=kind, facecolor="white", metadata=nothing)
    return buffer.getvalue()


def save(fig, path) -> None:
    """Write a figure as PNG (or by the path's ending), whole or not at all."""
    run.write_atomic(path, _drawn(fig, str(path).rsplit(".", 1)[-1]))


def _legend_below(fig, *axes, **look) -> None:
    """A legend under all axes, where it hides nothing; a label stands in it once."""
    named = {label: handle for ax in axes
             for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    columns = max(1, min(4, len(named)))
    fig.legend(named.values(), named, loc="outside lower center", ncols=columns, **look)


_short = functools.partial(textwrap.shorten, placeholder=" …")


def _line(axes, points: list[tuple[float, float]], mark: str, **look) -> None:
    """A line through points, where there are any."""
    if points:
        axes.plot(*zip(*points, strict=True), mark, **look)


def _interval(axes, y: float, entry: dict, value: str, tint: str, line: dict, **point) -> None:
    """A point at `entry[value]` on the line of its interval."""
    axes.hlines(y, entry["ci_low"], entry["ci_high"], color=tint, **line)
    axes.plot([entry[value]], [y], "o", color=tint, **point)


@_styled
def traits(profile):
    """The Big Five as bars between -1 and 1, with the reason beside each."""
    names = list(profile.traits) or ["no traits given"]
    fig, ax = figure(9, 1 + 0.5 * len(names))
    values = [profile.traits.get(name, 0) for name in names]
    ax.barh(names, values, color=[BLUE if value >= 0 else RED for value in values])
    for y, name in enumerate(names):
        reason = textwrap.fill(_short(profile.trait_reasons.get(name, ""), 88), 46)
        ax.text(1.06, y, reason, fontsize=8.5, va="center", color="#444444")
    ax.axvline(0, color="black", lw=1)
    ax.set(xlim=(-1, 2.6), xticks=[-1, -0.5, 0, 0.5, 1],
           title=f"Traits of {profile.short_name}, and why")
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    return fig


@_styled
def paragraphs(profile):
    """Words per paragraph, coloured by section."""
    fig, ax = figure(9, 3)
    sections = list(dict.fromkeys(item.section for item in profile.paragraphs))
    tints = [(BLUE, PALE)[sections.index(item.section) % 2] for item in profile.paragraphs]
    words = [len(item.text.split()) for item in profile.paragraphs]
    ax.bar(range(1, len(tints) + 1), words, color=tints, width=0.85)
    ax.set(xlabel="paragraph (the shade changes with the section)", ylabel="words",
           title="How much each paragraph tells")
    ax.locator_params("x", integer=True)
    ax.grid(axis="x", visible=False)
    return fig


@_styled
def kinds(table: dict):
    """Protective exchanges by kind: refused and answered side by side."""
    names = sorted(table, key=lambda name: -sum(table[name].values()))[:14]
    fig, ax = figure(8.5, 1.2 + 0.36 * max(1, len(names)))
    for offset, side, tint in ((-0.2, "refused", RED), (0.2, "answered", BLUE)):
        places = [y + offset for y in range(len(names))]
        ax.barh(places, [table[name][side] for name in names], height=0.4, color=tint, label=side)
    ax.set_yticks(range(len(names)), [_short(name, 44) for name in names])
    ax.invert_yaxis()
    ax.legend()
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="exchanges", title="What lies beyond, and its twins")
    return fig


@_styled
def dimensions(scores: dict):
    """Five dimensions for every system, with 95% intervals; what was not measured is marked."""
    systems = in_order(scores["systems"])
    fig, ax = figure(8.5, 0.9 + 0.32 * len(systems) * len(DIMENSIONS))
    for row, dimension in enumerate(reversed(DIMENSIONS)):
        for place, system in enumerate(systems):
            entry = scores["systems"][system].get(dimension, {})
            y, tint = row + 0.36 - 0.72 * (place + 0.5) / len(systems), colour(system)
            if entry.get("value") is None:
                ax.text(0.01, y, f"{system}: not measured", fontsize=8, va="center", color=tint)
                continue
            _interval(ax, y, entry, "value", tint, {"lw": 3, "alpha": 0.45}, ms=7, clip_on=False,
                      label=system)
    ax.set_yticks(range(len(DIMENSIONS)), reversed(DIMENSIONS))
    ax.set(xlim=(0, 1), ylim=(-0.6, len(DIMENSIONS) - 0.4),
           xlabel="score (higher is better), 95% interval over questions" + lost(scores),
           title="Five dimensions, judged without a judge")
    ax.grid(axis="y", visible=False)
    borders = [row - 0.5 for row in range(1, len(DIMENSIONS))]
    ax.hlines(borders, 0, 1, color="black", lw=0.4, alpha=0.3)
    _legend_below(fig, ax)
    return fig


def lost(scores: dict) -> str:
    """A line below an axis: what training cost in general English; "" where it was not measured."""
    kept = scores.get("retention") or {}
    if not {"simulacrum", "prompted"} <= set(kept):
        return ""
    before, after = (f"{kept[name]['perplexity']:.0f}" for name in ("prompted", "simulacrum"))
    return f"\nwhat training cost: perplexity of general English {before} before, {after} after"


@_styled
def forest(scores: dict):
    """Paired differences to each baseline with intervals; a filled point excludes 0 after Holm."""
    lines = [(pair.split("-", 1)[1], dimension, entries[dimension]) for dimension in DIMENSIONS
             for pair, entries in scores["paired"].items()
             if entries.get(dimension, {}).get("difference") is not None]
    fig, ax = figure(8.5, 1.2 + 0.34 * max(1, len(lines)))
    for y, (other, _, entry) in enumerate(reversed(lines)):
        tint = colour(other)
        sure = (entry["ci_low"] > 0 or entry["ci_high"] < 0) and entry["p_holm"] < 0.05
        fill = tint if sure else "white"
        _interval(ax, y, entry, "difference", tint, {"lw": 2.5}, ms=8, mfc=fill)
    ax.axvline(0, color="black", lw=1)
    labels = [f"{dimension} vs {other}" for other, dimension, _ in reversed(lines)]
    ax.set_yticks(range(len(labels)), labels, fontsize=10)
    ax.set(xlabel="simulacrum minus baseline, paired by question, 95% interval" + lost(scores),
           title="What training changed")
    return fig


@_styled
def training(rows: list[dict]):
    """Loss per step with the validation loss."""
    steps = [row for row in rows if row.get("loss") is not None and "step" in row]
    held = [row for row in rows if "validation_loss" in row]
    fig, ax = figure(8, 3.6)
    _line(ax, [(row["epoch"], row["loss"]) for row in steps], "o-" if len(steps) < 6 else "-",
          color=BLUE, lw=1.2, alpha=0.75, label="training loss")
    _line(ax, [(row["epoch"], row["validation_loss"]) for row in held], "o-", color=RED,
          label="held-out wordings")
    ax.set(xlim=(0, None), ylim=(0, None), xlabel="epoch", ylabel="loss per token",
           title="Upload: what the model still finds surprising")
    ax.legend()
    return fig


@_styled
def trajectory(rows: list[dict]):
    """Each checkpoint: rows of {epoch, recall, boundary, over_refusal, perplexity}."""
    fig, ax = figure(8, 3.6)
    for name, mark, tint in (("recall", "o-", BLUE), ("boundary", "s-", RED),
                             ("over_refusal", "^--", "#999999")):
        points = [(row["epoch"], row[name]) for row in rows if row.get(name) is not None]
        _line(ax, points, mark, color=tint, label=name.replace("_", "-"))
    ax.set(ylim=(0, 1), xlabel="epoch (0 is the base model)", ylabel="share of questions",
           title="What each epoch gains, and what it costs")
    axes = [ax]
    if kept := [(row["epoch"], row["perplexity"]) for row in rows if row.get("perplexity")]:
        axes.append(right := ax.twinx())
        _line(right, kept, "x:", color="#009E73", label="perplexity of general text")
        right.set(ylim=(0, None), ylabel="perplexity (lower keeps more)")
        right.grid(visible=False)
    _legend_below(fig, *axes, fontsize=10)
    return fig


@_styled
def coverage(rows: list[dict]):
    """How often each paragraph is met, in the profile's order: stacked counts of dialogues."""
    fig, ax = figure(9, 3.2)
    base = [0] * len(rows)
    for kind, name, tint in (("memory", "memory", PALE), ("protective", "protective", RED),
                             ("experience", "full scenes", BLUE)):
        values = [row.get(kind, 0) for row in rows]
        ax.bar(range(1, len(rows) + 1), values, bottom=base, color=tint, width=0.9, label=name)
        base = [a + b for a, b in zip(base, values, strict=True)]
    ax.set(xlabel="paragraph of the profile", ylabel="dialogues",
           title="How often each paragraph is lived through")
    ax.locator_params("x", integer=True)
    ax.legend(ncols=3, fontsize=10)
    ax.grid(axis="x", visible=False)
    return fig


@_styled
def attrition(stages: dict[str, dict]):
    """Asked, answered, parsed, grounded, kept: one panel of bars with their numbers per stage."""
    names = ("asked", "answered", "parsed", "grounded", "kept")
    fig, axes = figure(9, 2.6, 1, max(1, len(stages)), squeeze=False)
    for ax, (stage, counts) in zip(axes[0], stages.items(), strict=False):
        shown = {name: counts[name] for name in names if name in counts}
        ax.bar_label(ax.barh(list(shown), list(shown.values()), color=PALE), padding=3, fontsize=10)
        ax.invert_yaxis()
        ax.set_title(stage, fontsize=11)
        ax.set_xlim(0, 1.25 * max(shown.values(), default=1))
        ax.grid(visible=False)
    return fig


@_styled
def lengths(groups: dict[str, list[int]], title: str = "How long they are"):
    """Distributions of lengths in words, one box per group."""
    fig, ax = figure(8, 1.2 + 0.5 * len(groups))
    filled = {name: values for name, values in groups.items() if values}
    ax.boxplot(list(filled.values()), orientation="horizontal", tick_labels=list(filled),
               widths=0.6, showfliers=False, medianprops={"color": RED, "lw": 2})
    ax.set(xlabel="words", title=title)
    return fig


@_styled
def boundary(scores: dict):
    """The boundary as four cells per system: refused or answered, beyond or within."""
    parts_of = {name: scores["systems"][name].get("hallucination", {}).get("parts", {})
                for name in in_order(scores["systems"])}
    cells = {name: parts for name, parts in parts_of.items() if "refused_beyond" in parts}
    fig, axes = figure(2.9 * max(1, len(cells)), 3.4, 1, max(1, len(cells)), squeeze=False)
    for ax, (system, parts) in zip(axes[0], cells.items(), strict=False):
        refused, answered = (parts[name]["value"] for name in ("refused_beyond", "answered_within"))
        if refused is None or answered is None:
            continue
        grid = [[refused, 1 - refused], [1 - answered, answered]]
        ax.imshow(grid, cmap="Blues", vmin=0, vmax=1)
        for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
            ax.text(x, y, f"{grid[y][x]:.0%}", ha="center", va="center", fontsize=15,
                    color="white" if grid[y][x] > 0.55 else "black",
                    weight="bold" if x == y else "normal")
        ax.set_xticks([0, 1], ["says it does\nnot know", "answers"], fontsize=10)
        ax.set_yticks([0, 1], ["beyond", "within"], fontsize=10)
        ax.grid(visible=False)
        ax.set_title(system, fontsize=12, color=colour(system))
    return fig


@_styled
def score_against_length(rows: list[dict]):
    """Does short win by being short? Rows of {system, words, correct}, one line per system."""
    fig, ax = figure(8, 3.6)
    edges = [0, 8, 16, 24, 40, 61]
    for system in in_order(row["system"] for row in rows):
        points, tint = [], colour(system)
        for low, high in zip(edges, edges[1:], strict=False):
            inside = [row["correct"] for row in rows if row["system"] == system
                      and low <= row["words"] < high and row["correct"] is not None]
            if len(inside) >= 3:
                points.append(((low + high) / 2, sum(inside) / len(inside), len(inside)))
        _line(ax, [point[:2] for point in points], "o-", color=tint, label=system)
        for x, y, count in points:
            ax.annotate(f"n={count}", (x, y), textcoords="offset points", xytext=(0, 7),
                        fontsize=8, ha="center", color=tint)
    ax.set(xlim=(0, edges[-1]), ylim=(-0.02, 1.08), title="Score against length",
           xlabel="words in the reply (first 60 count)", ylabel="share correct")
    ax.legend()
    return fig


@_styled
def turns(rows: list[dict]):
    """Longer talks turn by turn, one panel per measure: the rows of `scores.by_turn`."""
    measures = {"words": "words in a reply", "refused": "share refused",
                "grounding": "share of names in the profile"}
    fig, axes = figure(10, 3.2, 1, len(measures))
    for ax, (measure, title) in zip(axes, measures.items(), strict=True):
        for system in in_order(row["system"] for row in rows):
            points = [(row["turn"] + 1, row[measure]) for row in rows
                      if row["system"] == system and row[measure] is not None]
            _line(ax, points, "o-", color=colour(system), label=system)
        ax.set(xlabel="turn", ylim=(0, None if measure == "words" else 1.05))
        ax.locator_params("x", integer=True)
        ax.set_title(title, fontsize=11)
    _legend_below(fig, *axes)
    return fig


@_styled
def value_map(rows: list[dict]):
    """Which convictions hold: rows of `scores.stances`, one line per stance, a point per system."""
    stances = list(dict.fromkeys(row["stance"] for row in rows))[::-1]  # the first on top
    systems = in_order(row["system"] for row in rows)
    fig, ax = figure(10, 1.5 + 0.42 * max(1, len(stances)))
    for row in sorted(rows, key=lambda row: systems.index(row["system"])):
        place = (systems.index(row["system"]) + 0.5) / len(systems)
        y = stances.index(row["stance"]) + 0.24 - 0.48 * place
        ax.plot([row["kept"] / max(1, row["asked"])], [y], "^" if row.get("pressure") else "o",
                ms=8, color=colour(row["system"]), alpha=0.85, label=row["system"])
    if systems:
        _legend_below(fig, ax)
    else:
        ax.text(0.5, 0, "no conviction was asked about", ha="center", va="center")
    ax.set_yticks(range(len(stances)), [_short(stance, 58) for stance in stances], fontsize=9)
    ax.set(xlim=(-0.05, 1.05), ylim=(-0.6, max(1, len(stances)) - 0.4), title="Which values hold",
           xlabel="held in both orders of the question (triangles: under pressure)")
    return fig


@_styled
def mask(pieces: list[tuple[str, bool]]):
    """Tokens of one example, the supervised ones shaded: what the loss sees."""
    width, lines = 92, [[]]
    for text, supervised in pieces:
        shown = text.replace("\n", "\u21b5")
        if sum(len(piece) for piece, _ in lines[-1]) + len(shown) > width:
            lines.append([])
        lines[-1].append((shown, supervised))
        if "\n" in text:
            lines.append([])
    lines = list(filter(None, lines))
    fig, ax = figure(10, 0.32 * len(lines) + 0.7)
    ax.axis("off")
    ax.set(xlim=(0, width), ylim=(-len(lines), 0.6), title="Blue is learned, grey is only read")
    for y, line in enumerate(lines):
        x = 0
        for text, supervised in line:
            ground = {"fc": "#BBDDF2" if supervised else "#EEEEEE", "ec": "white", "pad": 1.5}
            ax.text(x, -y, text, family="monospace", fontsize=9, bbox=ground, va="center")
            x += len(text)
    return fig
