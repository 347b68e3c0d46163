"""What a channel shows, guessed from its name and wavelength, and the colour it is drawn in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from napari_mid.plates.field import Channel

#: Colour of each role as ``#rrggbb``; no two are the same.
ROLE_COLOURS: dict[str, str] = {
    "nucleus": "#3f6bff",
    "ros": "#2bdc4e",
    "mmp": "#ffd21f",
    "dead": "#ff3b30",
    "er": "#19d3d3",
    "rna": "#a6e22e",
    "agp": "#ff8c1a",
    "mito": "#ff4fa3",
    "actin": "#c86bff",
    "other": "#b4b4b4",
}

#: Upper end of an emission band in nm and the colour of channels in it whose role is unknown.
_BANDS = ((300, None), (485, "#4f7dff"), (545, "#3ddc6a"), (585, "#e8e337"), (630, "#ff9a3c"), (675, "#ff5a4d"), (900, "#e05cff"))

#: For channels about which nothing is known, after the first.
_FURTHER = ("#2bdc4e", "#ff4fd8", "#ffd21f", "#19d3d3", "#ff6a3d", "#9d8cff", "#ffffff")

# CellProfiler puts Orig before the names of channels
_TRANSMITTED = r"(?:orig)?bright ?field|bf|phase|phase contrast|digital phase contrast|dic|transmitted|transmission"

# The first role with a hit counts: a stain of dead cells colours nuclei, a ROS stain may sit in mitochondria.
_WORDS: tuple[tuple[str, str], ...] = (
    ("other", rf"{_TRANSMITTED}|[cb]fp"),
    ("dead", r"yoyo ?[13]?|toto ?3|to ?pro ?3|pi|propidium|propidium iodide|dead|dead cells?|sytox|7 ?aad|draq ?7|ethd ?1"),
    ("ros", r"ros|(cm ?)?h2 ?dcf ?da|dcf ?da|dcf|cell ?rox|mito ?sox|dhe|dihydroethidium|superoxide"),
    ("mmp", r"mmp|tmrm|tmre|jc ?10?|rhodamine 123|rh ?123|membrane potential"),
    ("mito", r"mito|mito ?tracker|mitochondria|mitochondrial|tom ?20"),
    ("er", r"er|er ?tracker|endoplasmic|endoplasmic reticulum|con ?a|concanavalin|calreticulin"),
    ("rna", r"rna|syto|syto ?14|syto ?rna ?select|nucleoli"),
    ("agp", r"agp|wga|wheat germ|golgi|plasma membrane"),
    ("actin", r"actin|f ?actin|phalloidin|life ?act"),
    ("nucleus", r"nucleus|nuclei|nuclear|nuc|hoechst ?\d*|dapi|draq ?5|dna|nuc ?blue|h2b"),
)
_PATTERNS = tuple((role, re.compile(rf"\b(?:{words})\b")) for role, words in _WORDS)

#: Names that say nothing, so that the wavelength may speak: "Channel 2", "ch3", "w1", "456".
_NONDESCRIPT = re.compile(r"(?:(?:channel|chan|ch|c|w|wavelength|em|camera|filter) ?)?\d*")


def guess_role(name: str, wavelength_nm: float | None = None) -> str:
    """Guess what a channel shows.

    Parameters
    ----------
    name
        As the microscope spells it; whole words count, in upper or lower case.
    wavelength_nm
        Emission wavelength; used only where the name says nothing, and only for blue, which is a DNA stain in practice.

    Returns
    -------
    str
        One of `napari_mid.plates.plate.ROLES`; ``"other"`` where nothing is known.
    """
    words = _words_of(name)
    for role, pattern in _PATTERNS:
        if pattern.search(words):
            return role
    if _NONDESCRIPT.fullmatch(words) and wavelength_nm and 420 <= wavelength_nm <= 480:
        return "nucleus"
    return "other"


def is_transmitted(channel: Channel) -> bool:
    """Whether `channel` is bright where nothing is, as in brightfield: added to stains it would hide them."""
    return channel.role == "other" and re.search(rf"\b(?:{_TRANSMITTED})\b", _words_of(channel.name)) is not None


def _words_of(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()


def channel_colours(channels: Sequence[Channel]) -> tuple[str, ...]:
    """A colour ``#rrggbb`` for each channel; all are different.

    A role has its colour on every plate, so the colour that the file gives (`Channel.colour`) counts only where the role is
    ``other``; then come the emission wavelength and any colour that is left.
    """
    chosen: dict[int, str] = {}
    for index, channel in enumerate(channels):
        if channel.role != "other":
            _take(chosen, index, [ROLE_COLOURS[channel.role]])
    for index, channel in enumerate(channels):
        if is_transmitted(channel):
            _take(chosen, index, [ROLE_COLOURS["other"]])
    for index, channel in enumerate(channels):
        if index not in chosen and channel.colour:
            _take(chosen, index, [channel.colour])
    for index, channel in enumerate(channels):
        if index not in chosen and channel.wavelength_nm:
            _take(chosen, index, [colour for end, colour in _BANDS if channel.wavelength_nm <= end and colour][:1])
    spares = [ROLE_COLOURS["other"], *_FURTHER, *ROLE_COLOURS.values()]
    for index in range(len(channels)):
        if index not in chosen:
            _take(chosen, index, [*spares, *_greys()])
    return tuple(chosen[index] for index in range(len(channels)))


def _take(chosen: dict[int, str], index: int, colours: Iterable[str]) -> None:
    for colour in colours:
        if colour not in chosen.values():
            chosen[index] = colour
            return


def _greys() -> list[str]:
    """Enough further colours for any number of channels that a microscope can have."""
    return [f"#{level:02x}{level:02x}{255 - level:02x}" for level in range(250, 40, -3)]
