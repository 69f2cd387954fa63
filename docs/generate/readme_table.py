"""Writes the rows of `benchmarks/measured.toml` that the README shows into it.

python docs/generate/readme_table.py
"""

from __future__ import annotations

from pathlib import Path

from measured import read_measured, readme_table, with_table


def main() -> None:
    """Rewrites what stands between the marks in README.md."""
    root = Path(__file__).resolve().parents[2]
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(with_table(text, readme_table(read_measured(root))), encoding="utf-8")


if __name__ == "__main__":
    main()
