"""`write_report`: one self-contained HTML page about a run."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from edgenas.errors import UsageError
from edgenas.report.coerce import as_list, as_text
from edgenas.report.commands import missing
from edgenas.report.front_section import front_section
from edgenas.report.latency_section import latency_section, latency_title, operators_section
from edgenas.report.look import SCRIPT, STYLE
from edgenas.report.markup import Html, join, note, tag
from edgenas.report.metrics_section import metrics_section
from edgenas.report.network_section import network_section
from edgenas.report.overview import header, overview
from edgenas.report.pictures import class_legend, gallery, read_samples
from edgenas.report.run_data import RunData, read_run
from edgenas.storage import write_text_atomic

__all__ = ["render", "write_report"]


def write_report(run_dir: Path, out: Path | None = None) -> Path:
    """Writes the report of a run as one HTML page without any reference to the network.

    Args:
        run_dir: the run folder.
        out: where to write; RUN/report.html when None.

    Returns:
        The path written.

    Raises:
        UsageError: the folder is no readable run.
        EdgenasError: the page cannot be written.
    """
    page = render(read_run(run_dir))
    path = out if out is not None else run_dir / "report.html"
    if path.is_dir():
        path = path / "report.html"
    write_text_atomic(path, page)
    return path


def render(run: RunData) -> str:
    """The whole page as text."""
    sections = (
        ("overview", "Overview", overview(run)),
        ("front", "Quality against latency", front_section(run)),
        ("winner", "The network", network_section(run)),
        ("latency", latency_title(run), latency_section(run)),
        ("metrics", "Metrics", metrics_section(run)),
        ("pictures", "Pictures", _pictures(run)),
        ("operators", "Operators", operators_section(run)),
    )
    links = [tag("li", tag("a", title, href=f"#{id_}")) for id_, title, _ in sections]
    body = tag(
        "body",
        header(run),
        tag("nav", tag("ul", *links), aria_label="Sections"),
        tag("main", _problems(run), *(_section(*section) for section in sections)),
        tag("footer", tag("p", "Written by edgenas. Every latency says how it came about.")),
        tag("div", id="tip", role="status", hidden="hidden"),
        tag("script", Html(SCRIPT)),
    )
    title = f"edgenas report: {run.folder.resolve().name}"
    return "<!doctype html>\n" + tag("html", _head(title), body, lang="en") + "\n"


def _head(title: str) -> Html:
    """The policy lets nothing run or load but our own style and script, whatever a run folder contains."""
    policy = f"default-src 'none'; img-src data:; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content=f"{policy}; base-uri 'none'; form-action 'none'",
        ),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(STYLE)),
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _section(id_: str, title: str, content: Html) -> Html:
    return tag("section", tag("h2", title, id=id_), content, aria_labelledby=id_)


def _problems(run: RunData) -> Html | None:
    if not run.problems:
        return None
    items = [tag("li", problem) for problem in run.problems]
    return tag(
        "div", tag("p", "Some parts of this run cannot be read:"), tag("ul", *items), class_="problems"
    )


def _pictures(run: RunData) -> Html:
    if run.samples is None:
        return missing("The run folder holds no pictures of predictions.", "export", run)
    try:
        samples = read_samples(run.samples)
    except UsageError as error:
        return note(str(error))
    frames, shown = gallery(samples)
    total = len(samples["image"])
    words = note(
        f"Validation frames, {shown} of {total}. Truth is from the data set; the others are predictions."
    )
    classes = [as_text(name) for name in as_list(run.config.data.get("class_names"))]
    shown_classes = class_legend(classes) if "truth_segmentation" in samples else None
    return join((words, shown_classes, frames))
