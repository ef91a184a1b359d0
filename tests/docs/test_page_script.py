"""What the runner of pages takes for commands, files and equal outputs."""

from pathlib import Path

import pytest
from page_script import PageScript, is_output

PAGE = """
A file, `polls.csv`:

```
cafe
```

- In a list:

  ```
  $ cat polls.csv
  cafe
  $ A='two
  words' && printf '%s' "$A"
  two
  words
  ```

```
$ echo $A

$ (exit 3)
$ (exit 3)
…
```

```yaml
a: [1]
```
"""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("", ""),
        ("one\n\n", "one"),
        ("a … c\n", "a b c\n"),
        ("…\nlast\n", "last\n"),
        ("…\nlast\n", "1\n2\nlast\n"),
        ("id 5fd306e8-7539-4872-95ef-70fe24069453\n", "id 00000000-1111-2222-3333-444444444444\n"),
        ("next 2026-11-30T05:00:00Z\n", "next 2031-01-02T03:04:05.678901Z\n"),
        ('{"ms":1.4}\n', '{"ms":20}\n'),
        ("2.6 MB (lake 2.0 MB)\n", "13 MB (lake 9.9 MB)\n"),
    ],
)
def test_equal_outputs(shown: str, printed: str) -> None:
    assert is_output(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("", "one\n"),
        ("one\n", ""),
        ("one\n", "one\ntwo\n"),
        ("one\n", "a line before\none\n"),
        ("a … c\n", "a b\nc\n"),
        ("a.c\n", "abc\n"),
        ("at 2023-01-23T05:00:00Z\n", "at 2023-01-23T05:00:01Z\n"),
        ("id 5fd306e8-7539-4872-95ef-70fe24069453\n", "id 1\n"),
    ],
)
def test_different_outputs(shown: str, printed: str) -> None:
    assert not is_output(shown, printed)


def test_page_runs_in_one_shell_and_folder(tmp_path: Path) -> None:
    page, folder, checked = tmp_path / "page.md", tmp_path / "folder", []
    page.write_text(PAGE)
    folder.mkdir()
    script = PageScript(folder, port=9, checks={"yaml": checked.append})
    ran = [(shown, printed) for _, _, shown, printed in script.run(page)]
    script.close()
    assert ran == [
        ("cafe\n", "cafe\n"),
        ("two\nwords\n", "two\nwords"),
        ("\n", "two words\n"),
        ("", "(exit code 3)\n"),
        ("…\n", ""),
    ]
    assert checked == ["a: [1]\n"]


def test_block_of_no_known_kind_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\nlog line\n```\n")
    script = PageScript(tmp_path, port=9, checks={})
    with pytest.raises(AssertionError, match=r"^page\.md:1: a block of no known kind"):
        list(script.run(page))
    script.close()
