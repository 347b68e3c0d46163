"""The flat-field profiles of a Harmony index: a small language of braces, in the text of ``FlatfieldProfile``.

``{Background: {Character: NonFlat, Mean: 631.2, Profile: {...}}, Channel: 4, ChannelName: Alexa 488, Foreground: {Character:
NonFlat, Profile: {Coefficients: [[1.3], [0.0, -0.1], ...], Dims: [1080, 1080], Origin: [539.5, 539.5], Scale: [...], Type:
Polynomial}}, Version: Acapella:2013}``

Harmony fits two profiles from the images of a plate: the foreground is what the light of cells is multiplied with, the background
the shape of what is added to it. Images are divided by the foreground. A channel with a background alone (Harmony's basic
correction, which subtracts) is left as it is: dividing by the shape of something that is added would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from napari_mid.plates.flat_field import PolynomialFlatField

#: Longer texts and deeper nesting than any profile has are damage, or an attack.
_LONGEST = 100_000
_DEEPEST = 8
_TOKEN = re.compile(r'\s*(?:(?P<mark>[{}\[\],:])|"(?P<quoted>[^"]*)"|(?P<plain>[^\s{}\[\],:"][^{}\[\],:]*))')


def index_flat_field(text: str) -> PolynomialFlatField | None:
    """The foreground profile in the `text` of a ``FlatfieldProfile``, or None where the channel is flat or has none.

    Raises
    ------
    ValueError
        If the text makes no sense; the message says why, without a full stop.
    """
    about = parse(text)
    if not isinstance(about, dict):
        raise ValueError("it is no list of names and values")
    foreground = about.get("Foreground")
    if not isinstance(foreground, dict) or foreground.get("Character") != "NonFlat":
        return None
    profile = foreground.get("Profile")
    if not isinstance(profile, dict) or profile.get("Type") != "Polynomial":
        raise ValueError("its foreground is not flat, but no polynomial")
    rows = profile.get("Coefficients")
    if not isinstance(rows, list):
        raise ValueError("it has no coefficients")
    flat_field = PolynomialFlatField(
        tuple(_numbers(row) for row in rows),
        dims=_pair(profile, "Dims"),
        origin=_pair(profile, "Origin"),
        scale=_pair(profile, "Scale"),
    )
    flat_field.check()
    return flat_field


def _numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("its coefficients are no rows of numbers")
    try:
        return tuple(float(value) for value in values)
    except ValueError:
        raise ValueError("one of its numbers cannot be read") from None


def _pair(profile: Mapping[str, Any], name: str) -> tuple[float, float]:
    numbers = _numbers(profile.get(name))
    if len(numbers) != 2:
        raise ValueError(f"its {name} are not two numbers")
    return numbers[0], numbers[1]


def parse(text: str) -> Any:
    """Nested dicts, lists and strings; numbers stay text.

    Raises
    ------
    ValueError
        If the text is cut short, nested deeper or longer than a profile, or otherwise no such text.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"it is {len(text)} characters long")
    tokens = _Tokens(text)
    value = _value(tokens, 0)
    if tokens.next is not None:
        raise ValueError("there is more behind its end")
    return value


class _Tokens:
    """The tokens of a text, one ahead: a mark such as ``{``, or words with a leading ``"`` so that no word looks like a mark."""

    def __init__(self, text: str) -> None:
        self._text = text.rstrip()
        self._at = 0
        self.next: str | None = None
        self.take()

    def take(self) -> str | None:
        """The next token, or None at the end."""
        taken, self.next = self.next, None
        if self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                raise ValueError("a quotation mark is not closed")
            self._at = match.end()
            words = match["quoted"] if match["mark"] is None and match["plain"] is None else match["plain"]
            self.next = match["mark"] or '"' + words.strip()
        return taken

    def expect(self, mark: str) -> None:
        """Take `mark`, or raise `ValueError`."""
        if self.take() != mark:
            raise ValueError(f"a {mark!r} is missing, it may be cut short")


def _value(tokens: _Tokens, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if tokens.next == "{":
        return _dict(tokens, depth)
    if tokens.next == "[":
        return _list(tokens, depth)
    # a colon may stand in a value: "Version: Acapella:2013"
    parts = []
    while tokens.next is not None and tokens.next not in ("{", "}", "[", "]", ","):
        token = tokens.take() or ""
        parts.append(token if token == ":" else token[1:])
    return "".join(parts)


def _dict(tokens: _Tokens, depth: int) -> dict[str, Any]:
    tokens.expect("{")
    values: dict[str, Any] = {}
    while tokens.next != "}":
        key = tokens.take()
        if key is None or not key.startswith('"'):
            raise ValueError("a name is missing, it may be cut short")
        tokens.expect(":")
        values[key[1:]] = _value(tokens, depth + 1)
        if tokens.next != "}":
            tokens.expect(",")
    tokens.expect("}")
    return values


def _list(tokens: _Tokens, depth: int) -> list[Any]:
    tokens.expect("[")
    values = []
    while tokens.next != "]":
        values.append(_value(tokens, depth + 1))
        if tokens.next != "]":
            tokens.expect(",")
    tokens.expect("]")
    return values
