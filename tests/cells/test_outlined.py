"""Outlines are found again by the place of their nucleus."""

from __future__ import annotations

import dataclasses

import numpy as np

from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.outlined import have_outlines, outlines_at, slice_outlines
from napari_mid.cells.outlines import circles


def nuclei(field: int, places: list[tuple[float, float]], *, outlines: bool = True) -> Nuclei:
    centroids, area = np.array(places).reshape(-1, 2), np.full(len(places), 100.0)
    drawn = circles(centroids, area) if outlines else None
    return Nuclei("B03", field, centroids, area, area, "learned", outlines=drawn)


def test_a_cell_has_the_outline_of_the_nucleus_at_its_place_in_its_field() -> None:
    found = {1: nuclei(1, [(10, 10), (40, 40)]), 2: nuclei(2, [(10, 10)])}
    fields, places = np.array([2, 1, 1, 3, 1]), np.array([(10.0, 10.5), (41, 40), (20, 20), (10, 10), (np.nan, 10)])
    outlines = outlines_at(found, fields, places)
    np.testing.assert_array_equal(outlines[0], found[2].outlines[0])
    np.testing.assert_array_equal(outlines[1], found[1].outlines[1])
    assert np.isnan(outlines[2:]).all()  # too far from any nucleus, another field, no place


def test_nuclei_without_outlines_have_none() -> None:
    bare = {1: nuclei(1, [(10, 10)], outlines=False)}
    assert not have_outlines(bare)
    assert not have_outlines(None)
    assert not have_outlines({1: nuclei(1, [])})
    assert have_outlines({**bare, 2: nuclei(2, [(3, 3)])})
    assert np.isnan(outlines_at(bare, np.array([1]), np.array([(10.0, 10.0)]))).all()


def test_outlines_of_fewer_vertices_are_the_same_polygon() -> None:
    some = nuclei(1, [(10, 10)])
    coarse = dataclasses.replace(nuclei(2, [(20, 20)]), outlines=circles(np.array([(20.0, 20.0)]), np.array([100.0]))[:, ::2])
    outlines = outlines_at({1: some, 2: coarse}, np.array([1, 2]), np.array([(10.0, 10), (20, 20)]))
    assert outlines.shape == (2, 32, 2)
    np.testing.assert_array_equal(np.unique(outlines[1], axis=0), np.unique(coarse.outlines[0], axis=0))


def test_in_its_slice_a_nucleus_lies_in_the_middle() -> None:
    found = nuclei(1, [(10.4, 99.6)])
    drawn = slice_outlines(found.outlines, found.centroids, 32)
    np.testing.assert_allclose(drawn[0].mean(axis=0), (16.4, 15.6), atol=1e-4)  # pixel (16, 16) is the one nearest the centre
