"""JSON bodies of the API: what no parser can read is a 400, not a failure of ours."""

from __future__ import annotations

import json
from typing import Any

import flask_smorest
from webargs.flaskparser import FlaskParser


class BodyParser(FlaskParser):
    """The parser of flask-smorest, for bodies that make Python's own give up."""

    def _raw_load_json(self, req: Any) -> Any:
        """Read a body; nested or written out too deeply it is as unreadable as any other."""
        try:
            return super()._raw_load_json(req)
        except json.JSONDecodeError:
            raise
        except (RecursionError, ValueError) as error:  # thousands of brackets, or of digits
            raise json.JSONDecodeError(str(error), "a body", 0) from error


class Blueprint(flask_smorest.Blueprint):
    """A part of the API whose bodies are read by our parser."""

    ARGUMENTS_PARSER = BodyParser()
