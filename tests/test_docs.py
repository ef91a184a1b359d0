"""What users can call or set is documented; renew the page with `python tests/test_docs.py`."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND_LINE = ROOT / "docs" / "reference" / "command-line.md"


def command_line_page() -> str:
    """The help of every command, as it is printed."""
    commands = re.findall(r"^  (\w+)  ", help_of().split("Commands:")[1], re.MULTILINE)
    sections = [f"## storewatch {name}\n```\n{help_of(name)}```\n" for name in commands]
    return f"# The command line\n\n```\n{help_of()}```\n\n" + "\n".join(sections)


def help_of(*command: str) -> str:
    arguments = [sys.executable, "-m", "storewatch", *command, "--help"]
    text = subprocess.run(arguments, capture_output=True, text=True, check=True, env={"COLUMNS": "100"}).stdout
    return text.replace("Usage: python -m storewatch", "Usage: storewatch")


def test_command_line_page_is_current() -> None:
    assert COMMAND_LINE.read_text(encoding="utf-8") == command_line_page()


def test_every_setting_is_documented() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    pages = "".join(file.read_text(encoding="utf-8") for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert set(re.findall(r"STOREWATCH_[A-Z_]+", sources)) - set(re.findall(r"STOREWATCH_[A-Z_]+", pages)) == set()


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


if __name__ == "__main__":
    COMMAND_LINE.write_text(command_line_page(), encoding="utf-8")
