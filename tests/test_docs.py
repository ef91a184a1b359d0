"""Checks that commands, routes and settings are documented; `python tests/test_docs.py` renews the generated pages."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.command_line import run_command
from support.scene import settings_in

from storewatch.installation import open_installation, prepare_service
from storewatch.reports.request.parameters import parameters_of
from storewatch.reports.request.request import ReportRequest
from storewatch.web.service import create_service

ROOT = Path(__file__).parents[1]
COMMAND_LINE = ROOT / "docs" / "reference" / "command-line.md"
OPENAPI = ROOT / "docs" / "reference" / "openapi.json"
SECURITY = ROOT / "docs" / "security"
# How many requirements of level 1 and of level 2 each chapter of OWASP ASVS 5.0.0 has.
ASVS_LEVEL_1 = (8, 4, 8, 2, 4, 13, 6, 4, 4, 5, 3, 3, 1, 2, 3, 0, 0)
ASVS_LEVEL_2 = (19, 7, 11, 8, 5, 21, 12, 3, 3, 24, 11, 6, 12, 7, 10, 16, 7)
PARAMETERS = ROOT / "docs" / "reference" / "report-parameters.md"


def command_line_page() -> str:
    """The help of every command, and of those below it, as it is printed."""
    return f"# The command line\n\n```\n{help_of()}```\n\n" + "\n".join(sections_below())


def sections_below(*group: str) -> Iterator[str]:
    _, _, commands = help_of(*group).partition("Commands:")
    for name in re.findall(r"^  ([\w-]+)  ", commands, re.MULTILINE):
        command = *group, name
        yield f"{'#' * (1 + len(command))} storewatch {' '.join(command)}\n```\n{help_of(*command)}```\n"
        yield from sections_below(*command)


def help_of(*command: str) -> str:
    printed = run_command(*command, "--help", environment={"COLUMNS": "100"})
    assert printed.returncode == 0, printed.stderr
    return printed.stdout


def openapi_of(folder: Path) -> dict[str, Any]:
    """Return the content of /openapi.json. folder: for a new installation."""
    with open_installation(settings_in(folder)) as app:
        return create_service(prepare_service(app, with_worker=False)).openapi()


def openapi_page(folder: Path) -> str:
    return json.dumps(openapi_of(folder), indent=1, ensure_ascii=False) + "\n"


def parameters_page() -> str:
    """The parameters of a report: names in JSON and on the command line, values, defaults and descriptions."""
    rows = []
    for each in parameters_of(ReportRequest):
        flags = each.parameter.flags or (f"--{each.name.replace('_', '-')}",)
        value = "" if each.is_flag else f" {each.parameter.metavar}"
        option = ", ".join(f"`{flag}{value}`" for flag in flags)
        values = f" One of {', '.join(f'`{name}`' for name in each.values)}." if each.values else ""
        default = f" Default: {each.default_words}." if each.default_words else ""
        rows.append(f"| `{each.name}` | {option} | {each.text}{values}{default} |")
    return (
        "# The parameters of a report\n\n"
        "The same in `POST /v1/reports`, in saved reports and schedules, and as options of `storewatch report`.\n"
        "In JSON, lists are arrays, labels are an object, and options without a value are `true`.\n\n"
        "| name | option | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def test_report_parameters_page_is_current() -> None:
    assert PARAMETERS.read_text(encoding="utf-8") == parameters_page()


def test_command_line_page_is_current() -> None:
    assert COMMAND_LINE.read_text(encoding="utf-8") == command_line_page()


def test_openapi_page_is_current(tmp_path: Path) -> None:
    assert OPENAPI.read_text(encoding="utf-8") == openapi_page(tmp_path)


def test_every_setting_is_documented() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    pages = "".join(file.read_text(encoding="utf-8") for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert set(re.findall(r"STOREWATCH_[A-Z_]+", sources)) - set(re.findall(r"STOREWATCH_[A-Z_]+", pages)) == set()


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_api_guide_lists_every_endpoint_once(tmp_path: Path) -> None:
    paths = openapi_of(tmp_path)["paths"]
    guide = (ROOT / "docs" / "guides" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([A-Z]+ /[^` ]*)` \|", guide, re.MULTILINE)
    assert sorted(listed) == sorted(f"{method.upper()} {path}" for path, methods in paths.items() for method in methods)


def test_readme_links_every_guide() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    guides = {f"docs/guides/{page.name}" for page in (ROOT / "docs" / "guides").glob("*.md")}
    assert guides - set(re.findall(r"\]\(([^)#]+)", readme)) == set()


def test_architecture_names_what_exists() -> None:
    """Files and folders (`lake/lake.py`, `lake/`, `tests/reference/`), names in files (`Lake.append`), other names."""
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "storewatch"
    text_of = {file: file.read_text(encoding="utf-8") for file in package.rglob("*.py")}
    words = set(re.findall(r"`([^`\s]+)`", page))
    places = [word for word in words if word.endswith((".py", "/"))]
    assert [place for place in places if not ((package / place).exists() or (ROOT / place).exists())] == []
    behind = re.findall(r"`([a-z_/]+\.py)`\s+`([A-Za-z_.]+)`", page)
    assert len(behind) > 10
    for path, name in behind:
        missing = [part for part in name.split(".") if not re.search(rf"(def|class) {part}\b", text_of[package / path])]
        assert (path, missing) == (path, [])
    known = set(re.findall(r"(?:def|class) (\w+)|^(\w+)\b.* = |= \"(\w+)\"", "".join(text_of.values()), re.MULTILINE))
    names = {name for word in words if re.fullmatch(r"\w+(\.\w+)?", word) for name in word.split(".")}
    assert names - {name for found in known for name in found} - {place.stem for place in package.rglob("*")} == set()


def test_security_pages_name_what_exists() -> None:
    """Files and folders of the repository or the package, tests, settings."""
    functions = {
        name
        for file in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    settings = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for page in ("threat-model.md", "asvs.md"):
        text = (SECURITY / page).read_text(encoding="utf-8")
        words = set(re.findall(r"`([^`\n]+)`", text))
        places = {word for word in words if re.fullmatch(r"[\w./-]+(?:\.(?:py|typ|lock|toml)|/)", word)}
        tests = {word for word in words if word.startswith("test_")}
        assert min(len(places), len(tests)) > 10
        folders = (ROOT, ROOT / "src" / "storewatch")
        assert [place for place in places if not any((folder / place).exists() for folder in folders)] == []
        assert tests - functions == set()
        assert {name for name in re.findall(r"STOREWATCH_[A-Z_]+", text) if f"`{name}`" not in settings} == set()


def test_asvs_page_answers_every_requirement_once() -> None:
    text = (SECURITY / "asvs.md").read_text(encoding="utf-8")
    row = (
        r"^\| (\d+)\.([\d.]+)(?: to [\d.]+ \((\d+)\))? \| ([12]) \| [^|]+ \| (met|does not apply|not met) \| [^|]+ \|$"
    )
    rows = re.findall(row, text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\| \d", text, re.MULTILINE)) == len({(row[0], row[1]) for row in rows})
    answers: Counter[str] = Counter()
    requirements: Counter[tuple[int, int]] = Counter()
    for chapter, _, number, level, answer in rows:
        answers[answer] += int(number or 1)
        requirements[int(level), int(chapter)] += int(number or 1)
    chapters = range(1, len(ASVS_LEVEL_1) + 1)
    assert [requirements[1, chapter] for chapter in chapters] == [*ASVS_LEVEL_1]
    assert [requirements[2, chapter] for chapter in chapters] == [*ASVS_LEVEL_2]
    summary = (
        f"Of {answers.total()} requirements {answers['met']} are met, {answers['does not apply']} do not apply, "
        f"{answers['not met']} are not met."
    )
    assert summary in text


if __name__ == "__main__":
    COMMAND_LINE.write_text(command_line_page(), encoding="utf-8")
    PARAMETERS.write_text(parameters_page(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as home:
        OPENAPI.write_text(openapi_page(Path(home)), encoding="utf-8")
