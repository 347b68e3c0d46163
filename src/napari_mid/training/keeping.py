"""What a training leaves on disk while it runs, so that it can be gone on with: the folder ``<model>.training``."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from napari_mid.errors import TrainingError
from napari_mid.files import atomic_path, write_json
from napari_mid.training.loop import Row

#: Seconds between two checkpoints: what a power cut may cost.
CHECKPOINT_SECONDS = 300.0
LOG, FACTS, STATE = "log.csv", "run.json", ".pt"
STAGE = "stage"


class Work:
    """The work folder of a training.

    Parameters
    ----------
    folder
        Beside the model that is being made.

    Attributes
    ----------
    warnings
        A sentence for whatever could not be kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.warnings: list[str] = []

    @property
    def log(self) -> Path:
        """The log of all stages."""
        return self.folder / LOG

    def begin(self, facts: Mapping[str, Any], resume: bool) -> None:
        """Make the folder ready for a training that is described by `facts` (JSON).

        Raises
        ------
        TrainingError
            If an unfinished training is there that was not to be gone on with, or one that differs in `facts`.
        """
        states = sorted(self.folder.glob(f"*{STATE}"))
        if states and not resume:
            raise TrainingError(
                f"{self.folder} holds a training that was not finished; the same command with --resume goes on with it, and "
                "deleting the folder starts afresh."
            )
        if not states:
            self.log.unlink(missing_ok=True)
            write_json(self.folder / FACTS, dict(facts))
            return
        self._compare(facts)

    def same_cells(self, digest: str) -> None:
        """Refuse to go on where the cells are no longer those of the training so far; `digest` stands for them."""
        facts = self._facts()
        if "cells" not in facts:
            write_json(self.folder / FACTS, {**facts, "cells": digest})
        elif facts["cells"] != digest:
            if any(self.folder.glob(f"*{STATE}")):
                raise TrainingError(
                    f"The images or the nuclei are no longer those of the training in {self.folder}; delete the folder to start "
                    "afresh."
                )
            write_json(self.folder / FACTS, {**facts, "cells": digest})

    def keeper(self, stage: str) -> StageKeeper:
        """Keeps the state of a stage, such as ``"fold 1"``."""
        return StageKeeper(self, stage)

    def what_is_kept(self) -> str:
        """What a person can do after the model could not be written: a full disk may have kept the checkpoint out, too."""
        if any(self.folder.glob(f"*{STATE}")):
            return f"The trained weights are kept in {self.folder}; make room, and run the same command with --resume."
        return "The trained weights could not be kept either; make room, and run the same command again."

    def finish(self, keep: bool) -> None:
        """The model is written: delete the folder, or the checkpoints alone, so that the next training is a new one."""
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        for path in self.folder.glob(f"*{STATE}"):
            path.unlink(missing_ok=True)

    def _facts(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{self.folder} is not the work folder of a training ({' '.join(str(error).split())}); delete it to start afresh."
            ) from error
        return content

    def _compare(self, facts: Mapping[str, Any]) -> None:
        before = self._facts()
        now = json.loads(json.dumps(dict(facts)))
        differing = [name for name in now if before.get(name) != now[name]]
        if differing:
            told = ", ".join(f"{name} was {before.get(name)} and is {now[name]}" for name in differing[:3])
            raise TrainingError(
                f"The training in {self.folder} cannot be gone on with: {told}. Give the same options, or delete the folder."
            )


class StageKeeper:
    """Keeps the state and the log of one stage of a training; what cannot be written is told and does not stop the training.

    Parameters
    ----------
    work
        Whose folder.
    stage
        Its name.
    """

    def __init__(self, work: Work, stage: str) -> None:
        self._work = work
        self._stage = stage
        self._path = work.folder / f"{stage.replace(' ', '_')}{STATE}"
        self._saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state that was kept last; None where there is none. The log forgets what came after it."""
        if not self._path.is_file():
            self._forget(0)
            return None
        try:
            state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever a damaged file makes of the reader
            raise TrainingError(
                f"{self._path} is damaged ({' '.join(str(error).split())[:100]}); delete it, and the stage starts afresh."
            ) from error
        self._forget(int(state["step"]))
        return state

    def is_due(self) -> bool:
        """Whether the last checkpoint is old."""
        return time.monotonic() - self._saved >= CHECKPOINT_SECONDS

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state`; the one before stays where the new one cannot be written."""
        self._saved = time.monotonic()
        try:
            with atomic_path(self._path) as path:
                torch.save(state, path)
        except (OSError, RuntimeError) as error:  # torch raises RuntimeError on a full disk
            self._tell(f"the checkpoint of step {state['step']} could not be written ({' '.join(str(error).split())[:100]})")

    def log(self, row: Row) -> None:
        """Append a row to the log."""
        fields = {STAGE: self._stage, **{name: _number(value) for name, value in dataclasses.asdict(row).items()}}
        try:
            self._work.log.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self._work.log.is_file()
            with self._work.log.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(fields))
                if is_new:
                    writer.writeheader()
                writer.writerow(fields)
        except OSError as error:
            self._tell(f"the log could not be written ({error.strerror})")

    def _tell(self, sentence: str) -> None:
        if sentence not in self._work.warnings:
            self._work.warnings.append(sentence)

    def _forget(self, after: int) -> None:
        """Drop the rows of this stage that come after step `after`: they are written again."""
        rows = read_log(self._work.log)
        kept = [row for row in rows if row[STAGE] != self._stage or int(row["step"]) <= after]
        if len(kept) == len(rows):
            return
        with atomic_path(self._work.log) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(kept)


def read_log(path: Path) -> Sequence[dict[str, str]]:
    """The rows of a log, whole ones only: a kill may have cut the last one off."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if None not in row and None not in row.values()]


def _number(value: float) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)
