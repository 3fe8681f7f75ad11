"""Every sentence of the server's pages stands in every language; the served files are current."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg

import annot_server
from annot_server.views.language import LANGUAGES

PACKAGE = Path(annot_server.__file__).parent
TRANSLATIONS = PACKAGE / "translations"
OTHERS = sorted(set(LANGUAGES) - {"en"})
VALUE = re.compile(r"%\(\w+\)[sd]")
TAG = re.compile(r"</?\w+[^>]*>")


def first(message: str | tuple[str, ...] | list[str]) -> str:
    """Return the singular of a sentence that has plurals."""
    return message if isinstance(message, str) else message[0]


@pytest.fixture(scope="module")
def sentences() -> set[str]:
    """Return every sentence that stands in code and templates."""
    with (TRANSLATIONS / "babel.cfg").open(encoding="utf-8") as config:
        methods, options = parse_mapping_cfg(config)
    keywords = {**DEFAULT_KEYWORDS, "marked": None}
    found = extract_from_dir(PACKAGE, methods, options, keywords)
    return {first(message) for _, _, message, _, _ in found}


def catalog(language: str) -> Catalog:
    path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    return pofile.read_po(io.BytesIO(path.read_bytes()), locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated_and_no_other_is_kept(sentences, language) -> None:
    translated = {first(m.id) for m in catalog(language) if m.id and not m.fuzzy and all(m.string)}
    assert sentences - translated == set(), "run `make translations` and fill in what is empty"
    assert translated - sentences == set(), "run `make translations`"
    assert len(sentences) > 20


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_values_and_tags(language) -> None:
    for message in catalog(language):
        originals = [message.id] if isinstance(message.id, str) else list(message.id)
        versions = [message.string] if isinstance(message.string, str) else list(message.string)
        for version in filter(None, versions) if message.id else ():
            for kind in (VALUE, TAG):
                wanted = {tuple(sorted(set(kind.findall(text)))) for text in originals}
                assert tuple(sorted(set(kind.findall(version)))) in wanted, message.id


@pytest.mark.parametrize("language", OTHERS)
def test_the_served_file_is_made_from_the_readable_one(language) -> None:
    path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo"
    served = mofile.read_mo(io.BytesIO(path.read_bytes()))
    expected = {first(m.id): m.string for m in catalog(language) if m.id}
    found = {
        first(m.id): tuple(m.string) if isinstance(m.string, list) else m.string for m in served
    }
    found.pop("", None)
    assert found == expected, "run `make translations`"
