"""Conditions that a person types, such as ``compound = DMSO, dose > 1``, on the rows of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.errors import SettingsError

#: How a condition is written, for a hint; conditions are joined by a comma, ``;`` or ``and``.
EXAMPLE = "column = value, column > 3"
#: Longest first, so that ``<=`` is not read as ``<``.
_OPERATORS = ("!=", "<=", ">=", "=", "<", ">", "~")
_CONDITION = re.compile(r"^\s*(?P<column>.+?)\s*(?P<operator>!=|<=|>=|==?|<|>|~)\s*(?P<value>.*?)\s*$")
_JOINED = re.compile(r"\s*(?:,|;|\band\b)\s*", flags=re.IGNORECASE)


def matching(table: pd.DataFrame, text: str) -> NDArray[np.bool_]:
    """Which rows of `table` fulfil all conditions of `text`, as (N,) bool; all of them where it is empty.

    ``=``, ``!=``, ``<``, ``<=``, ``>`` and ``>=`` compare numbers where both sides are numbers, else text without case; ``~``
    means "contains". A column is known by its name without case, spaces and underscores; the beginning of the name suffices. A
    name by itself, such as ``out of focus``, stands for ``out of focus = yes``.

    Raises
    ------
    SettingsError
        If a condition cannot be read, or there is no such column.
    """
    mask = np.ones(len(table), dtype=bool)
    for condition in filter(None, _JOINED.split(text.strip())):
        mask &= _fulfilled(table, condition)
    return mask


def _fulfilled(table: pd.DataFrame, condition: str) -> NDArray[np.bool_]:
    parts = _CONDITION.match(condition)
    if parts is None and not any(operator in condition for operator in _OPERATORS):
        return _compared(table[_column(condition, list(table.columns))], "=", "yes")
    if parts is None or not parts["value"]:
        raise SettingsError(f"The condition {condition!r} is not complete; write it as in {EXAMPLE!r}.")
    return _compared(table[_column(parts["column"], list(table.columns))], parts["operator"].replace("==", "="), parts["value"])


def _column(name: str, columns: Sequence[str]) -> str:
    wanted = _plain(name)
    found = [column for column in columns if _plain(column) == wanted] or [
        column for column in columns if _plain(column).startswith(wanted)
    ]
    if not wanted or not found:
        raise SettingsError(f"There is no column {name!r} to filter by; there are {', '.join(map(str, columns)) or 'none'}.")
    return found[0]


def _plain(name: object) -> str:
    return "".join(filter(str.isalnum, str(name).casefold()))


def _compared(column: pd.Series[Any], operator: str, value: str) -> NDArray[np.bool_]:
    if column.dtype == bool:
        column = column.map({True: "yes", False: "no"})
    texts = column.map(lambda found: "" if found is None or found != found else str(found).strip().casefold())
    if operator == "~":
        return texts.str.contains(value.casefold(), regex=False).to_numpy(dtype=bool)
    try:
        number = float(value)
    except ValueError:
        left, right = texts.to_numpy(dtype=object), value.casefold()
        known = left != ""
    else:
        left, right = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float), number  # type: ignore[assignment]
        known = np.isfinite(left)
        if not known.any():
            left, right = texts.to_numpy(dtype=object), value.casefold()
            known = left != ""
    found = np.zeros(len(left), dtype=bool)
    compare = {
        "=": np.equal,
        "!=": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }[operator]
    found[known] = compare(left[known], right).astype(bool)
    return found | ~known if operator == "!=" else found
