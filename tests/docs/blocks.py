"""The fenced blocks of the pages.

- `bash`: commands that are run, in the order of the page, by `test_pages.py`.
- `bash` with a title "needs ..." or "takes ...": what a test cannot have. The reader sees the title, and the commands
  are held against the command line: they exist, their options exist, their values are allowed.
- `python`: run, in the order of the page.
- any language with a title that is a file name: the file is written, and later commands find it.
- everything else (`text`, `yaml`) is shown only.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"bash", "python", "toml", "text", "yaml", "json", "csv", "dockerfile"}
_FENCE = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```\n?", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"[\w./-]+\.\w+$")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: path from the root of the project.
        line: its first line in the page.
        language: after the fence.
        title: its title, or "".
        text: what is in it.
    """

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page}:{self.line}"

    @property
    def excused(self) -> bool:
        """Whether a test cannot have what its commands need; the title tells the reader."""
        return self.title.startswith(("needs ", "takes "))

    @property
    def file(self) -> str:
        """Name of the file that the block is, or ""."""
        return self.title if _FILE.match(self.title) else ""


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent, language, rest, body = match.groups()
        title = re.search(r'title="([^"]*)"', rest)
        lines = [line.removeprefix(indent) for line in body.splitlines()]
        place = text.count("\n", 0, match.start()) + 2
        name = str(page.relative_to(ROOT))
        found.append(Block(name, place, language, title.group(1) if title else "", "\n".join(lines) + "\n"))
    return found


def commands(block: Block) -> list[str]:
    """The commands of a bash block: continued lines joined, comments and empty lines left out."""
    lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
    return [line.strip() for line in lines if shlex.split(line, comments=True)]


def words(line: str) -> tuple[list[str], dict[str, str]]:
    """The words of a command without its redirections, and those: {">": file, "2>": file}."""
    rest: list[str] = []
    redirected: dict[str, str] = {}
    waiting = iter(shlex.split(line, comments=True))
    for word in waiting:
        if word in (">", "2>"):
            redirected[word] = next(waiting)
        else:
            rest.append(word)
    return rest, redirected


def edgenas_lines(page: Path) -> list[tuple[str, str]]:
    """Every `edgenas ...` command of the bash blocks, with its place."""
    return [
        (f"{block.where}", line)
        for block in blocks(page)
        if block.language == "bash"
        for line in commands(block)
        if line.startswith("edgenas")
    ]
