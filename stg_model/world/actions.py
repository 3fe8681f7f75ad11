"""The actions of the rendered world: pairs of a verb and an object.

Four verbs taken two at a time give six objects, so every object has two verbs and every verb has
three objects: neither word alone says which action it is. A world may hold fewer verbs or objects.
"""

from __future__ import annotations

from collections.abc import Collection
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


def actions_of(
    verbs: Collection[str] = VERBS, objects: Collection[str] = OBJECTS
) -> tuple[WorldAction, ...]:
    """Return the actions whose verb and object are both given.

    >>> [action.description for action in actions_of(("stir", "pour"))]
    ['stir salad', 'pour pancake', 'stir soup', 'pour soup', 'stir jam', 'pour milk']
    """
    return tuple(
        WorldAction(verb, thing)
        for thing in OBJECTS
        if thing in objects
        for verb in OBJECT_VERBS[thing]
        if verb in verbs
    )


ACTIONS = actions_of()
