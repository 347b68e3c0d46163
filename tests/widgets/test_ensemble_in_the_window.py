"""A model of several networks is used as any other, and the score card says how much they differ."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch

from napari_mid.model.ensemble import Ensemble
from napari_mid.widgets.score_card import trust_text
from napari_mid.widgets.window import Window

Wait = Callable[[Callable[[], bool]], None]


def test_it_runs_says_how_much_its_networks_differ_and_scores_again_without_a_cell(scored: Window, wait: Wait) -> None:
    session = scored.session
    one, first = session.model, session.result
    other = copy.deepcopy(one)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
    assert "networks" not in trust_text(first)
    session.model = Ensemble([one, other]).eval()
    scored.actions.run()
    wait(lambda: session.result is not None and session.result is not first and not scored.jobs.running("run"))
    result = session.result
    assert result.n_cells == first.n_cells
    assert result.trust.networks_sd > 0
    assert "networks of the model differ by" in trust_text(result)
    session.cell = 2
    scored.actions.leave_out()
    wait(lambda: not scored.jobs.running("exclude") and not session.result.preliminary)
    assert session.result.excluded.sum() == 1
    assert session.result.score != result.score
    assert np.isfinite(session.result.score)
