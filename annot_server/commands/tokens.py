"""Commands about API tokens."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import click

from annot_server import tokens
from annot_server.commands.options import AS_JSON, ready
from annot_server.config import Home
from annot_server.server import utc_now


@click.group()
def token() -> None:
    """API tokens: ways in for programs."""


@token.command()
@click.argument("name")
@click.option(
    "--scopes",
    required=True,
    help=f"What it may do, divided by commas: {', '.join(tokens.SCOPES)}.",
)
@click.option("--label", default="", help="Where it is used, for the list.")
@click.option("--expires-days", type=click.IntRange(1, 3650), help="Never, if absent.")
@click.option("--model", is_flag=True, help="NAME is a model: make its account if it is new.")
@AS_JSON
@click.pass_obj
def create(
    home: Home,
    *,
    name: str,
    scopes: str,
    label: str,
    expires_days: int | None,
    model: bool,
    as_json: bool,
) -> None:
    """Make a token for the person or model NAME and print it; it is shown this once."""
    now = utc_now()
    expires_at = now + timedelta(days=expires_days) if expires_days else None
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    made = ready(home).database.write(
        lambda session: tokens.create_token(
            session,
            name=name,
            scopes=wanted,
            label=label,
            expires_at=expires_at,
            is_model=model,
            now=now,
        )
    )
    if as_json:
        click.echo(json.dumps({"name": name, "scopes": sorted(set(wanted)), "token": made}))
        return
    click.echo(made)
    click.echo("keep it safe: it is not shown again", err=True)


@token.command(name="list")
@AS_JSON
@click.pass_obj
def list_all(home: Home, *, as_json: bool) -> None:
    """List every token there is or was; the tokens themselves are not stored."""
    now = utc_now()
    with ready(home).database.read() as session:
        rows = tokens.list_tokens(session)
    for row in rows:
        if as_json:
            click.echo(json.dumps(as_record(row, now)))
            continue
        used = f"used {row.last_used_at:%Y-%m-%d}" if row.last_used_at else "never used"
        until = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "without end"
        words = (row.token_id, row.person, row.label or "-", row.scopes)
        click.echo("\t".join(map(str, (*words, row.state(now), used, until))))


def as_record(row: tokens.TokenRow, now: datetime) -> dict[str, object]:
    """Return a token as `--json` prints it; moments are ISO 8601 in UTC or null."""
    moments = ("created_at", "expires_at", "last_used_at", "revoked_at")
    times = {name: getattr(row, name) for name in moments}
    return {
        "token_id": row.token_id,
        "name": row.person,
        "label": row.label,
        "scopes": row.scopes.split(),
        "state": row.state(now),
        **{name: at.isoformat() if at else None for name, at in times.items()},
    }


@token.command()
@click.argument("token_id", metavar="ID", type=int)
@click.pass_obj
def revoke(home: Home, *, token_id: int) -> None:
    """Let the token of this ID (see `token list`) work no longer."""
    changed = ready(home).database.write(
        lambda session: tokens.revoke_token(session, token_id=token_id, now=utc_now())
    )
    click.echo(f"token {token_id} " + ("is revoked" if changed else "was revoked already"))
