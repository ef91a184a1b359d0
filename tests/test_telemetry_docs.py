"""Every setting that the source reads is documented, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_setting_is_documented() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(STOREWATCH_\w+)` \|", reference, re.MULTILINE)
    assert sorted(set(documented)) == sorted(documented)
    assert set(documented) == set(re.findall(r"STOREWATCH_[A-Z_]*[A-Z]", source))
