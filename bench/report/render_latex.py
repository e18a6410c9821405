"""Tables as LaTeX: booktabs, and nothing that a plain TeX installation lacks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from bench.report.digest import without_bare
from bench.report.legend import explained
from bench.report.table import Aside, Table, TableCell, TableRow, plain, spans

_PACKAGES = r"\usepackage{booktabs,graphicx,longtable,array}"
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_\allowbreak{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": "$<$", ">": "$>$", "|": "$|$", '"': "''", "`": r"\textasciigrave{}",
    # A line that starts with one of these would be read as an argument of the line break.
    "[": "{[}", "]": "{]}", "*": "{*}",
    "\x01": "-{}",  # a hyphen before a hyphen: no dash of the two
    ",": r",\allowbreak{}", "/": r"/\allowbreak{}", "=": r"=\allowbreak{}", "\n": " ", "\t": " ",
}  # fmt: skip
_SYMBOLS = {
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\dots{}", "\xa0": "~",
    "±": r"$\pm$", "×": r"$\times$", "−": "$-$", "∞": r"$\infty$", "≈": r"$\approx$",
    "≤": r"$\leq$", "≥": r"$\geq$", "²": "$^2$", "³": "$^3$", "µ": r"$\mu$", "μ": r"$\mu$",
    "σ": r"$\sigma$", "β": r"$\beta$", "γ": r"$\gamma$", "°": r"$^\circ$", "·": r"$\cdot$",
    "→": r"$\rightarrow$", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}",
    "ł": r"\l{}", "Ł": r"\L{}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030a": "r",
    "\u030c": "v", "\u0327": "c", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u030b": "H",
}  # fmt: skip

# What a table is typeset by: the largest size at which it fits its line.
_FIT = r"""\providecommand{\benchfit}[1]{\sbox0{#1}%
\ifdim\wd0>\linewidth\setlength{\tabcolsep}{3pt}\small\sbox0{#1}\fi
\ifdim\wd0>\linewidth\footnotesize\sbox0{#1}\fi
\ifdim\wd0>\linewidth\scriptsize\sbox0{#1}\fi
\ifdim\wd0>\linewidth\PackageWarningNoLine{interslice}{A table is wider than its line and is
scaled; take fewer columns (bench report --columns) or turn it (sidewaystable)}%
\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi\par}"""
_NARROW = 55  # letters of 8 pt in 3.4 inches
_FEW = 1500  # letters of notes, which in such a column are a third of the page

_COMMAND = re.compile(r"`bench |(?<![\w-])--[a-z]|\brepeat (?:the|its) run")

_EMPHASIS = {"": "{}", "best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"}


def latex(table: Table) -> str:
    """A table that a paper takes in with its input command.

    Rows and columns without a number are left out, and named in comments; what a paper claims
    stays where nothing was measured.
    """
    shown = table if table.prose else explained(without_bare(table))
    above = [f"% In the preamble: {_PACKAGES}", *map(_comment, shown.remarks)]
    return "\n".join([*above, _long(shown) if shown.prose else _float(shown)])


def _comment(sentence: str) -> str:
    """A sentence that TeX does not read: in one line, and without what makes a command."""
    return f"% {' '.join(plain(sentence).split())}".translate({ord("\\"): "/", ord("^"): None})


def document(tables: Sequence[Table]) -> str:
    """A document of its own that shows tables, each from its file and under its own name.

    Those in which nothing was measured have no file and are named at its end.
    """
    inputs = "\n".join(
        rf"\renewcommand{{\thetable}}{{{_text(table.name.replace('_', ' '))}}}"
        f"\n\\input{{{table.stem}}}\n\\clearpage"
        for table in tables
        if not table.empty
    )
    if empty := [table.title for table in tables if table.empty]:
        why = "`bench report --format markdown` says which command fills them."
        inputs += _text(f"\nNothing measured: {'; '.join(empty)}. {why}")
    return (
        "\\documentclass[10pt]{article}\n"
        "\\usepackage[margin=20mm]{geometry}\n"
        f"{_PACKAGES}\n\\begin{{document}}\n\\raggedbottom\n{inputs}\n\\end{{document}}\n"
    )


def _float(table: Table) -> str:
    columns = "l" + "".join("r" for _ in table.columns)
    kind = "table" if _narrow(table) else "table*"
    return "\n".join(
        [
            _FIT,
            rf"\begingroup\providecommand{{\benchfloat}}{{{kind}}}",
            r"\providecommand{\benchplace}{tbp}",
            # LaTeX reads the place letter by letter: it has to be there before \begin looks.
            r"\edef\benchbegin{\noexpand\begin{\noexpand\benchfloat}[\benchplace]}\benchbegin",
            r"\centering",
            _caption(table),
            r"\medskip",
            r"\benchfit{%",
            rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
            r"\toprule",
            *_head(table),
            r"\midrule",
            *(line for row in table.rows for line in _row(row, len(table.columns))),
            r"\bottomrule",
            r"\end{tabular}}",
            *_notes(table),
            r"\end{\benchfloat}\endgroup",
            "",
        ]
    )


def _narrow(table: Table) -> bool:
    """Whether a table fits one of two columns in small print, as far as letters can tell."""
    if sum(len(sentence) for _, sentence in table.notes) > _FEW:
        return False  # they would be longer than the page
    labels = max((len(row.label) for row in table.rows if row.cells), default=0)
    return labels + sum(_room(table, i) + 2 for i in range(len(table.columns))) <= _NARROW


def _room(table: Table, column: int) -> int:
    """The letters of the longest cell of a column; of its title, no more than half counts."""
    cells = (row.cells[column] for row in table.rows if row.cells)
    longest = max((len(cell.text) + len(cell.every_mark) for cell in cells), default=0)
    return max(longest, (len(table.columns[column].title) + 1) // 2)


def _long(table: Table) -> str:
    """Running text over as many pages as it takes."""
    rest = 1 - sum(column.width or 0 for column in table.columns)
    widths = [rest, *((column.width or 0) for column in table.columns)]
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{\dimexpr {width:.3f}\linewidth-2\tabcolsep\relax}}"
        for width in widths
    )
    head = [r"\toprule", *_head(table), r"\midrule"]
    return "\n".join(
        [
            r"\begingroup\small\setlength{\LTcapwidth}{\linewidth}",
            rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
            _caption(table) + r"\\",
            *head,
            r"\endfirsthead",
            *head,
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *(line for row in table.rows for line in _row(row, len(table.columns))),
            r"\end{longtable}",
            *_notes(table),
            r"\endgroup",
            "",
        ]
    )


def _caption(table: Table) -> str:
    label = table.name.replace("_", "-")
    said = [_said(sentence) for sentence in table.caption if not isinstance(sentence, Aside)]
    # A list of tables shows the title alone, without what it has in brackets.
    listed = _said(table.caption[0].partition(" (")[0].rstrip("."))
    return rf"\caption[{{{listed}}}]{{{' '.join(said)}}}\label{{tab:{label}}}"


def _head(table: Table) -> list[str]:
    titles = " & ".join(_title(table, i) for i in range(len(table.columns)))
    if not table.grouped:
        return [rf"{_text(table.stub)} & {titles} \\"]
    over, rules, first = [], [], 2
    for column, count in table.groups:
        over.append(rf"\multicolumn{{{count}}}{{c}}{{{_text(column.group)}{_marks(column.marks)}}}")
        if column.group:
            rules.append(rf"\cmidrule(lr){{{first}-{first + count - 1}}}")
        first += count
    return [rf" & {' & '.join(over)} \\", "".join(rules), rf"{_text(table.stub)} & {titles} \\"]


def _title(table: Table, column: int) -> str:
    """A column's title: in two lines where it is wider than every cell below it."""
    title = table.columns[column].title
    words = title.split()
    if table.prose or "`" in title or len(words) < 2 or len(title) <= _room(table, column):
        return _text(title)
    cuts = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    above, below = min(cuts, key=lambda cut: max(map(len, cut)))
    return rf"\shortstack[r]{{{_text(above)}\\{_text(below)}}}"


def _row(row: TableRow, columns: int) -> list[str]:
    rule = [r"\midrule"] if row.rule else []
    label = f"{_text(row.label)}{_marks(row.marks)}"
    if not row.cells:
        return [*rule, rf"\multicolumn{{{columns + 1}}}{{@{{}}l}}{{\emph{{{label}}}}} \\"]
    return [*rule, rf"{' & '.join([label, *map(_cell, row.cells)])} \\"]


def _cell(cell: TableCell) -> str:
    return _EMPHASIS[cell.emphasis].format(_said(cell.text)) + _marks(cell.every_mark)


def _notes(table: Table) -> list[str]:
    asides = [_said(sentence) for sentence in table.caption if isinstance(sentence, Aside)]
    lines = [rf"{' '.join(asides)}\par"] if asides else []
    lines += [rf"{_marks((mark,))}~{_said(sentence)}\par" for mark, sentence in table.notes]
    if not lines:
        return []
    start = r"\par\medskip\begin{minipage}{\linewidth}\footnotesize\raggedright"
    if table.prose:
        return [r"{\footnotesize\raggedright", *lines, "}"]
    return [start, *lines, r"\end{minipage}"]


def _marks(marks: tuple[str, ...]) -> str:
    # With room on both sides of its number, the mark stays clear of what follows.
    return rf"\textsuperscript{{{','.join(marks)}}}" if marks else ""


def _said(text: str) -> str:
    """A sentence of a manuscript: what to type, behind a semicolon, is for who computes."""
    sentences = re.split(r"(?<=\.) ", text)
    return _text(" ".join(map(_without_command, sentences)))


def _without_command(sentence: str) -> str:
    clauses = sentence.split("; ")
    first = next((i for i, clause in enumerate(clauses) if i and _COMMAND.search(clause)), None)
    if first is None:
        return sentence
    return "; ".join(clauses[:first]) + ("." if sentence.endswith(".") else "")


def _signs(text: str) -> str:
    """Signs of mathematics in place of what a keyboard has."""
    text = text.replace(">=", "≥").replace("<=", "≤")
    return re.sub(r"(?<![\w.)-])-(?=\d)", "−", text)


def _text(text: str) -> str:
    wraps = {"plain": "{}", "code": r"\texttt{{{}}}", "loss": r"$\mathcal{{L}}_{{{}}}$"}
    return "".join(
        wraps[style].format(_escape(_signs(part) if style == "plain" else part))
        for style, part in spans(text)
    )


def _escape(text: str) -> str:
    apart = re.sub("-(?=-)", "\x01", unicodedata.normalize("NFC", text))
    return "".join(map(_character, apart))


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character if character.isprintable() else ""
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return rf"{{[}}U+{ord(character):04X}{{]}}"
