"""What the HTML pages share: their templates, pictures within the page, and Markdown as HTML."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup


def rendered(template: str, filters: Mapping[str, Callable[..., object]] | None = None, /, **named: Any) -> str:
    """The page that the `template` makes of what is `named`, with `filters` beside those of all pages."""
    environment = Environment(loader=PackageLoader("napari_mid.reports"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"data_uri": data_uri, "markdown": markdown_html, **(filters or {})}
    return environment.get_template(template).render(**named)


def data_uri(png: bytes) -> Markup:
    """A picture as the source of an ``img``."""
    return Markup("data:image/png;base64,") + base64.b64encode(png).decode("ascii")


def markdown_html(text: str, pictures: Mapping[str, bytes]) -> Markup:
    """Markdown as HTML that points nowhere: HTML and links in it are shown as written, of pictures `pictures`, PNG by name."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "autolink"])
    tokens = parser.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type != "image":
                continue
            png = pictures.get(str(child.attrs["src"]))
            if png is None:
                child.type, child.tag, child.content = "text", "", f"({child.content or 'picture'} not at hand)"
            else:
                child.attrs["src"] = str(data_uri(png))
    return Markup(parser.renderer.render(tokens, parser.options, {}))
