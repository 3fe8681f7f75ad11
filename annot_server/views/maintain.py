"""All pages of reviewers and maintainers, put together: importing a module adds its routes."""

from annot_server.views import review_pages, work_pages

blueprint = work_pages.blueprint

__all__ = ["blueprint", "review_pages"]
