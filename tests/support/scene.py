"""A small data set with known answers, as the files that people import."""

from datetime import UTC, datetime
from pathlib import Path

from storewatch.ingest import find_files
from storewatch.installation import Installation
from storewatch.settings import Settings
from support.importing import import_file

# cafe: open Monday 09:00-12:00 New York time (14:00-17:00 UTC): SEMANTICS 10's example. bar: no hours, no zone.
# ghost: hours, never observed. The newest poll, and so as_of, is Monday 2023-01-23 18:00 UTC.
POLLS = """store_id,status,timestamp_utc
cafe,active,2023-01-23 15:14:00 UTC
cafe,inactive,2023-01-23 16:15:00 UTC
cafe,inactive,2023-01-23 17:30:00 UTC
bar,active,2023-01-23 12:00:00 UTC
bar,inactive,2023-01-23 17:30:00 UTC
bar,active,2023-01-23 18:00:00 UTC
"""
HOURS = """store_id,dayOfWeek,start_time_local,end_time_local
cafe,0,09:00:00,12:00:00
ghost,0,00:00:00,00:00:00
"""
ZONES = """store_id,timezone_str
cafe,America/New_York
"""
HEADER = (
    "store_id,uptime_last_hour(in minutes),uptime_last_day(in hours),update_last_week(in hours),"
    "downtime_last_hour(in minutes),downtime_last_day(in hours),downtime_last_week(in hours)\n"
)
# bar: up until 17:30, also backwards to the week's start; down 17:30-18:00. cafe: up 135 min, down 45 min; in the last
# hour (17:00-18:00 UTC) it is closed.
REPORT = HEADER + "bar,30.0,23.5,167.5,30.0,0.5,0.5\ncafe,0.0,2.25,2.25,0.0,0.75,0.75\nghost,0.0,0.0,0.0,0.0,0.0,0.0\n"


def write_scene(folder: Path) -> Path:
    """Write the three files and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("store_status.csv", POLLS), ("menu_hours.csv", HOURS), ("timezones.csv", ZONES)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def settings_in(folder: Path, database_url: str | None = None) -> Settings:
    home = folder / "home"
    return Settings.from_environment(home, {"STOREWATCH_DATABASE_URL": database_url} if database_url else {})


def import_scene(app: Installation, folder: Path) -> None:
    for file in find_files([write_scene(folder)]).files:
        import_file(file, catalog=app.catalog, lake=app.lake, now=datetime.now(UTC))
