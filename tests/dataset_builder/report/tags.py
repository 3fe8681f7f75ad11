"""What a page consists of, for tests that it is whole in itself."""

from __future__ import annotations

from html.parser import HTMLParser


class Tags(HTMLParser):
    """Ids, references, and tags that stay open."""

    VOID = ("meta", "wbr", "input")

    def __init__(self, page):
        super().__init__()
        self.ids, self.references, self.addresses, self.open = [], set(), set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.note(dict(attrs))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.note(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def note(self, attrs):
        if "id" in attrs:
            self.ids.append(attrs["id"])
        href = attrs.get("href", "")
        (self.references if href.startswith("#") else self.addresses).add(href[:5])
        if href.startswith("#"):
            self.references.add(href[1:])
