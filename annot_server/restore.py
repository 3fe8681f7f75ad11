"""A server's folder made again from a backup, in a new place, brought to this version's schema."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from annot_server.audit import Audit, audit
from annot_server.backup import (
    DATABASE_NAME,
    FRAMES_NAME,
    Manifest,
    check_sqlite,
    copy_frames,
    count_rows,
    make_private,
    read_manifest,
)
from annot_server.config import Config, Home, config_text, read_config
from annot_server.database import Database, open_engine
from annot_server.errors import ConfigError, StorageError
from annot_server.migration import migrations_folder, opened, upgrade
from annot_server.models import Frame
from annot_server.postgres_tools import load
from annot_server.retirement import summarise_retired
from annot_server.server import database_url
from dataset_builder.errors import InputError
from dataset_builder.frames import image_path
from dataset_builder.tables import check_sums, fresh_folder

SQLITE_DEFAULT = Config().database_url


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: what the backup said of itself, and what an audit of it counted.

    `missing_images` are names of images that rows have and the frame store does not.
    """

    manifest: Manifest
    audit: Audit
    missing_images: tuple[str, ...]


def restore(
    backup: Path, home: Home, *, new_url: str | None = None, frames: Path | None = None
) -> Restored:
    """Make a server's folder from a backup; nothing is left of it where that fails, also of rows.

    Args:
        backup: a folder that `back_up` wrote.
        home: the folder to make.
        new_url: another PostgreSQL database than the settings name; it must be empty.
        frames: the frame store, where the backup does not hold it; None: where it was.

    Raises:
        ConfigError: the folder exists already, or the URL is none for this backup.
        InputError: the backup is not whole.
        StorageError: its schema is not known, or its database cannot be read in.
    """
    if home.path.exists():
        raise ConfigError(f"{home.path}: exists already; restore makes a new folder, see --home")
    manifest = read_manifest(backup)
    _check(backup, manifest)
    config = read_config(backup / "config.toml")
    url = _url_for(manifest, config, new_url)
    store = frames or Path(manifest.frames_folder)
    with fresh_folder(home.path) as folder:
        new = Home(folder)
        shutil.copyfile(backup / "secret.key", new.secret_path)
        shutil.copyfile(backup / "config.toml", new.config_path)
        if url != config.database_url:
            new.config_path.write_text(config_text(replace(config, database_url=url)), "utf-8")
        engine = open_engine(database_url(new, new.config()))
        database = Database(engine)
        with contextlib.closing(database), _emptied_on_failure(engine):
            _read_in(backup, manifest, engine)
            upgrade(engine)
            summarise_retired(database)
            with Session(engine) as session:
                audited = audit(session)
                images = list(session.scalars(select(Frame.image_sha256).distinct()))
            make_private(folder)  # before the images: a link shares its rights with the old store
            if manifest.with_frames:
                copy_frames(backup / FRAMES_NAME, new.frame_store)
            else:
                _take_images(store, new.frame_store, images)
            missing = [name for name in images if not image_path(new.frame_store, name).is_file()]
    home.path.chmod(0o700)
    return Restored(manifest, audited, tuple(missing))


@contextlib.contextmanager
def _emptied_on_failure(engine: Engine) -> Iterator[None]:
    """Empty a PostgreSQL database again where the block fails; a file goes with its folder.

    Raises:
        StorageError: the database cannot be opened, or is not empty; then nothing of it is changed.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with opened(engine) as connection:
        if tables := inspect(connection).get_table_names():
            where = engine.url.render_as_string(hide_password=True)
            raise StorageError(
                f"{where}: is not empty (it has {tables[0]!r}); make an empty database and "
                "name it with --database-url"
            )
    try:
        yield
    except BaseException as failure:
        try:
            _drop_tables(engine)
        except DBAPIError as error:
            where = engine.url.render_as_string(hide_password=True)
            raise StorageError(
                f"the restore failed ({failure}), and what it had read into {where} could not be "
                "removed; drop that database and make it anew"
            ) from error
        raise


def _drop_tables(engine: Engine) -> None:
    engine.dispose()  # a connection may hold locks, or be broken
    with engine.begin() as connection:
        tables = MetaData()
        tables.reflect(connection)
        tables.drop_all(connection)


def _check(backup: Path, manifest: Manifest) -> None:
    """Refuse a backup that is not whole, or that a newer version made."""
    problems = check_sums(backup)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"{backup}: is damaged: {problems[0]}{more}")
    known = {
        script.revision
        for script in ScriptDirectory(str(migrations_folder())).walk_revisions("base", "heads")
    }
    if manifest.schema not in known:
        raise StorageError(
            f"{backup}: has schema {manifest.schema}, which this version does not know; "
            f"use version {manifest.version} or newer"
        )


def _url_for(manifest: Manifest, config: Config, new_url: str | None) -> str:
    """Return the database that the new folder's settings name."""
    if manifest.database == "sqlite":
        if new_url is not None:
            raise ConfigError("this backup holds a SQLite file; it goes into the new folder itself")
        is_inside = config.database_url == SQLITE_DEFAULT
        return config.database_url if is_inside else SQLITE_DEFAULT
    if new_url is not None and not new_url.startswith("postgresql"):
        raise ConfigError(f"this backup holds a PostgreSQL database, got the URL {new_url!r}")
    return new_url or config.database_url


def _read_in(backup: Path, manifest: Manifest, engine: Engine) -> None:
    """Bring the database back as it was, and see that every row has come."""
    path = backup / DATABASE_NAME[manifest.database]
    if manifest.database == "sqlite":
        check_sqlite(path)
        shutil.copyfile(path, str(engine.url.database))
    else:
        load(engine.url, path)
    with opened(engine) as connection:
        rows = count_rows(connection)
    if rows != manifest.rows:
        raise StorageError(f"{backup}: should hold {manifest.rows} rows, has {rows}")


def _take_images(store: Path, to: Path, images: list[str]) -> None:
    """Take the named images from a store that stays: as links where that is possible."""
    to.mkdir()
    for name in images:
        source, target = image_path(store, name), image_path(to, name)
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another disk, or one that knows no links
            shutil.copyfile(source, target)
