"""Commands about people: invites, passwords, roles, pauses, forgetting."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import click
from sqlalchemy.orm import Session

from annot_server.accounts import change_role, find_person
from annot_server.commands.options import AS_JSON, ready
from annot_server.config import Home
from annot_server.errors import ConfigError, PasswordRuleError
from annot_server.forgetting import SECRET_OF_TRACES
from annot_server.forgetting import forget as forget_person
from annot_server.invitations import invite as make_invite
from annot_server.invitations import new_names, revoke_invitations
from annot_server.models import MODEL, ROLES
from annot_server.panels import name_of_submission
from annot_server.passwords import check_rules, hash_password, set_password
from annot_server.pauses import pause as pause_person
from annot_server.pauses import resume as resume_person
from annot_server.server import utc_now

PEOPLE_ROLES = tuple(role for role in ROLES if role != MODEL)
MANY = click.IntRange(1, 10_000)


@click.command()
@click.argument("name", required=False)
@click.option("--role", type=click.Choice(PEOPLE_ROLES), required=True)
@click.option("--base-url", help="Where people reach the server; the settings' base_url if absent.")
@click.option(
    "--expires-days",
    type=click.IntRange(1, 3650),
    help="How long unused links work; the settings' invite_days if absent.",
)
@click.option("--count", type=MANY, help="Invite so many new people, named PREFIX and a number.")
@click.option("--prefix", help="What their names begin with.")
@click.option("--submission", help="Instead of NAME: whoever came with this panel submission.")
@AS_JSON
@click.pass_obj
def invite(
    home: Home,
    *,
    name: str | None,
    role: str,
    base_url: str | None,
    expires_days: int | None,
    count: int | None,
    prefix: str | None,
    submission: str | None,
    as_json: bool,
) -> None:
    """Print a one-time sign-in link for a person NAME, or many with --count and --prefix."""
    many = count is not None or prefix is not None
    if [name is not None, submission is not None, many].count(True) != 1 or (
        many and None in (count, prefix)
    ):
        raise click.UsageError("give one of NAME, --submission, or --count with --prefix")
    this, now = ready(home), utc_now()
    url = (base_url or this.config.base_url).rstrip("/")
    expires_at = now + timedelta(days=expires_days or this.config.invite_days)

    def make(session: Session) -> list[dict[str, str]]:
        names = [name or ""]
        if submission is not None:
            names = [name_of_submission(session, submission)]
        elif count is not None and prefix is not None:
            names = new_names(session, prefix=prefix, count=count)
        return [
            {
                "name": each,
                "role": role,
                "url": f"{url}/join/"
                + make_invite(session, name=each, role=role, now=now, expires_at=expires_at),
            }
            for each in names
        ]

    made = this.database.write(make)
    for link in made:
        if as_json:
            click.echo(json.dumps(link))
        else:
            click.echo(f"{link['name']}\t{link['url']}" if many else link["url"])


@click.command()
@click.argument("name", required=False)
@click.option("--everybody", is_flag=True, help="The unused links of all people.")
@click.pass_obj
def revoke_invites(home: Home, *, name: str | None, everybody: bool) -> None:
    """Let the unused invite links of NAME, or of everybody, work no longer."""
    if (name is None) != everybody:
        raise click.UsageError("give either NAME or --everybody")
    revoked = ready(home).database.write(
        lambda session: revoke_invitations(
            session, person_id=find_person(session, name).id if name else None, now=utc_now()
        )
    )
    click.echo(f"{revoked} unused links work no longer")


@click.command()
@click.argument("name")
@click.option("--stdin", is_flag=True, help="Read the password from the first line of stdin.")
@click.pass_obj
def password(home: Home, *, name: str, stdin: bool) -> None:
    """Set the password of NAME, which ends their sessions."""
    this = ready(home)
    with this.database.read() as session:
        person = find_person(session, name)
        person_id, name = person.id, person.name
    if stdin:
        new = sys.stdin.readline().rstrip("\r\n")
    else:
        new = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        check_rules(new, name)
    except PasswordRuleError as error:
        raise ConfigError(error.message) from error
    hashed = hash_password(new)
    this.database.write(
        lambda session: set_password(
            session, person_id=person_id, password_hash=hashed, now=utc_now()
        )
    )
    click.echo(f"{name} has a new password, and is signed out everywhere")


@click.command(name="change-role")
@click.argument("name")
@click.argument("role", type=click.Choice(PEOPLE_ROLES))
@click.pass_obj
def set_role(home: Home, *, name: str, role: str) -> None:
    """Give NAME another ROLE, which ends their sessions."""
    changed = ready(home).database.write(
        lambda session: change_role(session, name=name, role=role, now=utc_now())
    )
    click.echo(f"{name} is now {role}" if changed else f"{name} is {role} already")


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="One line, for maintainers.")
@click.pass_obj
def pause(home: Home, *, name: str, reason: str) -> None:
    """Lease nothing to NAME until `resume`; what they answered stays."""
    changed = ready(home).database.write(
        lambda session: pause_person(
            session, person_id=find_person(session, name).id, reason=reason, now=utc_now()
        )
    )
    click.echo(f"{name} is paused" if changed else f"{name} is paused already")


@click.command()
@click.argument("name")
@click.pass_obj
def resume(home: Home, *, name: str) -> None:
    """Let a paused person NAME go on."""
    changed = ready(home).database.write(
        lambda session: resume_person(
            session, person_id=find_person(session, name).id, now=utc_now()
        )
    )
    click.echo(f"{name} goes on" if changed else f"{name} is not paused")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@click.pass_obj
def forget(home: Home, *, name: str, yes: bool) -> None:
    """Erase who NAME is: name, e-mail, panel id, every way in. Their answers stay."""
    this = ready(home)
    with this.database.read() as session:
        person_id = find_person(session, name).id
    if not yes:
        click.confirm(f"Forget {name}? This cannot be undone", abort=True, err=True)
    secret = home.key(SECRET_OF_TRACES)
    this.database.write(
        lambda session: forget_person(session, person_id=person_id, secret=secret, now=utc_now())
    )
    click.echo(f"person {person_id} is forgotten; their answers stay under a pseudonym")
    click.echo("backups made before still name them", err=True)


COMMANDS = (invite, revoke_invites, password, set_role, pause, resume, forget)
