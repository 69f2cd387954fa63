"""`write_report`: one self-contained HTML page about a run."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenas.errors import UsageError
from edgenas.report.coerce import as_list, as_text
from edgenas.report.commands import missing
from edgenas.report.front_section import front_section
from edgenas.report.latency_section import latency_section, latency_title, operators_section
from edgenas.report.look import script, style
from edgenas.report.markup import Html, code, join, note, tag
from edgenas.report.metrics_section import metrics_section
from edgenas.report.network_section import network_section
from edgenas.report.overview import header, overview
from edgenas.report.own_images import FOLDER, own_images
from edgenas.report.pictures import class_legend, gallery, read_samples
from edgenas.report.run_data import RunData, read_run
from edgenas.report.search_section import search_section
from edgenas.storage import write_text_atomic

__all__ = ["Part", "page", "part", "parts_of", "render", "section", "title_of", "write_report"]


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


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the page that can be replaced by itself.

    Attributes:
        id: of its element.
        stamp: changes whenever its content does.
        html: the element.
    """

    id: str
    stamp: str
    html: str


def render(run: RunData) -> str:
    """The whole page as text."""
    return page(title_of(run), parts_of(run))


def title_of(run: RunData) -> str:
    """Title of the page."""
    return f"edgenas report: {run.folder.resolve().name}"


def parts_of(run: RunData) -> list[Part]:
    """The head of the page and its sections, in order."""
    sections = (
        ("overview", "Overview", overview(run)),
        ("front", "Quality against latency", front_section(run)),
        ("search", "The search", search_section(run)),
        ("winner", "The network", network_section(run)),
        ("latency", latency_title(run), latency_section(run)),
        ("metrics", "Metrics", metrics_section(run)),
        ("pictures", "Pictures", _pictures(run)),
        ("images", "Your own images", _own_images(run)),
        ("operators", "Operators", operators_section(run)),
    )
    return [
        part("head", "div", header(run), _problems(run)),
        *(section(id_, title, content) for id_, title, content in sections),
    ]


def section(id_: str, title: str, content: Html) -> Part:
    """A section with its heading; links go to `#id_`."""
    return part(id_, "section", tag("h2", title, id=id_), content, labelledby=id_)


def part(id_: str, element: str, *children: Html | None, labelledby: str | None = None) -> Part:
    """A part of the page."""
    inner = join(children)
    stamp = hashlib.sha256(inner.encode()).hexdigest()[:16]
    attributes = {"id": f"part-{id_}", "data_stamp": stamp, "aria_labelledby": labelledby}
    return Part(f"part-{id_}", stamp, tag(element, inner, **attributes))


def page(title: str, parts: Sequence[Part], *, live: bool = False) -> str:
    """A whole page of parts, the first of which is its head.

    Args:
        title: of the page.
        parts: the head and the sections.
        live: whether the page asks its server for changes.
    """
    head, *sections = parts
    headings = [re.search(r'<h2 id="([^"]*)">(.*?)</h2>', it.html, re.DOTALL) for it in sections]
    links = [tag("li", tag("a", Html(h[2]), href=f"#{h[1]}")) for h in headings if h]
    theme = tag("button", "Colours: auto", id="theme", type="button", hidden="hidden")
    state = tag("p", "Following the run.", id="live", role="status") if live else None
    body = tag(
        "body",
        tag("a", "Skip to the results", href="#results", class_="skip"),
        tag("header", Html(head.html), theme, state),
        tag("nav", tag("ul", *links), aria_label="Sections"),
        tag("main", *(Html(it.html) for it in sections), id="results"),
        tag("footer", tag("p", "Written by edgenas. Every latency says how it came about.")),
        tag("div", id="tip", role="status", hidden="hidden"),
        tag("script", Html(script())),
    )
    root = tag("html", _head(title, live=live), body, lang="en", data_live="yes" if live else None)
    return f"<!doctype html>\n{root}\n"


def _head(title: str, *, live: bool) -> Html:
    """The policy lets nothing run or load but our own style and script, whatever a run folder contains."""
    policy = (
        f"default-src 'none'; img-src data:; style-src {_source(style())}; script-src {_source(script())}"
    )
    policy += "; connect-src 'self'" if live else ""
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
        tag("style", Html(style())),
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _problems(run: RunData) -> Html | None:
    if not run.problems:
        return None
    items = [tag("li", problem) for problem in run.problems]
    return tag(
        "div", tag("p", "Some parts of this run cannot be read:"), tag("ul", *items), class_="problems"
    )


def _own_images(run: RunData) -> Html:
    shown = own_images(run.folder)
    command = f"edgenas run MODEL.tflite PHOTO.jpg --out {shlex.quote(str(run.folder / FOLDER))}"
    return note("None yet. Make them with ", code(command), ".") if shown is None else shown


def _pictures(run: RunData) -> Html:
    if run.samples is None:
        return missing("The run folder holds no pictures of predictions.", "export", run)
    try:
        samples = read_samples(run.samples)
    except UsageError as error:
        return note(str(error))
    frames, shown = gallery(samples)
    total = len(samples.pictures["image"])
    which = "best, middle and worst frames by the ranks of the tasks" if samples.ranked else "frames"
    words = note(
        f"Validation {which}, {shown} of {total}. Truth is from the data set; the others are predictions of the "
        "winner. A search keeps no weights of the baseline, so there are no pictures of it."
    )
    classes = [as_text(name) for name in as_list(run.config.data.get("class_names"))]
    shown_classes = class_legend(classes) if "truth_segmentation" in samples.pictures else None
    return join((words, shown_classes, frames))
