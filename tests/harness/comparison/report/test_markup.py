"""Elements of HTML, and that text in them stays text."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from hpe_bench.comparison.report.markup import Markup, data_block, element, join
from hpe_bench.text import safe_text

ATTACKS = ["<script>x</script>", "</script><script>x", '"><img src=x onerror=x>', "&lt;b&gt;", "<!--", "\u2028</p>"]


@pytest.mark.parametrize("text", ATTACKS)
def test_text_is_read_back_as_it_was_without_what_acts_and_makes_no_element(text):
    safe = safe_text(text)

    class Reader(HTMLParser):
        tags, texts, attributes = [], [], []

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)
            self.attributes += attrs

        def handle_data(self, data):
            self.texts.append(data)

    Reader.tags, Reader.texts, Reader.attributes = [], [], []
    reader = Reader()
    reader.feed(element("p", element("b", text), text, title=text))
    reader.close()
    assert reader.tags == ["p", "b"] and "".join(reader.texts) == safe * 2 and reader.attributes == [("title", safe)]


@pytest.mark.parametrize("text", ATTACKS)
def test_data_cannot_end_the_element_that_holds_it(text):
    block = data_block("d", {text: [text, None, 1.5]})
    inner = block.removeprefix('<script type="application/json" id="d">').removesuffix("</script>")
    assert "<" not in inner and ">" not in inner and json.loads(inner) == {text: [text, None, 1.5]}


def test_attributes_are_named_as_in_html():
    made = element("input", class_="a b", data_value=1.5, hidden=True, checked=False, id=None)
    assert made == '<input class="a b" data-value="1.5" hidden>'


def test_nothing_is_left_out_and_markup_stands_as_it_is():
    assert join([Markup("<i>"), None, "<i>"], "&") == "<i>&amp;&lt;i&gt;"
