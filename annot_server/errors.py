"""Errors of the annotation server.

    ServerError
    |-- ConfigError                     config.toml, the home folder or an option is wrong
    |-- StorageError                    the database cannot keep our promises, or is another version
    `-- RequestError                    a request that we answer with a status and a code
        |-- NotSignedInError            401 not_signed_in
        |-- ForbiddenError              403 forbidden
        |-- NotFoundError               404 not_found
        |-- LeaseLostError              409 lease_lost
        |-- AlreadyAnsweredError        409 already_answered
        |-- IdempotencyConflictError    409 idempotency_conflict
        |-- UndoExpiredError            409 undo_expired
        |-- NotReviewableError          409 not_reviewable
        |-- InviteUsedError             410 invite_used
        |-- InviteExpiredError          410 invite_expired
        |-- PanelUrlError               400 panel_url
        |-- VisitTakenError             409 visit_taken
        |-- VisitOverError              410 visit_over
        |-- NotJsonError                415 not_json
        |-- WrongPasswordError          401 wrong_password
        |-- PasswordRuleError           422 password_rule
        |-- UnusableFileError           422 unusable_file
        |-- UnusableTextError           422 unusable_text
        |-- TooManyAttemptsError        429 too_many_attempts
        |-- BusyError                   503 busy
        `-- DatabaseAwayError           503 database_away

Messages say what is wrong, with which value, and what to do; page and scripts show them as they
are, and act on `code`.
"""

from __future__ import annotations


def marked(message: str) -> str:
    """Return a sentence as it is, and mark it for translation (see `views.language`).

    Only sentences without values in them can be found again in the table of translations.
    """
    return message


class ServerError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(ServerError):
    """The home folder, its `config.toml`, or a value given on the command line is wrong."""


class StorageError(ServerError):
    """The database cannot keep what we promise, or its schema is of another version."""


class RequestError(ServerError):
    """A request that is answered with `status` and `code`; `frame_id` where one frame is meant."""

    status = 400
    code = "bad_request"

    def __init__(self, message: str, frame_id: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.frame_id = frame_id


class NotSignedInError(RequestError):
    """Nobody is signed in."""

    status = 401
    code = "not_signed_in"


class ForbiddenError(RequestError):
    """The person's role does not allow this, or the request came from another site."""

    status = 403
    code = "forbidden"


class NotFoundError(RequestError):
    """There is no such thing, or it belongs to somebody else."""

    status = 404
    code = "not_found"


class LeaseLostError(RequestError):
    """The person holds no place on this frame, and none can be given back."""

    status = 409
    code = "lease_lost"


class AlreadyAnsweredError(RequestError):
    """The person has answered or skipped this frame."""

    status = 409
    code = "already_answered"


class IdempotencyConflictError(RequestError):
    """The key was used for another answer."""

    status = 409
    code = "idempotency_conflict"


class UndoExpiredError(RequestError):
    """Too late, too many answers since, or nothing left to undo."""

    status = 409
    code = "undo_expired"


class NotReviewableError(RequestError):
    """The frame is of a kind, or in a state, in which a reviewer decides nothing."""

    status = 409
    code = "not_reviewable"


class InviteUsedError(RequestError):
    """The one-time link was used before."""

    status = 410
    code = "invite_used"


class InviteExpiredError(RequestError):
    """The one-time link was not used in time, or was withdrawn."""

    status = 410
    code = "invite_expired"


class PanelUrlError(RequestError):
    """The address under which a panel sends people lacks something."""

    status = 400
    code = "panel_url"


class VisitTakenError(RequestError):
    """Another browser holds this submission of a panel, or an earlier one of the same person."""

    status = 409
    code = "visit_taken"


class VisitOverError(RequestError):
    """This submission of a panel has ended."""

    status = 410
    code = "visit_over"


class PasswordRuleError(RequestError):
    """A new password that our rules do not allow."""

    status = 422
    code = "password_rule"


class UnusableFileError(RequestError):
    """A file that is not what its format says; the message names the line."""

    status = 422
    code = "unusable_file"


class UnusableTextError(RequestError):
    """A query or a form holds a character that no text can hold."""

    status = 422
    code = "unusable_text"


class WrongPasswordError(RequestError):
    """No such name, no password set, or another one."""

    status = 401
    code = "wrong_password"


class TooManyAttemptsError(RequestError):
    """Too many wrong passwords or tokens; the same may be tried again `retry_after_s` later."""

    status = 429
    code = "too_many_attempts"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotJsonError(RequestError):
    """A body that is not sent as JSON."""

    status = 415
    code = "not_json"


class BusyError(RequestError):
    """Too many ask for something slow at once; the same request will do in a moment."""

    status = 503
    code = "busy"


class DatabaseAwayError(RequestError):
    """The database cannot be reached: nothing was stored, and the same request may soon work."""

    status = 503
    code = "database_away"

    def __init__(self) -> None:
        super().__init__(
            marked("the database cannot be reached just now; please try again in a moment")
        )
