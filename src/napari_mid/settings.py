"""One list of parameters: settings are frozen dataclasses, and the command line, the forms and the run record are made from them.

A field is declared once, with `setting`: its default, its help (with the unit), its bounds and its choices. Nothing else spells a
default again.
"""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from napari_mid.errors import SettingsError

S = TypeVar("S")


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Callable[[], Iterable[str]] | Iterable[str] | None = None,
    expert: bool = False,
) -> Any:
    """Declare a field of a settings dataclass.

    Parameters
    ----------
    default
        The only place where the default stands.
    help
        One sentence for ``--help`` and for the tooltip, with the unit.
    low, high
        Inclusive bounds of a number.
    choices
        The values allowed, or a function that lists them (a registry).
    expert
        Hidden in the window's form unless asked for.
    """
    return dataclasses.field(
        default=default, metadata={"help": help, "low": low, "high": high, "choices": choices, "expert": expert}
    )


def choices_of(field: dataclasses.Field[Any]) -> list[str] | None:
    """The values that `field` allows, or None where any is."""
    choices = field.metadata.get("choices")
    if choices is None:
        return None
    return list(choices() if callable(choices) else choices)


def check(settings: Any) -> None:
    """Raise `SettingsError` where a value is outside the bounds or choices its field declares."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if value is None:
            continue
        low, high, choices = field.metadata.get("low"), field.metadata.get("high"), choices_of(field)
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise SettingsError(f"{field.name} is {value}, expected a number from {low} to {high}.")
        for one in value if isinstance(value, tuple) else (value,):
            if choices is not None and one not in choices:
                raise SettingsError(f"{field.name} is {one!r}, expected one of {', '.join(choices)}.")


def value_type(settings_class: type[Any], field: dataclasses.Field[Any]) -> tuple[type, bool]:
    """The plain type of a field and whether None is allowed: ``float | None`` is ``(float, True)``, several names are `tuple`."""
    hint = typing.get_type_hints(settings_class)[field.name]
    if typing.get_origin(hint) is tuple:
        return tuple, False
    if isinstance(hint, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return kinds[0], True
    return hint, False


def add_options(parser: argparse._ActionsContainer, settings_class: type[Any]) -> None:
    """Add an option ``--diameter-um`` to `parser` for every field of `settings_class`."""
    for field in dataclasses.fields(settings_class):
        name = "--" + field.name.replace("_", "-")
        kind, _ = value_type(settings_class, field)
        default = "" if field.default is None or field.default == () else f" (default: {field.default})"
        help_text = (field.metadata["help"] + default).replace("%", "%%")
        if kind is bool:
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=None, help=help_text)
        elif kind is tuple:
            parser.add_argument(name, nargs="+", metavar="NAME", default=None, choices=choices_of(field), help=help_text)
        else:
            parser.add_argument(name, type=kind, default=None, choices=choices_of(field), help=help_text)


def from_options(settings_class: type[S], options: argparse.Namespace, **preset: Any) -> S:
    """Make settings from parsed options: an option that was not given takes the preset's value, else the default."""
    values = dict(preset)
    for field in dataclasses.fields(settings_class):  # type: ignore[arg-type]
        given = getattr(options, field.name, None)
        if given is not None:
            values[field.name] = tuple(given) if isinstance(given, list) else given
    settings = settings_class(**values)
    check(settings)
    return settings
