"""``napari-mid import-xprofiler``."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_mid.model.import_settings import ImportSettings
from napari_mid.settings import add_options, from_options

EXAMPLE = (
    "napari-mid import-xprofiler herg.pt herg_model --classes nontoxic toxic "
    "--channels Hoechst=nucleus CM-H2DCFDA=ros TMRM=mmp --task 'hERG inhibition'"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``import-xprofiler``."""
    parser.add_argument("weights", type=Path, metavar="WEIGHTS.pt", help="weights in the authors' layout (a PyTorch state dict)")
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder to write")
    parser.add_argument("--classes", nargs="+", required=True, metavar="NAME", help="names of the outputs; the positive one last")
    parser.add_argument(
        "--channels",
        nargs="+",
        required=True,
        metavar="NAME[=ROLE]",
        help="channels in the order of the input planes, with what they show; a role that is not given is guessed from the name",
    )
    parser.add_argument("--name", help="name of the model (default: that of the folder)")
    parser.add_argument("--task", help="what the model predicts, in words, such as 'hERG inhibition' (default: the name)")
    add_options(parser, ImportSettings)


def run(options: argparse.Namespace) -> None:
    """Read the weights, check them and write the model folder."""
    from napari_mid.model.folder import check_model_path, load_model, save_model
    from napari_mid.model.xprofiler import import_card, model_from_xprofiler, named_channels, read_weights

    settings = from_options(ImportSettings, options)
    check_model_path(options.model)
    name = options.name or options.model.resolve().name
    model = model_from_xprofiler(
        read_weights(options.weights),
        classes=options.classes,
        channels=named_channels(options.channels),
        name=name,
        task=options.task or name,
        settings=settings,
        source=options.weights.name,
    )
    save_model(model, options.model, card=import_card(model.config, options.weights.name, settings), metrics={})
    loaded = load_model(options.model)
    print(
        f"{options.model}: {len(model.config.channels)} channels, D = {model.config.width}, "
        f"classes {' / '.join(model.config.classes)}, hash {loaded.hash}; untested here: see card.md"
    )
