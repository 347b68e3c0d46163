"""Does the split leak, and does the class go with something that a model must not learn from?

A leak is an error: cells, fields, doses or replicates of one compound on both sides of a split make every metric of it worthless.
A class that goes with the plate, the row, the column, the edge or the number of cells is a warning: it may be the layout, or it
may be what the compounds do.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import TrainingError
from napari_mid.plates.plate import Plate, Well
from napari_mid.training.bags import CONTROL_ROLES, LabelledBags

#: Key of ``metrics.json`` under which a model's split is recorded.
SPLIT = "split"
#: Cramér's V between class and place, corrected for chance, from which a person is warned; 0 is independent, 1 is one for one.
STRONG_ASSOCIATION = 0.5
#: AUROC of the number of cells as a predictor of the class, or 1 minus it, from which a person is warned.
STRONG_AUROC = 0.85
#: Words that are spelled this alike are probably meant the same; 1 is the same word.
LOOK_ALIKE = 0.8
SHORTEST_ALIKE = 4


def same_group(value: object) -> str:
    """A name without its spelling: case and spaces do not make another compound."""
    return "".join(label_text(value).split()).casefold()


def label_text(value: object) -> str:
    """A value of a label column as text: ``1`` and ``1.0`` are one label, an empty cell is ``""``."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def look_alikes(values: Mapping[str, int]) -> list[str]:
    """Pairs of label values (to their number of wells) that are one value, such as ``'Toxic ' (3 wells) and 'toxic' (40)``.

    They differ in case, spaces, punctuation or the way a number is written, and in nothing else.
    """
    return _pairs(values, lambda common, rare: _plain(common) == _plain(rare))


def misspellings(values: Mapping[str, int]) -> list[str]:
    """Pairs of label values of which the rarer one differs from the other in a letter or two, as a slip of the pen does."""
    return _pairs(values, lambda common, rare: _misspelt(common, rare, values))


def _pairs(values: Mapping[str, int], alike: Callable[[str, str], bool]) -> list[str]:
    names = sorted(values, key=lambda name: (-values[name], name))
    return [
        f"{rare!r} ({values[rare]} wells) and {common!r} ({values[common]})"
        for place, common in enumerate(names)
        for rare in names[place + 1 :]
        if alike(common, rare)
    ]


def _plain(name: str) -> str:
    try:
        return repr(float(name))
    except ValueError:
        return "".join(letter for letter in name.casefold() if letter.isalnum()) or name


def _misspelt(common: str, rare: str, values: Mapping[str, int]) -> bool:
    first, second = _plain(common), _plain(rare)
    if first == second or min(len(first), len(second)) < SHORTEST_ALIKE or any(map(str.isdigit, first + second)):
        return False
    # "toxic" and "nontoxic", "active" and "inactive" are opposites, not slips
    if first.endswith(second) or second.endswith(first):
        return False
    return values[rare] * 4 <= values[common] and difflib.SequenceMatcher(None, first, second).ratio() >= LOOK_ALIKE


def check_labels(wells: Iterable[Well], label: str, classes: Sequence[str]) -> list[str]:
    """Sentences where a value of the column `label` may be one of `classes`, misspelt.

    Raises
    ------
    TrainingError
        If a value is one of `classes` but for case, spaces or punctuation.
    """
    values: dict[str, int] = {}
    for well in wells:
        if well.condition.get(label) is not None:
            name = str(well.condition[label])
            values[name] = values.get(name, 0) + 1

    def concerned(pairs: list[str]) -> list[str]:
        return [pair for pair in pairs if any(repr(name) in pair for name in classes)]

    alike = concerned(look_alikes(values))
    if alike:
        raise TrainingError(
            f"Values of {label} look alike: {'; '.join(alike)}. Spell them the same in the plate map, so that no well is lost "
            "or counted for another class."
        )
    return [f"values of {label} may be one value, misspelt: {pair}" for pair in concerned(misspellings(values))]


def check_compounds(wells: Sequence[Well], labels: Sequence[int], classes: Sequence[str], split_unit: str, share: float) -> None:
    """Refuse wells that cannot be split without a leak, before any image is read.

    Parameters
    ----------
    wells, labels, classes
        (W) with the numbers of their classes.
    split_unit
        ``"compound"`` or ``"well"``.
    share
        Of the compounds that is to be held out; 0 where nothing is.

    Raises
    ------
    TrainingError
        If a compound is spelled in two ways, or a class has too few compounds to hold one out whole.
    """
    spelled: dict[str, set[str]] = {}
    per_class: dict[int, list[str]] = {}
    for well, label in zip(wells, labels, strict=True):
        compound = well.condition.get("compound")
        if compound is not None:
            spelled.setdefault(same_group(compound), set()).add(str(compound))
            per_class.setdefault(label, []).append(same_group(compound))
    twice = [" and ".join(map(repr, sorted(names))) for names in spelled.values() if len(names) > 1]
    if twice:
        raise TrainingError(
            f"Compounds are spelled in more than one way: {', '.join(twice[:5])}. They would be split as if they were different "
            "compounds; spell them the same in the plate map."
        )
    if share <= 0 or set(classes) <= CONTROL_ROLES:
        return
    if split_unit == "plate":
        _check_plates(wells)
    if split_unit != "well":
        return
    for label, compounds in per_class.items():
        if len(set(compounds)) == 1 < len(compounds):
            raise TrainingError(
                f"Class {classes[label]} has one compound only, {next(iter(spelled[compounds[0]]))}: held-out wells of it would "
                "be doses or replicates of what is trained on. Add compounds; --validation 0 trains without validation."
            )


def _check_plates(wells: Sequence[Well]) -> None:
    """Raise `TrainingError` where held-out plates would hold compounds that are trained on."""
    plates: dict[str, set[str]] = {}
    for well in wells:
        if well.condition.get("compound") is not None:
            plates.setdefault(str(well.condition["compound"]), set()).add(well.plate)
    shared = sorted(compound for compound, on in plates.items() if len(on) > 1)
    if shared:
        shown = ", ".join(shared[:5]) + (f" and {len(shared) - 5} more" if len(shared) > 5 else "")
        raise TrainingError(
            f"Compounds are on several plates ({shown}), so held-out plates would hold replicates of what is trained on; "
            "split by compound."
        )


def check_wells_apart(wells: Sequence[Well], classes: Sequence[str]) -> None:
    """Raise `TrainingError` where a split by wells was asked for and replicates or doses of a compound would be torn apart."""
    if set(classes) <= CONTROL_ROLES:
        return
    counts: dict[str, int] = {}
    for well in wells:
        if well.condition.get("compound") is not None:
            name = str(well.condition["compound"])
            counts[name] = counts.get(name, 0) + 1
    several = sorted(name for name, count in counts.items() if count > 1)
    if several:
        raise TrainingError(
            f"Splitting by well would put doses or replicates of {several[0]}"
            f"{f' and {len(several) - 1} more compounds' if len(several) > 1 else ''} on both sides; split by compound."
        )


def check_split(groups: Sequence[str], held_out: NDArray[np.bool_], unit: str) -> None:
    """Raise `TrainingError` where a group is on both sides.

    Parameters
    ----------
    groups
        Per bag: its compound, or its well. Cells, fields, doses and replicates of a compound all carry its name, so that none of
        them can be on the other side without being seen here. Case and spaces make no other compound.
    held_out
        (bags,) whether the bag is held out.
    unit
        ``"compound"`` or ``"well"``, for the message.
    """
    sides: dict[str, set[bool]] = {}
    spelled: dict[str, set[str]] = {}
    for group, out in zip(groups, held_out.tolist(), strict=True):
        sides.setdefault(same_group(group), set()).add(out)
        spelled.setdefault(same_group(group), set()).add(group)
    both = sorted(" = ".join(sorted(spelled[name])) for name, found in sides.items() if len(found) == 2)
    if both:
        shown = ", ".join(both[:5]) + (f" and {len(both) - 5} more" if len(both) > 5 else "")
        raise TrainingError(
            f"Cells of {len(both)} {unit}{'s' if len(both) > 1 else ''} are on both sides of the split ({shown}), so the "
            "validation would tell nothing; give every compound one spelling, and split by whole compounds."
        )


def split_record(bags: LabelledBags, held_out: NDArray[np.bool_], refitted: bool) -> dict[str, Any]:
    """What a model was trained on, for ``metrics.json``: `napari-mid evaluate` keeps it apart from what it never saw."""
    # wells are named where plates are split: whether a well was trained on is what is asked later
    by_plate = bags.split_unit == "plate"
    of_bag = bags.wells if by_plate else [(group,) for group in bags.groups]
    names = {
        side: sorted({name for some, out in zip(of_bag, held_out.tolist(), strict=True) if out == side for name in some})
        for side in (False, True)
    }
    trained = sorted({*names[False], *names[True]}) if refitted else names[False]
    unit = "well" if by_plate else bags.split_unit
    return {"unit": unit, "train": trained, "validation": [] if refitted else names[True], "refitted": refitted}


def confounders(
    wells: Sequence[tuple[Plate, Well]], labels: Sequence[int], classes: Sequence[str], n_cells: Sequence[int] | None = None
) -> list[str]:
    """Sentences where the class goes with the plate, row, column, edge or number of cells of the wells.

    Parameters
    ----------
    wells
        (W) with their plates.
    labels
        (W) numbers of the classes.
    classes
        Their names.
    n_cells
        (W) number of cells, where known.
    """
    truth = np.asarray(labels)
    found = []
    places: dict[str, list[object]] = {
        "the plate": [plate.name for plate, _ in wells],
        "the row": [well.row for _, well in wells],
        "the column": [well.column for _, well in wells],
        "being at the edge of the plate": [is_edge(well.row, well.column, plate.rows, plate.columns) for plate, well in wells],
    }
    for what, values in places.items():
        strength = cramers_v(truth, values)
        if strength == 1 and what == "the plate":
            found.append(
                "every plate holds one class only, so the classes cannot be told from the plates: a model may learn the plate; "
                "put wells of every class on every plate"
            )
        elif strength >= STRONG_ASSOCIATION:
            found.append(f"the class goes with {what} (Cramér's V {strength:.2f}): a model may learn that instead")
    if n_cells is not None:
        found += _cell_count_warnings(truth, np.asarray(n_cells, dtype=float), classes)
    return found


def _cell_count_warnings(truth: NDArray[Any], n_cells: NDArray[np.float64], classes: Sequence[str]) -> list[str]:
    from sklearn.metrics import roc_auc_score

    found = []
    for number, name in enumerate(classes):
        of_class = truth == number
        if not of_class.any() or of_class.all() or (number == 0 and len(classes) == 2):
            continue
        area = float(roc_auc_score(of_class, n_cells))
        if max(area, 1 - area) >= STRONG_AUROC:
            found.append(
                f"the number of cells alone tells {name} from the rest (AUROC {max(area, 1 - area):.2f}: {name} has "
                f"{'more' if area > 0.5 else 'fewer'} cells): what the images add has to be shown against that"
            )
    return found


def is_edge(row: int, column: int, rows: int, columns: int) -> bool:
    """Whether a well (1-based) lies in the outermost rows or columns of its plate."""
    return row in (1, rows) or column in (1, columns)


def cramers_v(first: Iterable[object], second: Iterable[object]) -> float:
    """Cramér's V of two lists of categories, corrected for what chance gives (Bergsma, J Korean Stat Soc 42 (2013) 323).

    0 is independent, 1 one for one; 0 where one of them has a single value.
    """
    names = [np.unique(np.asarray([str(value) for value in values]), return_inverse=True) for values in (first, second)]
    (rows, row), (columns, column) = names
    n = len(row)
    if len(rows) < 2 or len(columns) < 2 or n < 2:
        return 0.0
    counts = np.zeros((len(rows), len(columns)))
    np.add.at(counts, (row, column), 1)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi = float(((counts - expected) ** 2 / expected).sum()) / n
    if math.isclose(phi, min(len(rows), len(columns)) - 1) and n > max(len(rows), len(columns)):
        return 1.0
    excess = max(0.0, phi - (len(rows) - 1) * (len(columns) - 1) / (n - 1))
    r, c = (k - (k - 1) ** 2 / (n - 1) for k in (len(rows), len(columns)))
    return math.sqrt(excess / (min(r, c) - 1)) if min(r, c) > 1 else 0.0
