"""Several networks that are read as one model."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mid.errors import ModelError
from napari_mid.inference.bag import Bag
from napari_mid.inference.encoder import Encoder
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.config import ModelChannel
from napari_mid.model.ensemble import Ensemble, model_of
from napari_mid.model.folder import load_model, save_model
from napari_mid.model.network import MidModel
from napari_mid.model.rollout import rollout

CPU = torch.device("cpu")


def another(model: MidModel, seed: int) -> MidModel:
    """The same network with other weights."""
    torch.manual_seed(seed)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.2 * parameter.std().nan_to_num() * torch.randn_like(parameter))
    return other


@pytest.fixture
def networks(small_model: MidModel) -> list[MidModel]:
    return [small_model, another(small_model, 1), another(small_model, 2)]


@pytest.fixture
def slices() -> torch.Tensor:
    return torch.rand((40, 2, 32, 32), generator=torch.Generator().manual_seed(0))


def test_the_score_and_the_relevance_of_an_ensemble_are_the_means_of_its_networks(
    networks: list[MidModel], slices: torch.Tensor
) -> None:
    settings = ScoringSettings(set_size=10, n_sets=20, precision="float32")

    def scored(model: MidModel):
        return score_bag(model, Encoder(model, CPU, "float32")(slices).numpy(), settings)

    each, all_of_them = [scored(network) for network in networks], scored(Ensemble(networks))
    assert len({round(one.score, 3) for one in each}) == 3
    assert all_of_them.score == pytest.approx(np.mean([one.score for one in each]), abs=1e-5)
    np.testing.assert_allclose(all_of_them.set_scores, np.mean([one.set_scores for one in each], axis=0), atol=1e-5)
    np.testing.assert_allclose(all_of_them.lift, np.mean([one.lift for one in each], axis=0), atol=1e-4)
    np.testing.assert_allclose(all_of_them.alone, np.mean([one.alone for one in each], axis=0), atol=1e-5)
    # from the first sets alone, so nearly
    assert all_of_them.networks_sd == pytest.approx(np.std([one.score for one in each], ddof=1), abs=0.02)
    assert np.isnan(each[0].networks_sd)


def test_slices_go_through_it_as_through_one_network(networks: list[MidModel], slices: torch.Tensor) -> None:
    ensemble = Ensemble(networks).eval()
    with torch.inference_mode():
        logits = ensemble(slices.view(4, 10, 2, 32, 32))
        mean = torch.stack([network(slices.view(4, 10, 2, 32, 32)).softmax(-1) for network in networks]).mean(0)
        embeddings = ensemble.encode(slices)
        shares = rollout(ensemble, embeddings[None])
        each = [rollout(network, network.encode(slices)[None]) for network in networks]
    torch.testing.assert_close(logits.softmax(-1), mean)
    torch.testing.assert_close(shares, torch.stack(each).mean(0))
    bag = Bag(ensemble, embeddings.numpy())
    sets = np.arange(40).reshape(4, 10)
    np.testing.assert_allclose(bag.read(sets).probabilities, mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(bag.read(sets).attention.sum(axis=-1), 1, atol=1e-5)


def test_it_is_a_model_folder_as_any_other(networks: list[MidModel], slices: torch.Tensor, tmp_path: Path) -> None:
    ensemble = Ensemble(networks).eval()
    save_model(ensemble, tmp_path / "together", card="# Three", metrics={})
    save_model(networks[0], tmp_path / "one", card="# One", metrics={})
    loaded = load_model(tmp_path / "together")
    assert isinstance(loaded, Ensemble)
    assert (loaded.config.networks, loaded.config.width, loaded.card) == (3, 48, "# Three")
    assert loaded.config.network_text.startswith("3 networks read together, each test_resnet, D = 16")
    with torch.inference_mode():
        torch.testing.assert_close(loaded.encode(slices), ensemble.encode(slices))
    # its weights are there once
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("together", "one")]
    assert sizes[0] < 3.1 * sizes[1]


def test_networks_of_other_shapes_or_channels_are_refused(small_model: MidModel) -> None:
    channels = (small_model.config.channels[0], ModelChannel("MMP", "mmp"))
    for change in ({"width": 32}, {"channels": channels}, {"slice_px": 48}):
        other = MidModel(dataclasses.replace(small_model.config, **change))
        with pytest.raises(ModelError, match="these differ"):
            Ensemble([small_model, other])
    renamed = copy.deepcopy(small_model)
    renamed.config = dataclasses.replace(small_model.config, name="another", temperature=2.0)
    assert Ensemble([small_model, renamed]).config.networks == 2


def test_heads_stay_those_of_their_networks(networks: list[MidModel], slices: torch.Tensor) -> None:
    ensemble = Ensemble(networks).eval()
    with torch.inference_mode():
        embeddings = ensemble.encode(slices)
        attention = ensemble.read_sets(embeddings[None])[1]
        last = networks[2].read_sets(networks[2].encode(slices)[None])[1]
    assert attention.shape == (1, 6, 40)
    torch.testing.assert_close(attention[:, 4:], last)


def test_a_config_that_cannot_be_is_refused(small_model: MidModel) -> None:
    for networks in (3, 0, "3", None):
        with pytest.raises(ModelError, match=f"{networks} networks cannot have embeddings of 16"):
            model_of(dataclasses.replace(small_model.config, networks=networks))
