"""The rendered, narrated world: real videos of named actions whose truth is known exactly."""

from stg_model.world.settings import WorldSettings
from stg_model.world.world import render_world

__all__ = ["WorldSettings", "render_world"]
