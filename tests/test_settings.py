from pathlib import Path

import pytest

from storewatch.domain.errors import InvalidInputError
from storewatch.installation import open_installation
from storewatch.settings import Settings


def test_settings_default_to_a_home_in_the_working_folder() -> None:
    settings = Settings.from_environment(environment={})
    assert settings.home == Path.cwd() / "storewatch-data"
    assert settings.lake_url == str(settings.home / "lake")


def test_settings_take_each_variable_and_an_explicit_home_wins(tmp_path: Path) -> None:
    environment = {
        "STOREWATCH_HOME": "/elsewhere",
        "STOREWATCH_DATABASE_URL": "postgresql://db/storewatch",
        "STOREWATCH_LAKE_URL": "s3://bucket/lake",
    }
    settings = Settings.from_environment(tmp_path, environment)
    assert settings == Settings(home=tmp_path, database_url="postgresql://db/storewatch", lake_url="s3://bucket/lake")
    assert Settings.from_environment(environment=environment).home == Path("/elsewhere")


def test_home_may_have_any_name(tmp_path: Path) -> None:
    home = tmp_path / "odd ? 100% #ü"
    with open_installation(Settings.from_environment(home, {})) as app:
        assert app.lake.snapshot().rows == 0
    assert {entry.name for entry in home.iterdir()} >= {"catalog.sqlite3", "lake"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STOREWATCH_MAX_BODY_MB", "0"),
        ("STOREWATCH_MAX_UPLOAD_MB", "-1"),
        ("STOREWATCH_REQUEST_SECONDS", "1.5"),
        ("STOREWATCH_MIN_FREE_MB", "much"),
        ("STOREWATCH_LOG_LEVEL", "LOUD"),
        ("STOREWATCH_METRICS_OPEN", "maybe"),
        ("STOREWATCH_REQUIRE_KEY", "2"),
    ],
)
def test_nonsense_in_a_setting_is_refused_with_the_reason(name: str, value: str) -> None:
    with pytest.raises(InvalidInputError, match=f"(?i){name} is '{value}'; it must be "):
        Settings.from_environment(environment={name: value})


def test_log_level_may_be_written_small() -> None:
    assert Settings.from_environment(environment={"STOREWATCH_LOG_LEVEL": "debug"}).log_level == "DEBUG"
