"""ImageXpress plates as MetaXpress exports them: an HTD file beside the images or their ``TimePoint_N/ZStep_N`` folders."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.folder import declared_warnings, examples
from napari_mid.plates.formats._imagexpress_files import Place, PlateFiles, places, plate_files
from napari_mid.plates.formats._imagexpress_htd import Htd, in_plate_order, read_htd
from napari_mid.plates.formats._imagexpress_missing import Key, missing_sentence, spoken
from napari_mid.plates.formats._imagexpress_sites import Stage, read_stage
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.roles import guess_role
from napari_mid.plates.well_names import standard_plate_size, well_position

NAME = "ImageXpress"

#: An HTD that declares more images than this is damaged; 384 wells, 9 sites, 4 wavelengths and 140 time points are fewer.
MAX_DECLARED = 2_000_000

_IN_TIME_POINT = re.compile(r"(?:^|/)TimePoint_\d+/", re.IGNORECASE)


def can_read(path: Path) -> bool:
    """Whether `path` is an HTD file, or a folder with one in it, in its time points or in a plate below it."""
    return bool(places(path))


def read(path: Path) -> Plate:
    """Read the plate at `path`, a folder or an HTD file.

    The HTD declares a plane for each selected well and site, collected wavelength, time point and, in a z series, focal plane.
    Declared images that are absent are counted, not invented; images that were not declared are shown with a warning. Where a
    z stack lies on disk, a projection beside it is passed over, since the stack is projected when it is shown; a wavelength, or
    a field, of which there is only the projection keeps it as its single focal plane 1.

    Raises
    ------
    PlateFormatError
        If there is no HTD, it makes no sense, or several plates lie in the folder.
    """
    found = places(path)
    if not found:
        raise PlateFormatError(f"{path} has no HTD file.")
    if len(found) > 1:
        several = [str((place.htd if place.stem else place.home).relative_to(path)) for place in found]
        raise PlateFormatError(f"{path} holds {len(found)} ImageXpress plates: {examples(several)}. Open one of them.")
    return _PlateBuilder(found[0], read_htd(found[0].htd), plate_files(found[0])).plate(path)


@dataclass(frozen=True)
class _Plan:
    """What is declared; where the HTD is silent, what is on disk."""

    wells: list[str]
    sites: list[int]
    wavelengths: dict[int, str]
    times: list[int]
    #: Focal planes by wavelength; None for a single plane or a projection.
    z: dict[int, list[int | None]]

    @property
    def n_images(self) -> int:
        return len(self.wells) * len(self.sites) * len(self.times) * sum(len(self.z[number]) for number in self.wavelengths)

    def planned(self) -> Iterator[Key]:
        for time in self.times:
            for well in self.wells:
                for site in self.sites:
                    for wavelength in self.wavelengths:
                        for z in self.z[wavelength]:
                            yield Key(well, site, wavelength, time, z)

    def undeclared(self, keys: Iterable[Key]) -> list[Key]:
        wells, sites, times = set(self.wells), set(self.sites), set(self.times)
        return [
            key
            for key in keys
            if key.well not in wells
            or key.site not in sites
            or key.time not in times
            or key.z not in self.z.get(key.wavelength, ())
        ]


class _PlateBuilder:
    """Joins the plan of the HTD with the files on disk, collecting what does not fit as warnings."""

    def __init__(self, place: Place, htd: Htd, files: PlateFiles) -> None:
        self.place = place
        self.htd = htd
        self.files = files
        self.warnings = [*htd.warnings]
        self.on_disk = self._on_disk()
        self.plan = self._plan()

    def plate(self, path: Path) -> Plate:
        """The plate; `path` is where the user found it."""
        plan = self.plan
        if plan.n_images > MAX_DECLARED:
            raise PlateFormatError(
                f"{self.place.htd} declares {plan.n_images} images, more than any plate has; it is damaged. Give --pattern to go "
                "by the file names."
            )
        naming = _Naming(self.place, self.htd, self.files)
        missing = {key: naming.name(key) for key in plan.planned() if key not in self.on_disk}
        planes = self._planes()
        if not plan.wells and not planes:
            raise PlateFormatError(f"{self.place.htd} declares no well, and there is no image beside it.")
        numbers, channels, stage = self._channels({key.wavelength for key in self.on_disk})
        wells = self._wells(planes, {number: index for index, number in enumerate(numbers)}, channels, stage)
        rows, columns = self._size(wells)
        self._summarise(missing, planes)
        return Plate(
            name=self.place.name,
            path=path,
            format=NAME,
            rows=rows,
            columns=columns,
            channels=channels,
            wells=wells,
            pixel_size_um=stage.pixel_size_um,
            n_images=plan.n_images,
            missing_files=tuple(missing.values()),
            warnings=tuple(self.warnings),
        )

    def _on_disk(self) -> dict[Key, Path]:
        """Every image whose name fits; the first where several say the same."""
        first_wavelength = min(self.htd.wavelengths or {1: ""})
        on_disk: dict[Key, Path] = {}
        repeated: list[str] = []
        for name, path in self.files.found:
            key = Key(
                name.well,
                1 if name.site is None else name.site,
                first_wavelength if name.wavelength is None else name.wavelength,
                1 if name.time is None else name.time,
                name.z,
            )
            if key in on_disk:
                repeated.append(name.relative)
            else:
                on_disk[key] = path
        if repeated:
            self.warnings.append(
                f"{len(repeated)} images say the same well, site and wavelength as another and are left out: "
                f"{examples(repeated)}."
            )
        return on_disk

    def _plan(self) -> _Plan:
        htd, keys = self.htd, self.on_disk.keys()
        wavelengths = dict(htd.wavelengths) if htd.wavelengths is not None else {}
        if htd.wavelengths is None:
            self.warnings.append(f"{self.place.htd.name} does not tell the wavelengths; those on disk are shown.")
            wavelengths = {number: f"w{number}" for number in sorted({key.wavelength for key in keys})}
        if self.place.time is not None:
            times = [self.place.time]
            if (htd.time_points or 1) > 1:
                self.warnings.append(
                    f"Only time point {self.place.time} of {htd.time_points} lies in {self.place.home.name}; open the folder "
                    "above it for all of them."
                )
        else:
            times = list(range(1, htd.time_points + 1)) if htd.time_points else sorted({key.time for key in keys}) or [1]
        wells = list(htd.wells) if htd.wells is not None else in_plate_order({key.well for key in keys})
        sites = list(range(1, len(htd.sites) + 1)) if htd.sites is not None else sorted({key.site for key in keys}) or [1]
        if htd.sites is not None:
            sites = self._numbered_in_grid(htd.sites) or sites
        return _Plan(wells, sites, wavelengths, times, self._declared_z(wavelengths))

    def _numbered_in_grid(self, places: tuple[tuple[int, int], ...]) -> list[int]:
        """Numbers of the selected sites in the whole grid, where the files are numbered that way; else nothing."""
        found = {key.site for key in self.on_disk}
        columns = max((column for _, column in places), default=1)
        in_grid = [(row - 1) * columns + column for row, column in places]
        return in_grid if found and max(found) > len(places) and found <= set(in_grid) else []

    def _declared_z(self, wavelengths: dict[int, str]) -> dict[int, list[int | None]]:
        """Focal planes of each wavelength: a stack, a single plane or a projection; a z series may mix them."""
        found: dict[int, set[int | None]] = defaultdict(set)
        for key in self.on_disk:
            found[key.wavelength].add(key.z)
        steps: list[int | None] = list(range(1, self.htd.z_steps + 1))
        in_steps = {z for planes in found.values() for z in planes if z is not None}
        declared: dict[int, list[int | None]] = {}
        for number in wavelengths:
            stack = sorted(z for z in found[number] if z is not None)
            if self.place.z is not None:
                declared[number] = [self.place.z]
            elif len(steps) == 1:
                declared[number] = [stack[0]] if stack and None not in found[number] else [None]
            elif len(stack) == 1 and len(in_steps) > 1:
                declared[number] = [stack[0]]  # a wavelength of a single plane beside others that are stacks
            elif stack:
                declared[number] = steps
            elif found[number] or (self.on_disk and not in_steps):
                declared[number] = [None]
            else:
                declared[number] = steps
        return declared

    def _planes(self) -> dict[Key, Path]:
        """The images that are shown: without the projections of what is there as a stack."""
        stacks = {key.without_z() for key in self.on_disk if key.z is not None}
        shown = {key: path for key, path in self.on_disk.items() if key.z is not None or key not in stacks}
        beside = len(self.on_disk) - len(shown)
        if beside:
            self.warnings.append(
                f"{beside} projections lie beside their z stacks and are left out; the stacks are shown as their maximum."
            )
        mixed = {key.wavelength for key in stacks} & {key.wavelength for key in shown if key.z is None}
        if mixed:
            names = spoken([self.plan.wavelengths.get(number, f"w{number}") for number in sorted(mixed)])
            self.warnings.append(f"Some fields have only the projection of {names}, not the stack; it is shown there.")
        return shown

    def _channels(self, found: set[int]) -> tuple[list[int], tuple[Channel, ...], Stage]:
        """Wavelength numbers, channels and what the headers tell; a wavelength without any image is no channel."""
        names = {**{number: f"w{number}" for number in sorted(found)}, **self.plan.wavelengths}
        # with no image at all the plate has the channels that were planned
        numbers = sorted(found) if found else list(self.plan.wavelengths)
        absent = [number for number in self.plan.wavelengths if number not in numbers]
        if absent:
            listed = spoken([f"{names[number]} (w{number})" for number in absent])
            verb = "it is" if len(absent) == 1 else "they are"
            self.warnings.append(f"There is no image of {listed} on the plate; {verb} left out of its channels.")
        grid = dict(zip(self.plan.sites, self.htd.sites, strict=True)) if self.htd.sites is not None else {}
        stage = read_stage(self.on_disk, numbers, grid)
        self.warnings += stage.warnings
        channels = tuple(
            Channel(names[number], guess_role(names[number], stage.wavelengths.get(number)), stage.wavelengths.get(number))
            for number in numbers
        )
        return numbers, channels, stage

    def _wells(
        self, planes: dict[Key, Path], channel_index: dict[int, int], channels: tuple[Channel, ...], stage: Stage
    ) -> dict[str, Well]:
        by_field: dict[str, dict[int, list[Plane]]] = defaultdict(lambda: defaultdict(list))
        for key, path in planes.items():
            z = 1 if key.z is None else key.z
            by_field[key.well][key.site].append(Plane(path, channel_index[key.wavelength], z, key.time))
        name = self.place.name
        wells = {}
        for well in in_plate_order(set(self.plan.wells) | set(by_field)):
            there = by_field.get(well, {})
            declared = self.plan.sites if well in self.plan.wells else []
            fields = {
                site: Field(
                    name, well, site, tuple(there.get(site, ())), channels, stage.positions_um.get(site), stage.pixel_size_um
                )
                for site in sorted({*declared, *there})
            }
            wells[well] = Well(name, well, fields)
        return wells

    def _size(self, wells: dict[str, Well]) -> tuple[int, int]:
        positions = [well_position(name) for name in wells]
        if self.htd.size is not None:
            rows, columns = self.htd.size
            if all(row <= rows and column <= columns for row, column in positions):
                return rows, columns
            self.warnings.append(f"{self.place.htd.name} declares {rows} x {columns} wells, but there are wells beyond them.")
        else:
            self.warnings.append(
                f"{self.place.htd.name} does not tell the size of the plate; the smallest one that fits is shown."
            )
        try:
            return standard_plate_size(positions)
        except WellError as error:
            raise PlateFormatError(f"{self.place.htd}: {error}") from error

    def _summarise(self, missing: dict[Key, str], planes: dict[Key, Path]) -> None:
        htd, files, plan = self.place.htd.name, self.files, self.plan
        if missing:
            self.warnings.append(missing_sentence(htd, plan.n_images, missing, self.on_disk, plan.wavelengths))
        undeclared = plan.undeclared(planes)
        if undeclared:
            names = [planes[key].relative_to(self.place.home).as_posix() for key in undeclared]
            self.warnings.append(f"{len(names)} images are shown though {htd} does not declare them: {examples(names)}.")
        self.warnings += declared_warnings(htd, plan.n_images, (), files.refused)
        if files.strange:
            self.warnings.append(
                f"{len(files.strange)} images are not named as MetaXpress names them and are left out: {examples(files.strange)}."
            )


class _Naming:
    """How the files of a plate are called, seen from those on disk; as MetaXpress does it where there is none."""

    def __init__(self, place: Place, htd: Htd, files: PlateFiles) -> None:
        names = [name for name, _ in files.found]
        self.prefix = files.prefix
        self.base = _most_common([f"{name.base}_" if name.base else "" for name in names], f"{place.htd.stem}_")
        self.ending = _most_common([name.ending for name in names], ".TIF")
        self.site = any(name.site is not None for name in names) if names else len(htd.sites or ()) > 1
        self.wavelength = any(name.wavelength is not None for name in names) if names else len(htd.wavelengths or ()) > 1
        in_folders = any(_IN_TIME_POINT.search(name.relative) for name in names) if names else (htd.time_points or 1) > 1
        self.time_folders = in_folders and place.time is None
        self.z_folders = place.z is None

    def name(self, key: Key) -> str:
        """The name that the image `key` should have, below the plate's folder."""
        time = f"TimePoint_{key.time}/" if self.time_folders else ""
        z = f"ZStep_{key.z}/" if self.z_folders and key.z is not None else ""
        site = f"_s{key.site}" if self.site else ""
        wavelength = f"_w{key.wavelength}" if self.wavelength else ""
        return f"{self.prefix}{time}{z}{self.base}{key.well}{site}{wavelength}{self.ending}"


def _most_common(texts: list[str], otherwise: str) -> str:
    return Counter(texts).most_common(1)[0][0] if texts else otherwise
