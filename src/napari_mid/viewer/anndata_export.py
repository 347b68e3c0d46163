"""Scored cells as AnnData, for scanpy and squidpy: embeddings in ``X``, places in ``obsm["spatial"]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from napari_mid.errors import SettingsError, WellError
from napari_mid.files import atomic_path

if TYPE_CHECKING:
    from napari_mid.workflow.score_plate import PlateResult

NAME = "cells.h5ad"


def check_anndata() -> None:
    """Raise `SettingsError` where the package is not installed."""
    try:
        import anndata  # noqa: F401
    except ImportError as error:
        raise SettingsError('AnnData files need the package anndata: pip install "napari-mid[anndata]".') from error


def write_anndata(scored: PlateResult, folder: Path) -> Path:
    """Write ``cells.h5ad``: a row per cell of every scored well, columns of the tables in ``obs``, the run record in ``uns``.

    Raises
    ------
    SettingsError
        If anndata is not installed.
    WellError
        If no well has its embeddings: those of another day are not kept.
    """
    check_anndata()
    import anndata

    results = [result for result in scored.results if result.n_cells and len(result.embeddings) == result.n_cells]
    if not results:
        raise WellError("No scored well has its embeddings in memory; press Run or Score all wells, then export again.")
    cells = pd.concat([result.cells for result in results], ignore_index=True)
    # words as plain Python objects: h5ad files have no place for the strings of pandas 3
    cells.index = pd.Index([f"{well}-{number}" for number, well in enumerate(cells["Metadata_Well"])], dtype=object)
    for name in cells.columns:
        if not (is_bool_dtype(cells[name]) or is_numeric_dtype(cells[name])):
            cells[name] = cells[name].astype(str).astype(object)
    embeddings = np.concatenate([result.embeddings for result in results])
    names = pd.Index([f"embedding_{number}" for number in range(embeddings.shape[1])], dtype=object)
    table = anndata.AnnData(X=embeddings, obs=cells, var=pd.DataFrame(index=names))
    table.obsm["spatial"] = cells[["Nuclei_Location_Center_X", "Nuclei_Location_Center_Y"]].to_numpy(dtype=float)
    table.uns["model"] = {"name": results[0].model_name, "hash": results[0].model_hash}
    path = Path(folder) / NAME
    with atomic_path(path) as temporary:
        table.write_h5ad(temporary)
    return path
