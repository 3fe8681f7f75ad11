"""All pages of reviewers and maintainers, put together: importing a module adds its routes."""

from annot_server.views import (
    people_pages,
    review_actions,
    review_pages,
    snapshot_pages,
    work_pages,
)

blueprint = work_pages.blueprint

__all__ = ["blueprint", "people_pages", "review_actions", "review_pages", "snapshot_pages"]
