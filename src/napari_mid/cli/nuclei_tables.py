"""The option of commands that take nuclei from a table instead of locating them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mid.cli.common import warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_mid.cells.nuclei import Nuclei
    from napari_mid.plates.plate import Plate


def add_nuclei_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--nuclei``."""
    parser.add_argument(
        "--nuclei",
        type=Path,
        metavar="TABLE",
        help="take the nuclei from a CSV or Parquet file with Nuclei_Location_Center_X/Y, such as `napari-mid detect` or "
        "CellProfiler writes, or from a folder of DeepProfiler location files; none are located then",
    )


def given_nuclei(plate: Plate, options: argparse.Namespace) -> Mapping[str, Mapping[int, Nuclei]] | None:
    """The nuclei of ``--nuclei`` by well and field, or None where it is not given; what does not fit is a warning."""
    if options.nuclei is None:
        return None
    from napari_mid.cells.from_tables import read_nuclei_table

    table = read_nuclei_table(options.nuclei, plate)
    warn(table.warnings)
    return table.nuclei
