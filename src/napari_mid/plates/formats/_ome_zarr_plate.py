"""From the metadata of an OME-Zarr hierarchy to a plate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.field import Channel, Field
from napari_mid.plates.folder import examples
from napari_mid.plates.formats._ome_zarr_metadata import (
    ImageText,
    PlateLayout,
    axes_for,
    image_text,
    is_simulated,
    plate_layout,
    plate_name,
    wavelengths,
    well_images,
)
from napari_mid.plates.formats._ome_zarr_tree import Group, Tree
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.roles import guess_role
from napari_mid.plates.well_names import standard_plate_size, well_position
from napari_mid.plates.zarr_places import reason_of
from napari_mid.plates.zarr_planes import COUNTED_AXES, ArrayLayout, ZarrImage, ZarrPlane

NAME = "OME-Zarr"

#: More planes in a field than any microscope takes; a damaged shape would ask for all memory.
MAX_PLANES = 100_000

#: Images of a server that are looked at, at a time, until one can be read.
_TRIED_AT_ONCE = 8


def read_tree(tree: Tree, path: Path | str) -> Plate:
    """The plate in `tree`; `path` is where the user found it.

    Raises
    ------
    PlateFormatError
        If it is neither a plate nor an image, or makes no sense.
    """
    ome, root = tree.root.ome, tree.place.root
    if isinstance(ome.get("plate"), dict):
        return _PlateBuilder(tree, plate_layout(ome["plate"])).plate(path)
    if "multiscales" in ome:
        builder = _PlateBuilder(tree, PlateLayout({"A01": ""}, (2, 3)), {"A01": [""]})
        builder.warnings.append(f"{Path(root).name} is a single image, not a plate; it is shown as well A01.")
        return builder.plate(path)
    if isinstance(ome.get("well"), dict):
        raise PlateFormatError(f"{root} is one well of an OME-Zarr plate; open the folder of the plate, two levels up.")
    raise PlateFormatError(f"{root} is a Zarr folder, but neither an OME-Zarr plate nor an image; open the folder of the plate.")


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of a well as far as it could be read; `layout` is that of its first level."""

    path: str
    text: ImageText
    axes: tuple[str, ...]
    layout: ArrayLayout

    def size(self, axis: str) -> int:
        return self.layout.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def n_planes(self) -> int:
        count = 1
        for axis in COUNTED_AXES:
            count *= self.size(axis)
        return count


class _PlateBuilder:
    """Turns metadata into a plate, collecting what does not make sense as warnings."""

    def __init__(self, tree: Tree, layout: PlateLayout, images: Mapping[str, list[str]] | None = None) -> None:
        self.tree = tree
        self.layout = layout
        self.warnings: list[str] = []
        self.missing_wells: list[str] = []
        self.missing_images: list[str] = []
        self.missing_planes: list[str] = []
        self.damaged: list[str] = []
        self.refused = list(layout.refused)
        self.paths: Mapping[str, list[str]] = self._paths() if images is None else images
        self.factors: dict[int, tuple[float, ...]] = {}

    def plate(self, path: Path | str) -> Plate:
        """The plate; `path` is where the user found it."""
        images = self._images([image for paths in self.paths.values() for image in paths])
        # the one with the most channels: others may lack some
        reference = max(images.values(), key=lambda image: image.size("c"), default=None)
        channels = () if reference is None else self._channels(reference)
        name = plate_name(self.tree.root) or self.tree.place.name
        rows, columns = self._size()
        wells = {
            well: Well(
                name, well, self._fields(name, well, [(path, images.get(path)) for path in self.paths.get(well, [])], channels)
            )
            for well in self.layout.wells
        }
        per_image = 0 if reference is None else reference.n_planes
        n_images = sum(
            images[image].n_planes if image in images else per_image for paths in self.paths.values() for image in paths
        )
        scale = None if reference is None else reference.text.scale_um
        self._summarise(n_images, images)
        return Plate(
            name=name,
            path=path,
            format=NAME,
            rows=rows,
            columns=columns,
            channels=channels,
            wells=wells,
            pixel_size_um=None if scale is None else scale[1],
            n_images=n_images,
            missing_files=(*self.missing_wells, *self.missing_images, *self.missing_planes),
            warnings=tuple(self.warnings),
            simulated=is_simulated(self.tree.root),
        )

    def _size(self) -> tuple[int, int]:
        if self.layout.size is not None:
            return self.layout.size
        try:
            return standard_plate_size(well_position(name) for name in self.layout.wells)
        except WellError as error:
            raise PlateFormatError(f"{self.tree.place.root}: {error}") from error

    def _paths(self) -> dict[str, list[str]]:
        """Paths of the images of each well that is there, in the order of the well's own list."""
        wells = {name: path for name, path in self.layout.wells.items() if not self._leads_out(path)}
        groups = self.tree.groups(list(wells.values()))
        paths: dict[str, list[str]] = {}
        several: list[str] = []
        for name, path in wells.items():
            group = groups.get(path)
            if group is None:
                self.missing_wells.append(path)
            elif isinstance(group, ValueError):
                self.damaged.append(f"{path} ({reason_of(group)})")
            else:
                images, refused, acquisitions = well_images(group)
                self.refused += [f"{path}/{image}" for image in refused]
                paths[name] = [f"{path}/{image}" for image in images]
                several += [name] * (acquisitions > 1)
        if several:
            self.warnings.append(
                f"{len(several)} wells have images of several acquisitions ({examples(several)}); each image is shown as a field."
            )
        return paths

    def _leads_out(self, path: str) -> bool:
        out = self.tree.place.leads_out(path)
        if out:
            self.refused.append(path)
        return out

    def _images(self, paths: list[str]) -> dict[str, _Image]:
        """The images that can be read, by path."""
        paths = [path for path in paths if not self._leads_out(path)]
        groups: dict[str, Group | ValueError] = {"": self.tree.root} if paths == [""] else self.tree.groups(paths)
        texts: dict[str, ImageText] = {}
        for path in paths:
            group = groups.get(path)
            if group is None:
                self.missing_images.append(path)
                continue
            try:
                if isinstance(group, ValueError):
                    raise group
                texts[path] = image_text(group)
            except ValueError as error:
                self.damaged.append(f"{path} ({reason_of(error)})")
        if self.tree.asking_is_cheap:
            return self._with_layouts(texts)
        return self._like_the_first(texts)

    def _with_layouts(self, texts: Mapping[str, ImageText]) -> dict[str, _Image]:
        """Each image with the shape of its own array."""
        arrays = self.tree.arrays([_join(path, text.levels[0]) for path, text in texts.items()])
        images = {}
        for path, text in texts.items():
            array = arrays.get(_join(path, text.levels[0]))
            if array is None:
                self.missing_images.append(path)
                continue
            try:
                if isinstance(array, ValueError):
                    raise array
                image = _Image(path, text, axes_for(text, len(array.shape)), array)
                if image.n_planes > MAX_PLANES:
                    raise ValueError(f"its shape is {array.shape}")
                images[path] = image
            except ValueError as error:
                self.damaged.append(f"{path} ({reason_of(error)})")
        return images

    def _like_the_first(self, texts: Mapping[str, ImageText]) -> dict[str, _Image]:
        """Each image with the shape of the first that can be read: on a server each question takes its time."""
        order = list(texts)
        for start in range(0, len(order), _TRIED_AT_ONCE):
            tried = self._with_layouts({path: texts[path] for path in order[start : start + _TRIED_AT_ONCE]})
            if tried:
                first = next(iter(tried.values()))
                alike = {
                    path: _Image(path, text, first.axes, first.layout)
                    for path, text in texts.items()
                    if path in tried or (path in order[start + _TRIED_AT_ONCE :] and text.axes == first.text.axes)
                }
                return {**alike, **tried}
        return {}

    def _channels(self, reference: _Image) -> tuple[Channel, ...]:
        told = reference.text.channels
        waves = wavelengths(self.tree.root)
        channels: list[Channel] = []
        names: set[str] = set()
        for index in range(reference.size("c")):
            about = told[index] if index < len(told) else None
            label = (about.label if about is not None else None) or f"Channel {index + 1}"
            name = label
            if name.casefold() in names:
                name = f"{label} ({about.number})" if about is not None and about.number else f"{label} (channel {index + 1})"
                self.warnings.append(f"Two channels are called {label}; channel {index + 1} is shown as {name}.")
            while name.casefold() in names:
                name += "'"
            names.add(name.casefold())
            emission, excitation = waves.get(name, (None, None))
            colour = about.colour if about is not None else None
            channels.append(Channel(name, guess_role(name, emission), emission, excitation, colour))
        return tuple(channels)

    def _fields(
        self, plate: str, well: str, images: list[tuple[str, _Image | None]], channels: tuple[Channel, ...]
    ) -> dict[int, Field]:
        known = [image for _, image in images if image is not None]
        placed = bool(known) and all(image.text.translation_um is not None for image in known)
        fields = {}
        for number, (_, image) in zip(_numbers([path for path, _ in images]), images, strict=True):
            if image is None:
                fields[number] = Field(plate, well, number, (), channels)
                continue
            scale = image.text.scale_um
            position = _centre(image) if placed else None
            planes = self._planes(image, channels)
            fields[number] = Field(plate, well, number, planes, channels, position, None if scale is None else scale[1])
        return dict(sorted(fields.items()))

    def _planes(self, image: _Image, channels: tuple[Channel, ...]) -> tuple[ZarrPlane, ...]:
        place, text = self.tree.place, image.text
        factors = text.factors or self._factors_from_shapes(image)
        levels = tuple(_join(image.path, level) for level in text.levels[: len(factors)])
        zarr_image = ZarrImage(place, self.tree.zarr_format, levels, image.axes, image.layout.shape, factors)
        path = Path(place.name if place.is_remote else place.root, levels[0])
        planes = []
        layouts = {0: image.layout}
        for time in range(1, image.size("t") + 1):
            for channel in range(min(image.size("c"), len(channels))):
                for z in range(1, image.size("z") + 1):
                    plane = ZarrPlane(path, channel, z, time, image=zarr_image)
                    if place.is_remote or not self._is_lost(plane, layouts):
                        planes.append(plane)
        return tuple(planes)

    def _is_lost(self, plane: ZarrPlane, layouts: dict[int, ArrayLayout]) -> bool:
        """Whether the plane's files are absent; the layouts of the coarser levels are added to `layouts` once needed."""
        image = plane.image
        keys = layouts[0].chunk_keys(image.at(plane.index, layouts[0].shape))
        first = next(keys)
        if image.place.holds_any([f"{image.levels[0]}/{first}"]):
            return False
        if len(layouts) == 1 and len(image.levels) > 1:
            coarse = self.tree.arrays(image.levels[1:])
            for level, path in enumerate(image.levels[1:], start=1):
                layout = coarse.get(path)
                if isinstance(layout, ArrayLayout) and len(layout.shape) == len(image.axes):
                    layouts[level] = layout
        if image.is_lost(0, plane.index, layouts):
            self.missing_planes.append(f"{image.levels[0]}/{first}")
            return True
        return False

    def _factors_from_shapes(self, image: _Image) -> tuple[float, ...]:
        """Factors of the levels where the metadata do not tell; looked up once for all images with as many levels."""
        count = len(image.text.levels)
        if count not in self.factors:
            arrays = self.tree.arrays([_join(image.path, level) for level in image.text.levels[1:]])
            factors = [1.0]
            for level in image.text.levels[1:]:
                array, axis = arrays.get(_join(image.path, level)), image.axes.index("x")
                if not isinstance(array, ArrayLayout) or len(array.shape) != len(image.axes):
                    break
                factor = image.layout.shape[axis] / array.shape[axis]
                if factor <= factors[-1]:
                    break
                factors.append(factor)
            self.factors[count] = tuple(factors)
        return self.factors[count]

    def _summarise(self, n_images: int, images: Mapping[str, _Image]) -> None:
        n_wells, n_paths = len(self.layout.wells), sum(map(len, self.paths.values()))
        for found, total, what in (
            (self.missing_wells, n_wells, "wells that the plate declares are missing"),
            (self.missing_images, n_paths, "fields that the wells declare are missing"),
            (self.missing_planes, n_images, "images that the fields declare have no pixels"),
        ):
            if found:
                self.warnings.append(f"{len(found)} of the {total} {what}: {examples(found)}.")
        without = [well for well, paths in self.paths.items() if not paths]
        if without:
            self.warnings.append(f"{len(without)} of the {n_wells} wells list no field: {examples(without)}.")
        if self.damaged:
            self.warnings.append(f"The metadata of {len(self.damaged)} wells or fields cannot be read: {examples(self.damaged)}.")
        if self.refused:
            self.warnings.append(
                f"{len(self.refused)} wells or fields lie outside the plate's folder and are not read: {examples(self.refused)}."
            )
        if self.layout.nonsense:
            self.warnings.append(f"{self.layout.nonsense} wells lack a name or path that makes sense, or stand twice; left out.")
        if not self.layout.wells:
            self.warnings.append("The plate declares no well.")
        texts = [image.text for image in images.values()]
        if any(text.scale_without_unit for text in texts):
            self.warnings.append("The images tell their scale without a unit of length, so the size of a pixel is unknown.")
        if any(text.scale_um and abs(text.scale_um[0] / text.scale_um[1] - 1) > 0.01 for text in texts):
            self.warnings.append("The pixels of the images are not square; their width is taken for the size of a pixel.")
        if len({tuple(channel.label for channel in text.channels) for text in texts}) > 1:
            self.warnings.append("The fields do not all have the same channels; the names are those of the first with the most.")


def _join(path: str, inner: str) -> str:
    return f"{path}/{inner}" if path else inner


def _numbers(paths: list[str]) -> list[int]:
    """The fields' own numbers where all are called by a number, else 1, 2, ..."""
    names = [path.rsplit("/", 1)[-1] for path in paths]
    if all(name.isascii() and name.isdecimal() and len(name) < 10 for name in names):
        numbers = [int(name) for name in names]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(names) + 1))


def _centre(image: _Image) -> tuple[float, float] | None:
    """The centre of the field (y, x) in µm: the translation is the place of the first pixel's centre."""
    corner, scale = image.text.translation_um, image.text.scale_um
    if corner is None or scale is None:
        return None
    return tuple(corner[i] + (image.size(axis) - 1) / 2 * scale[i] for i, axis in enumerate("yx"))  # type: ignore[return-value]
