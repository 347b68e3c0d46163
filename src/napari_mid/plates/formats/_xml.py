"""One way to read XML that anybody may have sent: as events, without a tree, and without document types or entities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

#: What the parser raises where a file is damaged: bad syntax, an odd encoding, one that Python does not know.
DAMAGE = (expat.ExpatError, ValueError, LookupError)


class RefusedXmlError(Exception):
    """The file is readable XML and yet not taken; the message goes on after the file's name."""


def walk_xml(
    path: Path,
    what: str,
    *,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Call `start`, `end` and `text` for what is in the file at `path`, which should be a `what`.

    With a namespace the names arrive as ``"uri}local"``, whatever the prefix is.

    Raises
    ------
    OSError
        If the file cannot be read.
    RefusedXmlError
        If it declares a document type or entities: no microscope does, and they are how an XML file attacks its reader.
    Exception
        One of `DAMAGE` where the file is damaged; what came before has been told by then.
    """

    def refuse(*_: object) -> None:
        raise RefusedXmlError(f"declares a document type or entities, which no {what} does; it is refused")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    with path.open("rb") as file:
        parser.ParseFile(file)
