"""Files of an installation that other users of the machine may use are found, in the home and in a lake elsewhere."""

from pathlib import Path

from storewatch.private_files import exposed_files
from storewatch.settings import Settings


def test_files_of_home_and_of_a_lake_elsewhere_are_found(tmp_path: Path) -> None:
    home, lake = tmp_path / "home", tmp_path / "lake"
    for folder in (home, lake):
        folder.mkdir(mode=0o700)
        (folder / "file").touch(mode=0o600)
    settings = Settings.from_environment(home, {"STOREWATCH_LAKE_URL": str(lake)})
    assert settings.local_folders == [home, lake]
    assert list(exposed_files(settings.local_folders)) == []
    (home / "link").symlink_to("/etc/hostname")  # the permissions of a link say nothing
    (lake / "file").chmod(0o640)
    home.chmod(0o711)
    assert list(exposed_files(settings.local_folders)) == [home, lake / "file"]


def test_local_folders_leave_out_object_stores_and_the_lake_in_the_home(tmp_path: Path) -> None:
    for environment in ({}, {"STOREWATCH_LAKE_URL": "s3://bucket/lake"}):
        assert Settings.from_environment(tmp_path, environment).local_folders == [tmp_path]
