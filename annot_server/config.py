"""The home folder of one server and its settings.

HOME/config.toml      the settings below, each with its default, unit and reason
HOME/secret.key       signs sessions and makes pseudonyms; readable by its owner only
HOME/annotations.db   SQLite, unless `database_url` names another database
HOME/frames/          the frame images, by their SHA-256
"""

from __future__ import annotations

import difflib
import hmac
import json
import secrets
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from annot_server.errors import ConfigError

MAX_HINT_QUOTA = 3
"""At most this many of a frame's answers are given with a hint shown (R9)."""
PANEL_NAMES = ("", "prolific", "url")


def setting(
    default: Any, unit: str, reason: str, *, low: float | None = None, high: float | None = None
) -> Any:
    """Return a dataclass field that carries its unit, its reason and its bounds (inclusive)."""
    return field(
        default=default, metadata={"unit": unit, "reason": reason, "low": low, "high": high}
    )


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of a server; see each field's unit and reason."""

    database_url: str = setting(
        "sqlite:///annotations.db",
        "SQLAlchemy URL",
        "SQLite serves one machine well; postgresql+psycopg://... serves several. "
        "A relative SQLite path begins in this folder",
    )
    base_url: str = setting(
        "http://127.0.0.1:8000",
        "URL",
        "where people reach the server: invite links begin with it, and with https:// cookies "
        "are sent over TLS only",
    )
    redundancy: int = setting(
        5, "people a frame", "the paper asks five people for each frame", low=1, high=100
    )
    lease_s: int = setting(
        300, "seconds", "how long claimed frames wait for a page that went silent", low=1
    )
    lease_frames: int = setting(
        20, "frames", "one lease stays within one clip and a few minutes of work", low=1, high=100
    )
    undo_window_s: int = setting(
        60,
        "seconds",
        "how long an answer can be taken back; younger ones stay out of snapshots",
        low=0,
    )
    hint_quota: int = setting(
        2,
        "answers a frame",
        "how many of a frame's answers may see a prelabel, outside benchmark splits",
        low=0,
        high=MAX_HINT_QUOTA,
    )
    session_days: int = setting(30, "days", "how long a browser stays signed in", low=1, high=365)
    invite_days: int = setting(14, "days", "how long an unused invite link works", low=1, high=3650)
    panel: str = setting(
        "",
        "prolific, url or empty",
        "the crowd panel that sends people to /panel/NAME; empty: none",
    )
    panel_completion_code: str = setting(
        "", "code", "what people who finished bring back to the panel"
    )
    panel_completion_url: str = setting(
        "",
        "URL, {code} standing for the code",
        "where people who finished go; Prolific's own if empty",
    )
    panel_answers: int = setting(
        100, "answers a visit", "after so many a panel's submission can be finished", low=1
    )
    panel_people_per_address: int = setting(
        4,
        "new people a day",
        "what stands in a panel's address can be made up, and with fewer than `redundancy` nobody "
        "answers for a whole frame; raise it for a lab, 0 sets no limit",
        low=0,
    )
    trusted_proxies: int = setting(
        0,
        "reverse proxies",
        "how many stand before this server and say in X-Forwarded-For where a request came from; "
        "with too small a number everybody shares one sign-in limit, with too large a one "
        "anybody can get round it",
        low=0,
        high=5,
    )
    gold_every: int = setting(
        15,
        "answers",
        "one answer in so many is on a hidden gold frame, while there are some; 0 shows none",
        low=0,
    )
    gold_tolerance: float = setting(
        0.08,
        "of the frame's diagonal",
        "how far from a known answer a click may lie; gold frames keep what they came in with",
        low=0.001,
        high=1,
    )
    gold_window: int = setting(
        20, "gold frames", "a person's score is the share right among the last so many", low=1
    )
    gold_min_answers: int = setting(
        10, "gold frames", "nobody is judged by fewer hidden gold frames than this", low=1
    )
    gold_min_share: float = setting(
        0.6,
        "share of gold frames",
        "an annotator whose score falls below it is paused; 0 pauses nobody",
        low=0,
        high=1,
    )
    qualification_attempts: int = setting(
        3, "attempts", "how often somebody may try the qualification", low=1
    )
    qualification_wait_s: int = setting(
        600, "seconds", "the pause between two attempts at the qualification", low=0
    )

    def __post_init__(self) -> None:
        """Refuse values of another type or outside their bounds."""
        for item in fields(self):
            check_value(item.name, getattr(self, item.name), item.default, **bounds(item))
        if self.panel not in PANEL_NAMES:
            raise ConfigError(f"panel should be one of {PANEL_NAMES}, got {self.panel!r}")
        url = self.panel_completion_url
        if url and not url.startswith(("https://", "http://")):
            raise ConfigError(f"panel_completion_url should begin with https://, got {url!r}")

    @property
    def is_https(self) -> bool:
        """Whether people reach the server over TLS."""
        return self.base_url.lower().startswith("https://")


def bounds(item: Any) -> dict[str, float | None]:
    """Return the bounds that a field carries."""
    return {"low": item.metadata["low"], "high": item.metadata["high"]}


def check_value(
    name: str, value: object, default: object, low: float | None, high: float | None
) -> None:
    """Raise `ConfigError` when the value is not of its default's type or outside its bounds."""
    kind = type(default)
    if type(value) is not kind:
        raise ConfigError(f"{name} should be {kind.__name__}, got {value!r}")
    if isinstance(value, int | float) and (
        (low is not None and not value >= low) or (high is not None and not value <= high)
    ):
        upper = "" if high is None else f" and at most {high}"
        raise ConfigError(f"{name} should be at least {low}{upper}, got {value}")


def config_text(config: Config) -> str:
    """Return the settings as TOML, each under a line with its unit, reason and default."""
    blocks = []
    for item in fields(config):
        default = json.dumps(item.default)
        blocks.append(
            f"# {item.metadata['reason']}.\n# Unit: {item.metadata['unit']}; default: {default}\n"
            f"{item.name} = {json.dumps(getattr(config, item.name))}\n"
        )
    return "\n".join(blocks)


def read_config(path: Path) -> Config:
    """Read a `config.toml`; settings that are not in it have their defaults.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown (the nearest is named), or a
            value has the wrong type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); run `annot-server init` first"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from error
    names = [item.name for item in fields(Config)]
    for name in values:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, n=1, cutoff=0)[0]
            raise ConfigError(f"{path}: unknown setting {name!r}; did you mean {nearest!r}?")
    try:
        return Config(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class Home:
    """One server's folder."""

    path: Path

    @property
    def config_path(self) -> Path:
        """Where the settings stand."""
        return self.path / "config.toml"

    @property
    def secret_path(self) -> Path:
        """Where the secret stands."""
        return self.path / "secret.key"

    @property
    def frame_store(self) -> Path:
        """Where the frame images are."""
        return self.path / "frames"

    def create(self, config: Config) -> None:
        """Make the folder, its settings and its secret.

        Raises:
            ConfigError: the folder holds settings or a secret already.
        """
        self.make_folder()
        self.frame_store.mkdir(exist_ok=True)
        self.secret_path.touch(mode=0o600)
        self.secret_path.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
        self.config_path.touch(mode=0o600)  # the database's password may be in it
        self.config_path.write_text(config_text(config), encoding="utf-8")

    def make_folder(self) -> None:
        """Make the folder alone.

        Raises:
            ConfigError: the folder holds settings or a secret already.
        """
        # A second secret would sign everybody out and give everybody another pseudonym.
        for path in (self.config_path, self.secret_path):
            if path.exists():
                raise ConfigError(
                    f"{path}: exists already; keep it, or choose another folder with --home"
                )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(exist_ok=True)
        self.path.chmod(0o700)  # names and answers may be in it

    def config(self) -> Config:
        """Read the settings."""
        return read_config(self.config_path)

    def key(self, purpose: str) -> bytes:
        """Return the 32-byte key for one purpose, derived from the secret."""
        try:
            secret = self.secret_path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise ConfigError(f"{self.secret_path}: cannot be read ({error.strerror})") from error
        return hmac.digest(secret.encode(), purpose.encode(), "sha256")
