import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import report_store
from test_tables import read

from bench.cells.registry import METHODS, load_method
from bench.report.digest import without_bare
from bench.report.render_latex import document, latex
from bench.report.render_markdown import markdown
from bench.report.table import Column, Table, TableCell, TableRow
from bench.report.tables import TABLES
from bench.report.write import Wanted, make_tables, write_tables
from bench.volumes.cards import CARDS

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "how-to" / "latex.md"
CITATIONS = ROOT / "docs/reference/citations.md"
NASTY = r"a_b 50% & #1 $x$ {y} ~ ^ \z <tag> | [*] --layers “é” ± 中 ` '"


def compile_tex(document: Path) -> str:
    """Run pdflatex; give back what it complained of."""
    if shutil.which("pdflatex") is None:
        if os.environ.get("INTERSLICE_REQUIRE_TEX"):
            pytest.fail("INTERSLICE_REQUIRE_TEX is set and there is no pdflatex")
        pytest.skip("there is no pdflatex; Debian: texlive-latex-base, texlive-latex-recommended")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", document.name],
        cwd=document.parent, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert document.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    return done.stdout


def test_a_list_of_tables_has_their_titles_alone(tmp_path: Path) -> None:
    column, row = Column("PSNR"), TableRow("DIS", (TableCell("1.0", 1.0),))
    said = ("Scores [of_all] (preset `quick`: a first look).", "Test triplets: 3.")
    table = Table("1", said, "Method", (column,), (row,))
    (tmp_path / "table1.tex").write_text(latex(table), encoding="utf-8")
    text = document([table]).replace("\\begin{document}", "\\begin{document}\\listoftables")
    (tmp_path / "all.tex").write_text(text, encoding="utf-8")
    compile_tex(tmp_path / "all.tex")
    listed = (tmp_path / "all.lot").read_text(encoding="utf-8")
    assert "Scores" in listed
    assert "all]" in listed.replace("{]}", "]")
    assert "first look" not in listed
    assert "triplets" not in listed


def test_every_table_compiles(tmp_path: Path) -> None:
    report_store.fill(tmp_path)
    wishes = Wanted(tuple(TABLES), (), ("latex",), whole=True)
    write_tables(make_tables(read(tmp_path), wishes), wishes.formats, tmp_path / "report")
    said = compile_tex(tmp_path / "report" / "tables.tex")
    assert "undefined" not in said
    assert "Too many" not in said


@pytest.mark.parametrize("width", [None, 0.5])
def test_any_text_compiles(tmp_path: Path, width: float | None) -> None:
    cell = TableCell(NASTY, 1.0, emphasis="best", tie=True, marks=("a",))
    row = TableRow(f"{NASTY} `{NASTY.replace('`', '')}` L_s", (cell,), ("a",))
    # Brackets and stars at the start of a line, where TeX would take them for arguments.
    rows = (row, TableRow("[x]", (cell,)), TableRow("*", (cell,)), TableRow(NASTY))
    column = Column(NASTY, "" if width else NASTY, ("a",), width)
    table = Table("1", (NASTY,), NASTY, (column,), rows, (("a", NASTY),))
    (tmp_path / "table1.tex").write_text(latex(table), encoding="utf-8")
    (tmp_path / "all.tex").write_text(document([table]), encoding="utf-8")
    compile_tex(tmp_path / "all.tex")


def test_the_document_has_no_page_for_a_table_without_a_number(tmp_path: Path) -> None:
    rows = (TableRow("SSAN", (TableCell("1.0", 1.0),)), TableRow("DAIN", (TableCell("–"),)))
    columns = (Column("PSNR"),)
    full, bare = (
        Table(name, (title,), "Method", columns, own)
        for name, title, own in (("4", "Losses.", rows), ("1", "Extractors.", rows[1:]))
    )
    text = document([bare, full])
    assert re.findall(r"\\input\{(.*)\}", text) == ["table4"]
    assert "Nothing measured: Table 1: Extractors. " in text
    written = write_tables([bare, full], ["latex", "markdown"], tmp_path)
    assert [path.name for path in written] == ["table4.tex", "table1.md", "table4.md", "tables.tex"]
    write_tables([bare], ["latex"], tmp_path)
    compile_tex(tmp_path / "tables.tex")  # a page even where nothing was measured at all


def test_rows_and_columns_without_a_number_are_named_in_a_comment_alone() -> None:
    bare = TableCell("–", marks=("a",))
    rows = (
        TableRow("SSAN", (TableCell("19.3", 19.3), bare)),
        TableRow("DAIN", (bare, bare)),
        TableRow("RIFE", (TableCell("19.1", 19.1), bare)),
    )
    columns = (Column("PSNR"), Column("Carried"))
    notes = (("a", "not run;\n`bench run` does so."),)
    shown, comments = [], []
    for line in latex(Table("4", ("T.",), "Method", columns, rows, notes)).splitlines():
        (comments if line.startswith("%") else shown).append(line)
    text = "\n".join(shown)
    assert r"SSAN & 19.3 \\" in text
    assert r"RIFE & 19.1 \\" in text
    for absent in ("DAIN", "Carried", "& --", "ot run", "textsuperscript"):
        assert absent not in text
    assert "% Not measured: DAIN. Not run; bench run does so." in comments
    assert "% Not measured: Carried. Not run; bench run does so." in comments


def test_what_the_paper_claims_stays_where_nothing_was_measured() -> None:
    row = TableRow("SSAN is the best", (TableCell("0.18 dB"),), unmeasured=True)
    columns = (Column("Reported", width=0.5),)
    claims = Table("claims", ("Claims.",), "Claim", columns, (row,))
    assert claims.printable
    assert "SSAN is the best & 0.18 dB" in latex(claims)


def manuscript(folder: Path, columns: int, before: str = "") -> str:
    """What pdflatex says of a manuscript of two columns with a table of so many of numbers."""
    cells = tuple(TableCell("0.918 ± 0.036", 0.918, tie=True) for _ in range(columns))
    heads = tuple(Column("Carried, retuned", marks=()) for _ in range(columns))
    rows = (TableRow("Optical flow", cells), TableRow("SSAN-L_s", cells))
    table = Table("neurites", ("T.",), "Method", heads, rows, (("=", "a tie."),))
    (folder / "neurites.tex").write_text(latex(table), encoding="utf-8")
    (folder / "all.tex").write_text(
        "\\documentclass[10pt,twocolumn]{article}\\usepackage[margin=20mm]{geometry}\n"
        "\\usepackage{booktabs,graphicx,longtable,array,rotating}\n"
        f"\\begin{{document}}{before}\\input{{neurites}}\n"
        # The size that is left behind is that of the text.
        "\\makeatletter\\typeout{SIZE \\f@size}\\makeatother\\end{document}\n",
        encoding="utf-8",
    )
    said = compile_tex(folder / "all.tex")
    assert "Overfull" not in said
    assert "SIZE 10" in said
    return said


@pytest.mark.parametrize(("columns", "scaled"), [(2, False), (7, False), (14, True)])
def test_a_table_is_scaled_only_where_no_readable_size_fits(
    tmp_path: Path, columns: int, scaled: bool
) -> None:
    said = " ".join(manuscript(tmp_path, columns).split())
    assert ("Package interslice Warning: A table is wider than its line" in said) == scaled
    # Two columns of numbers stand in one column of the page.
    text = (tmp_path / "neurites.tex").read_text(encoding="utf-8")
    assert (r"{\benchfloat}{table}" in text) == (columns == 2)


def test_a_narrow_table_of_long_notes_stands_across_both_columns() -> None:
    rows = (TableRow("SSAN", (TableCell("19.3", 19.3, marks=("a",)),)),)
    for length, kind in ((100, "table"), (4000, "table*")):
        notes = (("a", "word " * (length // 5)),)
        text = latex(Table("4", ("T.",), "Method", (Column("PSNR"),), rows, notes))
        assert rf"\providecommand{{\benchfloat}}{{{kind}}}" in text


def test_a_wide_table_may_be_turned(tmp_path: Path) -> None:
    turned = r"\newcommand{\benchfloat}{sidewaystable*}"
    assert "interslice Warning" not in manuscript(tmp_path, 10, turned)
    assert "interslice Warning" in manuscript(tmp_path, 10)


def test_every_doi_of_a_method_or_a_volume_can_be_cited() -> None:
    told = [card.citation for card in CARDS.values()]
    told += [load_method(name).info.reference for name in METHODS]
    known = set(re.findall(r"\b10\.\d{4,}/[^\s},;]+", " ".join(told)))
    assert known
    assert known <= set(re.findall(r"10\.\d{4,}/[^\s},]+", CITATIONS.read_text(encoding="utf-8")))


def test_the_labels_of_the_documents_are_those_of_the_tables(tmp_path: Path) -> None:
    report_store.fill(tmp_path)
    wishes = Wanted(tuple(TABLES), (), ("latex",), whole=True)
    made = make_tables(read(tmp_path), wishes)
    labels = {re.findall(r"\\label\{(tab:[^}]*)\}", latex(table))[0] for table in made}
    said = set(re.findall(r"`(tab:[a-z0-9-]+)`", GUIDE.read_text(encoding="utf-8")))
    assert labels <= said | {"tab:2", "tab:3", "tab:4"}  # the guide says: to `tab:5`
    assert said - labels == {"tab:gaps", "tab:judges", "tab:differences"}  # of other stores


def test_losses_emphasis_and_marks_are_the_papers() -> None:
    cells = (
        TableCell("1.0", 1.0, emphasis="best"),
        TableCell("0.9", 0.9, emphasis="second", tie=True, marks=("a", "b")),
    )
    columns = (Column("PSNR", "mouse_triplet"), Column("IE", "mouse_triplet"))
    text = latex(Table("4", ("T.",), "Method", columns, (TableRow("SSAN-L_s", cells),)))
    line = r"SSAN-$\mathcal{L}_{s}$ & \textbf{1.0} & \underline{0.9}\textsuperscript{=,a,b} \\"
    assert line in text
    assert re.search(r"\\multicolumn\{2\}\{c\}\{mouse\\_\S*triplet\}", text)
    assert r"\cmidrule(lr){2-3}" in text


def test_a_note_for_a_manuscript_has_no_command_and_the_signs_of_mathematics() -> None:
    notes = (
        ("=", "Paired, p >= 0.05."),
        ("a", "No number: not run; `bench run` computes it (long; it takes hours)."),
        ("b", "Three of 5; few. Trained once; `--seeds 0,1,2` trains three times. Left as is."),
        ("c", "carries 0.5 (-0.010 [-0.040, +0.020]), epsilon 1e-06, slices 3-4"),
    )
    rows = (TableRow("DIS", (TableCell("1.0", 1.0),)),)
    text = latex(Table("1", ("T.",), "Method", (Column("IE"),), rows, notes))
    for words in (
        r"p $\geq$ 0.05", "No number: not run.", "Three of 5; few. Trained once. Left as is.",
        r"($-$0.010 {[}$-$0.040,\allowbreak{} +0.020{]})", "1e-06", "slices 3-4",
    ):  # fmt: skip
        assert words in text
    assert "bench run" not in text
    assert "seeds" not in text


def test_a_manuscript_names_the_paper_and_is_told_no_command(tmp_path: Path) -> None:
    report_store.fill(tmp_path)
    wishes = Wanted(tuple(TABLES), (), ("latex",), whole=True)
    for table in make_tables(read(tmp_path), wishes):
        printed = re.sub(r"(?m)^%.*$", "", latex(table))
        assert not re.search(r"(?i)\bthe (?:ssan )?paper\b", printed.replace("its paper", ""))
        assert r"-{}-" not in printed
        assert r"\texttt{bench" not in printed


def test_names_of_losses_and_references_are_explained_where_they_stand(tmp_path: Path) -> None:
    report_store.fill(tmp_path)
    for table in make_tables(read(tmp_path), Wanted(("4", "5"), (), (), whole=False)):
        said, labels = latex(table), {row.label for row in without_bare(table).rows}
        for loss in "1fsm":
            named = any(f"-L_{loss}" in label for label in labels)
            assert (rf"$\mathcal{{L}}_{{{loss}}}$: Charbonnier loss" in said) == named
        assert ("Real slice: the true slice" in said) == ("Real slice (the ceiling)" in labels)
        assert "L1: Charbonnier loss" in markdown(table)


def test_where_a_table_stands_is_the_manuscript_s_to_say(tmp_path: Path) -> None:
    rows = (TableRow("DIS", (TableCell("1.0", 1.0),)),)
    tex = latex(Table("1", ("T.",), "Method", (Column("IE"),), rows))
    (tmp_path / "table1.tex").write_text(tex, encoding="utf-8")
    before = r"\documentclass{article}\usepackage{booktabs,graphicx,longtable,array,float}"
    body = "\\begin{document}Words.%s\\input{table1}\\end{document}"
    for place in ("", r"\newcommand{\benchplace}{H}"):
        (tmp_path / "paper.tex").write_text(before + body % place, encoding="utf-8")
        said = compile_tex(tmp_path / "paper.tex")
        assert "Output written on paper.pdf (1 page" in said  # beside the words
