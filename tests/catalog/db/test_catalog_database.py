import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from storewatch.catalog import Catalog
from storewatch.catalog.db import schema
from storewatch.catalog.db.upgrade import MIGRATIONS
from storewatch.domain.errors import CatalogVersionError, InvalidInputError

OPEN_AT_A_SIGN = """
import sys
from storewatch.catalog import Catalog
print("ready", flush=True)
sys.stdin.readline()
catalog = Catalog.open(sys.argv[1])
print(catalog.version(), catalog.stores.lake_version_known())
catalog.close()
"""

OPEN_AND_TELL_IMPORTS = """
import sys
from storewatch.catalog import Catalog
Catalog.open(sys.argv[1]).close()
print(*sorted({"alembic", "sqlalchemy", "sqlalchemy.orm"} & sys.modules.keys()))
"""


def test_head_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_migrated_database_is_the_schema(catalog: Catalog) -> None:
    with catalog.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_open_again_keeps_what_is_there(new_database_url: str) -> None:
    for _ in range(2):
        catalog = Catalog.open(new_database_url)
        with catalog.database.writing() as connection:
            connection.execute(text("UPDATE catalog_state SET version = version + 1"))
        version = catalog.version()
        catalog.close()
    assert version == 2


def test_open_creates_the_folder_of_a_sqlite_file(tmp_path: Path) -> None:
    Catalog.open(f"sqlite:///{tmp_path}/a/b/catalog.sqlite3").close()
    assert (tmp_path / "a/b/catalog.sqlite3").is_file()


def test_open_of_an_up_to_date_database_imports_no_alembic(catalog: Catalog, database_url: str) -> None:
    command = [sys.executable, "-c", OPEN_AND_TELL_IMPORTS, database_url]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "sqlalchemy\n"


def test_open_of_a_fresh_database_by_several_processes_at_once(new_database_url: str) -> None:
    command = [sys.executable, "-c", OPEN_AT_A_SIGN, new_database_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate() for process in processes] == [("0 -1\n", "")] * 3


def test_open_of_a_newer_database_is_refused(catalog: Catalog, database_url: str) -> None:
    with catalog.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogVersionError, match=r"written by a newer storewatch: it is at revision '9999'.* Install"):
        Catalog.open(database_url)


def test_open_of_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("store_id,status\n" * 1000)
    with pytest.raises(InvalidInputError, match=r"notes.txt cannot be used: file is not a database\. Use the path"):
        Catalog.open(f"sqlite:///{tmp_path}/notes.txt")


def test_open_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be used: unable to open database file\. Use the path"):
        Catalog.open(f"sqlite:///{tmp_path}")


def test_open_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match=r"cannot be used: .*file.*\. Use the path"):
        Catalog.open(f"sqlite:///{tmp_path}/file/catalog.sqlite3")


@pytest.mark.parametrize("query", ["", "?password=tell-nobody&sslpassword=tell-nobody"])
def test_open_of_an_unreachable_server_keeps_the_password(query: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Catalog.open(f"postgresql://me:tell-nobody@127.0.0.1:1/prices{query}")
    message = str(caught.value)
    assert message.startswith("The database postgresql://127.0.0.1:1/prices cannot be used: ")
    assert message.endswith(
        "Check that the server runs, that the database exists and that the user may use it (STOREWATCH_DATABASE_URL)."
    )
    assert "tell-nobody" not in message


def test_open_of_a_postgres_database_that_does_not_exist(postgres_url: str) -> None:
    with pytest.raises(InvalidInputError, match=r'database "absent" does not exist\. Check that'):
        Catalog.open(make_url(postgres_url).set(database="absent").render_as_string())


@pytest.mark.parametrize(
    "url",
    ["", "catalog.sqlite3", "sqlite://", "sqlite:///:memory:", "sqlite://host/file", "mysql://u:secret@host/db",
     "postgresql://u:secret@host:port/db", "postgresql+asyncpg://u:secret@host/db"],
)  # fmt: skip
def test_open_of_an_unusable_url(url: str) -> None:
    with pytest.raises(InvalidInputError, match="Set STOREWATCH_DATABASE_URL to sqlite:///FILE or to") as caught:
        Catalog.open(url)
    assert "secret" not in str(caught.value)


def test_reading_sees_one_state_while_others_write(catalog: Catalog) -> None:
    version = text("SELECT version FROM catalog_state")
    with catalog.database.reading() as reader:
        before = reader.execute(version).scalar_one()
        with catalog.database.writing() as writer:
            writer.execute(text("UPDATE catalog_state SET version = version + 1"))
        assert reader.execute(version).scalar_one() == before
    assert catalog.version() == before + 1


def test_writing_is_rolled_back_by_an_error(catalog: Catalog) -> None:
    def write_and_fail() -> None:
        with catalog.database.writing() as connection:
            connection.execute(text("UPDATE catalog_state SET version = 7"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert catalog.version() == 0


def test_foreign_keys_are_enforced(catalog: Catalog) -> None:
    row = text("INSERT INTO rejects (import_id, line, row, reason) VALUES (99, 1, '', '')")
    with pytest.raises(IntegrityError), catalog.database.writing() as connection:
        connection.execute(row)


def test_sqlite_commits_are_on_disk_when_they_return(sqlite_url: str) -> None:
    catalog = Catalog.open(sqlite_url)
    with catalog.database.reading() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    catalog.close()
    assert pragmas == ["wal", 2]


def test_postgres_connections_that_the_server_dropped_are_replaced(postgres_url: str) -> None:
    catalog = Catalog.open(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert catalog.version() == 0
    catalog.close()


def test_postgres_orders_stores_bytewise_whatever_its_locale(postgres_url: str) -> None:
    Catalog.open(postgres_url).close()
    query = (
        "SELECT collation_name FROM information_schema.columns WHERE table_name = 'stores' AND column_name = 'store_id'"
    )
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute(query).fetchone() == ("C",)


def test_connection_in_use_while_the_catalog_closes_is_closed_when_given_back(database_url: str) -> None:
    catalog = Catalog.open(database_url)
    with catalog.database.reading() as connection:
        used = connection.connection.dbapi_connection
        catalog.close()
    assert used is not None
    with pytest.raises((psycopg.OperationalError, sqlite3.ProgrammingError), match="closed"):
        used.cursor().execute("SELECT 1")
