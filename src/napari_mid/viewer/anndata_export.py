"""Scored cells as AnnData, for scanpy and squidpy: embeddings in ``X``, places in ``obsm["spatial"]``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

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
    """Write ``cells.h5ad``: a row per cell of every scored well.

    ``X`` are its embeddings, ``obs`` its columns of the tables, ``obsm["spatial"]`` its (x, y) in pixels of its field;
    ``uns["model"]`` says which model it was, and ``uns["run"]`` is the run record as JSON.

    Raises
    ------
    SettingsError
        If anndata is not installed.
    WellError
        If no well has its embeddings: those of another day are not kept.
    """
    check_anndata()
    import anndata

    from napari_mid.workflow.score_plate import cells_table

    results = [result for result in scored.results if result.n_cells and len(result.embeddings) == result.n_cells]
    if not results:
        raise WellError("No scored well has its embeddings in memory; press Run or Score all wells, then export again.")
    cells = cells_table(dataclasses.replace(scored, results=tuple(results)))
    # words as plain Python objects: h5ad files have no place for the strings of pandas 3
    cells.index = pd.Index([f"{well}-{number}" for number, well in enumerate(cells["Metadata_Well"])], dtype=object)
    for name in cells.columns:
        if not pd.api.types.is_numeric_dtype(cells[name]):
            cells[name] = cells[name].astype(str).astype(object)
    embeddings = np.concatenate([result.embeddings for result in results])
    numbered = pd.Index([f"embedding_{number}" for number in range(embeddings.shape[1])], dtype=object)
    table = anndata.AnnData(X=embeddings, obs=cells, var=pd.DataFrame(index=numbered))
    table.obsm["spatial"] = cells[["Nuclei_Location_Center_X", "Nuclei_Location_Center_Y"]].to_numpy(dtype=float)
    table.uns["model"] = {"name": results[0].model_name, "hash": results[0].model_hash}
    table.uns["run"] = json.dumps(scored.run, default=str)  # h5ad knows no None
    path = Path(folder) / NAME
    with atomic_path(path) as temporary:
        table.write_h5ad(temporary)
    return path
