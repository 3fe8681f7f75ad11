"""What the JSON API takes and gives, for checking and for the OpenAPI document.

Numbers are strict: marshmallow alone would take "0.5" and true for numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from annot_server.answers import Details
from annot_server.models import POINTERS, ROLES, SKIP_REASONS
from dataset_builder.geometry import Point

MAX_INTEGER = 2**31 - 1
NO_LEASE_REASONS = ("no_work", "paused", "to_qualify")


class Number(fields.Float):
    """A finite JSON number; no text, no truth value."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Count(fields.Integer):
    """A whole JSON number from 0 to what the database's integers hold; 7.0 is whole, as in JSON."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(0, MAX_INTEGER), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        is_whole = type(value) is int or (type(value) is float and value.is_integer())
        if not is_whole:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Truth(fields.Boolean):
    """A JSON truth value; no text, no number."""

    truthy = {True}  # noqa: RUF012 - marshmallow's own hook
    falsy = {False}  # noqa: RUF012 - marshmallow's own hook

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


class ErrorSchema(Schema):
    """Every error of the API."""

    error = fields.String(required=True, metadata={"description": "code to act on"})
    message = fields.String(required=True, metadata={"description": "one line for people"})
    frame_id = fields.Integer(metadata={"description": "the frame that is meant"})


class PointSchema(Schema):
    """A place, in fractions of the frame: origin top-left, x right, y down."""

    x = Number(required=True, validate=validate.Range(0, 1))
    y = Number(required=True, validate=validate.Range(0, 1))


class DetailsSchema(Schema):
    """How an answer was given, as the page saw it."""

    ms_since_paint = Count(allow_none=True)
    ms_taken = Count(allow_none=True)
    pointer = fields.String(allow_none=True, validate=validate.OneOf(POINTERS))
    display_width = Count(allow_none=True)
    display_height = Count(allow_none=True)
    device_pixel_ratio = Number(
        allow_none=True,
        validate=validate.Range(0, 100, min_inclusive=False),
        metadata={"exclusiveMinimum": 0},  # apispec itself writes `minimum` for both kinds
    )
    zoom = Number(allow_none=True, validate=validate.Range(1, 100))
    context_ms = Count(allow_none=True)
    hint_taken_by_key = Truth(allow_none=True)


class AnswerSchema(Schema):
    """A click, or `"point": null` for "not visible" (R39)."""

    point = fields.Nested(PointSchema, required=True, allow_none=True)
    details = fields.Nested(DetailsSchema)


class AnswerHeadersSchema(Schema):
    """The key under which an answer can be sent again safely; other headers pass."""

    class Meta:
        """Headers of all kinds come with every request."""

        unknown = EXCLUDE

    idempotency_key = fields.String(
        required=True,
        data_key="Idempotency-Key",
        # With both ends, as the document's readers search where marshmallow matches.
        validate=validate.Regexp(r"^[!-~]{1,128}$", error="1 to 128 printable characters."),
    )


def refuse_unstorable(value: str) -> None:
    """Refuse text that no database takes: half a surrogate pair, or a zero character."""
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise ValidationError("Has a zero character or half a surrogate pair.")


class SkipSchema(Schema):
    """Why a frame is passed on."""

    reason = fields.String(required=True, validate=validate.OneOf(SKIP_REASONS))
    comment = fields.String(allow_none=True, validate=[validate.Length(max=500), refuse_unstorable])


class LeaseRequestSchema(Schema):
    """Nothing, or the lease after which another one is wanted."""

    after_lease_id = Count()


class ReleaseSchema(Schema):
    """Nothing, or that later leases are given back as well."""

    and_later = Truth()


class HintSchema(Schema):
    """A model's suggestion."""

    point = fields.Nested(PointSchema, required=True)
    score = fields.Float(required=True)


class HeldFrameSchema(Schema):
    """A frame to answer; a blind one has no hint key at all (R9)."""

    frame_id = fields.Integer(required=True)
    second = fields.Integer(required=True)
    image_url = fields.String(required=True)
    context_url = fields.String(required=True)
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    hint = fields.Nested(HintSchema)


class ClipSchema(Schema):
    """The clip that the frames belong to."""

    clip_id = fields.String(required=True)
    video_id = fields.String(required=True)
    start_s = fields.Float(required=True)
    end_s = fields.Float(required=True)
    video_url = fields.String(required=True, allow_none=True)
    video_mime = fields.String(required=True, allow_none=True)


class ActionSchema(Schema):
    """What to look for."""

    action_id = fields.String(required=True)
    description = fields.String(required=True)


class LeaseSchema(Schema):
    """Frames that are yours for a while."""

    lease_id = fields.Integer(required=True)
    expires_in_s = fields.Integer(required=True)
    clip = fields.Nested(ClipSchema, required=True)
    action = fields.Nested(ActionSchema, required=True)
    frames = fields.List(fields.Nested(HeldFrameSchema), required=True)


class LeaseReplySchema(Schema):
    """A lease, or the reason why there is none, and what to tell the person."""

    lease = fields.Nested(LeaseSchema, required=True, allow_none=True)
    reason = fields.String(validate=validate.OneOf(NO_LEASE_REASONS))
    message = fields.String(allow_none=True)


class RenewedSchema(Schema):
    """How long the lease lasts now."""

    lease_id = fields.Integer(required=True)
    expires_in_s = fields.Integer(required=True)


class GivenSchema(Schema):
    """The stored answer, and how many the person has given."""

    frame_id = fields.Integer(required=True)
    answers_given = fields.Integer(required=True)


class SkippedSchema(Schema):
    """The stored skip."""

    frame_id = fields.Integer(required=True)


class VisitSchema(Schema):
    """How far a crowd panel's submission is."""

    wanted = fields.Integer(required=True, metadata={"description": "answers"})
    given = fields.Integer(required=True, metadata={"description": "answers"})
    finish_url = fields.String(
        required=True,
        metadata={"description": "to be offered once given >= wanted, or when no work is left"},
    )


class MeSchema(Schema):
    """Who is signed in; `visit` is null for people whom no panel sent."""

    name = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    answers_given = fields.Integer(required=True)
    visit = fields.Nested(VisitSchema, required=True, allow_none=True)


class VideoProgressSchema(Schema):
    """How far one video is."""

    video_id = fields.String(required=True)
    frames = fields.Integer(required=True)
    retired = fields.Integer(required=True)
    answers = fields.Integer(required=True)


class ActionProgressSchema(Schema):
    """How far one action is."""

    action_id = fields.String(required=True)
    description = fields.String(required=True)
    frames = fields.Integer(required=True)
    retired = fields.Integer(required=True)
    answers = fields.Integer(required=True)


class ProgressSchema(Schema):
    """How far the work is."""

    frames = fields.Integer(required=True)
    retired = fields.Integer(required=True)
    answers_active = fields.Integer(required=True)
    answers_wanted = fields.Integer(required=True)
    by_video = fields.List(fields.Nested(VideoProgressSchema), required=True)
    by_action = fields.List(fields.Nested(ActionProgressSchema), required=True)


def point_of(body: Mapping[str, Any]) -> Point | None:
    """Return the point of a checked answer."""
    return Point(**body["point"]) if body["point"] is not None else None


def details_of(body: Mapping[str, Any]) -> Details:
    """Return the details of a checked answer."""
    return Details(**body.get("details", {}))
