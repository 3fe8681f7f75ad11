"""The twelve actions of the rendered world.

Four verbs taken two at a time give six objects, so every object has two verbs and every verb has
three objects: neither word alone says which action it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataset_builder import domain

VERBS = ("cut", "stir", "pour", "shake")
OBJECT_VERBS = {
    "salad": ("cut", "stir"),
    "pancake": ("cut", "pour"),
    "carrot": ("cut", "shake"),
    "soup": ("stir", "pour"),
    "jam": ("stir", "shake"),
    "milk": ("pour", "shake"),
}
OBJECTS = tuple(OBJECT_VERBS)


@dataclass(frozen=True, slots=True)
class WorldAction:
    """Something that a hand does to an object: "cut" and "carrot"."""

    verb: str
    thing: str

    @property
    def description(self) -> str:
        """The query text ("cut carrot")."""
        return f"{self.verb} {self.thing}"

    @property
    def action_id(self) -> str:
        """The id under which releases know the action."""
        return domain.action_id_for(self.description)


ACTIONS = tuple(WorldAction(verb, thing) for thing in OBJECTS for verb in OBJECT_VERBS[thing])
