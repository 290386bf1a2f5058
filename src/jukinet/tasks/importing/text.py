"""Text of an export (文字コード・区切り): its encoding, its separator, and where each row begins.

An export is UTF-8 (with or without a byte order mark) or CP932, which Windows calls Shift_JIS. The
bytes decide: the whole file is read once, a megabyte at a time, and is UTF-8 if every byte fits.
Japanese written in CP932 never is, save for a file of half-width kana alone. Nor does it begin like
UTF-8 for long: a file that does and then has a byte that does not fit is damaged UTF-8, and is not
read as something else. The message has line and column of the first byte that does not fit.

Rows are read by the csv module. A row whose quotes do not pair is one bad line, and reading goes on
behind that line: an open quote swallows nothing. Lines end in LF or CRLF.

Sources: RFC 3629 (UTF-8); Microsoft code page 932; RFC 4180 (CSV).

>>> list(rows(iter(["1,a\\n", '2,"b\\n', 'c"\\n', '3,"d\\n', "4,e\\n"]), ","))  # doctest: +ELLIPSIS
[Row(line=1, cells=['1', 'a']), Row(line=2, cells=['2', 'b\\nc']), Row(line=4, cells=None), ...]
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from jukinet.errors import Malformed, OutOfStep
from jukinet.tasks.importing.columns import known

UTF_8, UTF_8_MARKED, CP932 = "utf-8", "utf-8-sig", "cp932"
SEPARATORS: Final = {",": "comma", "\t": "tab"}
LINE_MAX: Final = 1 << 16  # characters
ROW_LINES_MAX: Final = 20
CHUNK: Final = 1 << 20
SURELY: Final = 8  # characters beyond ASCII after which a text is UTF-8 and nothing else

UNPAIRED: Final = (
    "the quotes of this row do not pair; a cell with a separator, quote or line break stands in "
    "quotes, and quotes inside it are doubled"
)

_OTHERS: Final = (
    (codecs.BOM_UTF16_LE, "it is UTF-16; save it as UTF-8"),
    (codecs.BOM_UTF16_BE, "it is UTF-16; save it as UTF-8"),
    (b"PK\x03\x04", "it is a workbook or an archive; save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "it is an old workbook; save the sheet as CSV"),
)


class Row(NamedTuple):
    """A row and the line it begins on; no cells where its quotes do not pair."""

    line: int
    cells: list[str] | None


class Spot(NamedTuple):
    """A place in a text, both counted from 1; a column is a character.

    `beyond` is how many characters before it are not ASCII, counted up to `SURELY`.
    """

    line: int
    column: int
    beyond: int = 0

    def after(self, text: str) -> "Spot":
        """The place behind a text that begins here."""
        breaks, beyond = text.count("\n"), self.beyond
        if beyond < SURELY and not text.isascii():
            beyond = min(SURELY, beyond + sum(not character.isascii() for character in text))
        if not breaks:
            return Spot(self.line, self.column + len(text), beyond)
        return Spot(self.line + breaks, len(text) - text.rfind("\n"), beyond)

    def __str__(self) -> str:
        """As messages have it."""
        return f"line {self.line}, column {self.column}"


def recognise(file: Path) -> str:
    """The encoding of a file, or Malformed with the place of the first byte that fits none."""
    with file.open("rb") as content:
        start = content.read(4)
    for mark, sentence in _OTHERS:
        if start.startswith(mark):
            raise Malformed(f"file: {sentence}")
    marked = start.startswith(codecs.BOM_UTF8)
    utf_8 = UTF_8_MARKED if marked else UTF_8
    unfit = first_unfit(file, utf_8)
    if unfit is None:
        return utf_8
    if marked or unfit.beyond == SURELY:
        raise Malformed(f"file: it is UTF-8 up to {unfit}, which is not; export it again")
    unfit_932 = first_unfit(file, CP932)
    if unfit_932 is None:
        return CP932
    raise Malformed(
        f"file: it is neither UTF-8 ({unfit} is not) nor CP932 ({unfit_932} is not); export it "
        "again as UTF-8"
    )


def first_unfit(file: Path, encoding: str, *, chunk: int = CHUNK) -> Spot | None:
    """Where the first byte stands that an encoding does not have, or None."""
    decoder = codecs.getincrementaldecoder(UTF_8 if encoding == UTF_8_MARKED else encoding)()
    spot = Spot(1, 1)
    with file.open("rb") as content:
        content.seek(len(codecs.BOM_UTF8) if encoding == UTF_8_MARKED else 0)
        while True:
            part = content.read(chunk)
            try:
                spot = spot.after(decoder.decode(part, final=not part))
            except UnicodeDecodeError as error:
                return spot.after(error.object[: error.start].decode(encoding))
            if not part:
                return None


def separator(file: Path, encoding: str) -> str:
    """The separator under which more of the first line are names of columns; comma in doubt."""
    first = next((line for line in lines(file, encoding) if not line.isspace()), "")
    heads = {one: next(rows(iter([first]), one), Row(1, None)) for one in SEPARATORS}
    return max(heads, key=lambda one: known(heads[one].cells or []))


def lines(file: Path, encoding: str) -> Iterator[str]:
    """The lines of a file with their ends, one at a time."""
    number = 0
    try:
        with file.open(encoding=encoding, newline="\n") as content:
            while line := content.readline(LINE_MAX + 1):
                number += 1
                if len(line) > LINE_MAX:
                    raise Malformed(
                        f"line {number}: longer than {LINE_MAX} characters; a row ends with LF or "
                        "CRLF, export the file again"
                    )
                yield line
    except UnicodeDecodeError:
        raise OutOfStep("file: it changed while it was read; import it again") from None


def rows(source: Iterator[str], separator: str) -> Iterator[Row]:
    """The rows of some lines, those without any text left out."""
    pages = _Lines(source)
    reader = csv.reader(pages, delimiter=separator, strict=True)
    while True:
        pages.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong):
            yield Row(pages.row_line, None)
            pages.back_to_second_line()
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield Row(pages.row_line, cells)


class _TooLong(Exception):
    """A row of more lines than any cell has: a quote was left open."""


class _Lines:
    """Lines for the csv module, which can go back to the second line of a bad row."""

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._next = 1
        self.row_line = 1

    def begin_row(self) -> None:
        self._row = []
        self.row_line = self._next

    def back_to_second_line(self) -> None:
        self._again.extendleft(reversed(self._row[1:]))
        self._next = self.row_line + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if len(self._row) == ROW_LINES_MAX:
            raise _TooLong
        line = self._again.popleft() if self._again else next(self._source)
        self._row.append(line)
        self._next += 1
        return line
