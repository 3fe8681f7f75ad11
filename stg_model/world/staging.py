"""Where hand, tool and object are at a given time, and the exact box round them.

The box holds the solid pixels of object, tool and hand as they are drawn at that time; shadows
are no part of it. An action may stand wherever all of its motion stays inside the frame, and every
such place is equally likely (R32).
"""

from __future__ import annotations

import math

from dataset_builder.geometry import Box
from stg_model.world import props
from stg_model.world.actions import WorldAction
from stg_model.world.scene import Take, VideoPlan
from stg_model.world.sprites import (
    REFERENCE_HEIGHT,
    PixelBox,
    Placed,
    Sprite,
    kept,
    make_sprite,
    union,
)

ACTION_SIZE = 1.1
"""How large actions are drawn; other things on the table have size 1."""

EDGE_PX = 2
DASH_EVERY = 18
DASHES_A_CYCLE = 2.6
REACH_STEPS = 48


def parts_at(plan: VideoPlan, take: Take, time_s: float) -> list[Placed]:
    """The parts of an action at a time, the hindmost first."""
    scale = _scale(plan, take)
    x1, y1, x2, y2 = reach(plan, take)
    left = EDGE_PX + take.across * (plan.width - 2 * EDGE_PX - (x2 - x1))
    top = EDGE_PX + take.down * (plan.height - 2 * EDGE_PX - (y2 - y1))
    foot_x, foot_y = round(left - x1), round(top - y1)
    cycles = take.phase + time_s / take.period_s
    parts = _parts(take.action, plan.person, scale, take.mirrored, cycles)
    return [Placed(part.sprite, part.x + foot_x, part.y + foot_y) for part in parts]


def reach(plan: VideoPlan, take: Take) -> PixelBox:
    """The pixels that an action ever touches, relative to the foot of its object."""
    return _reach(take.action, _scale(plan, take), take.mirrored)


def reach_in_frame(plan: VideoPlan, take: Take) -> PixelBox:
    """The pixels of the frame that an action ever touches."""
    x1, y1, x2, y2 = reach(plan, take)
    left = round(EDGE_PX + take.across * (plan.width - 2 * EDGE_PX - (x2 - x1)) - x1) + x1
    top = round(EDGE_PX + take.down * (plan.height - 2 * EDGE_PX - (y2 - y1)) - y1) + y1
    return left, top, left + x2 - x1, top + y2 - y1


def box_at(plan: VideoPlan, time_s: float) -> Box | None:
    """The exact box of the action that can be seen at a time; None where none can be seen."""
    take = plan.visible_take_at(time_s)
    if take is None:
        return None
    x1, y1, x2, y2 = union(part.solid for part in parts_at(plan, take, time_s))
    return Box(x1 / plan.width, y1 / plan.height, x2 / plan.width, y2 / plan.height)


def _scale(plan: VideoPlan, take: Take) -> float:
    return plan.height / REFERENCE_HEIGHT * ACTION_SIZE * take.scale


@kept
def _reach(action: WorldAction, scale: float, mirrored: bool) -> PixelBox:
    return union(
        part.solid
        for step in range(REACH_STEPS)
        for part in _parts(action, 0, scale, mirrored, step / REACH_STEPS)
    )


def _parts(
    action: WorldAction, person: int, scale: float, mirrored: bool, cycles: float
) -> list[Placed]:
    """The parts with the foot of the object at the origin, after so many cycles of the motion."""
    thing = _object_sprite(action.thing, scale, mirrored)
    hand = _tool_sprite(action, person, scale, mirrored)
    top = props.TOP_OF[action.thing]
    angle = math.tau * cycles  # all paths are loops: nothing is where it was 0.25 s before

    def place(sprite: Sprite, x: float, y: float) -> Placed:
        return Placed(sprite, round(-x * scale if mirrored else x * scale), round(y * scale))

    match action.verb:
        case "cut":
            lift = 24 - 24 * math.cos(angle)
            return [place(thing, 0, 0), place(hand, 2 + 7 * math.sin(angle), -0.45 * top - lift)]
        case "stir":
            across = 14 if action.thing == "jam" else 26
            spot = across * math.cos(angle), 8 * math.sin(angle) - top + 4
            return [place(thing, 0, 0), place(hand, *spot)]
        case "pour":
            lip = -top - 62 + 4 * math.sin(angle)
            dash = _dash_sprite(action.thing, scale)
            stream = [place(dash, -3, lip + y) for y in _dashes(cycles, -top - lip)]
            return [place(thing, 0, 0), *stream, place(hand, 0, lip)]
        case _:
            sway = 34 * math.sin(angle)
            rise = -10 - 7 * math.cos(angle)
            return [place(thing, sway, rise), place(hand, sway + 14, rise - 0.5 * top)]


def _dashes(cycles: float, depth: float) -> list[float]:
    """How far below the lip the dashes of a stream begin."""
    flow = DASH_EVERY * (DASHES_A_CYCLE * cycles % 1)
    starts = (flow + DASH_EVERY * i for i in range(6))
    return [y for y in starts if y <= depth - 8]


@kept
def _object_sprite(thing: str, scale: float, mirrored: bool) -> Sprite:
    return make_sprite(props.OBJECT_DRAWINGS[thing], scale, mirrored)


@kept
def _tool_sprite(action: WorldAction, person: int, scale: float, mirrored: bool) -> Sprite:
    return make_sprite(props.tool_in_hand(action.verb, action.thing, person), scale, mirrored)


@kept
def _dash_sprite(thing: str, scale: float) -> Sprite:
    return make_sprite(props.dash(thing), scale)
