"""One file of named parts, each with its size and sha256: written in one pass, checked whole before any of it is used.

::

    magic (16 bytes), version (4)
    the parts, one after the other
    the index as JSON: name, sha256, bytes, and for arrays dtype and shape; in the order of the parts
    length of the index (8), its sha256 (32), magic (16)

Numbers are little-endian. Nothing is compressed, no part is a path, and where a part lies follows from the sizes before
it: there is nothing to unpack beyond a folder, nothing that grows when it is read, and no two parts overlap.
"""

from harness.disk.parts.layout import Part, PartsKind
from harness.disk.parts.reading import Parts, open_parts
from harness.disk.parts.writing import PartsWriter, writing_parts

__all__ = ["Part", "Parts", "PartsKind", "PartsWriter", "open_parts", "writing_parts"]
