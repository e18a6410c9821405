import json
from pathlib import Path

import pytest
from report_store import add, membranes, scores
from test_tables import read, write_profile

from bench.report.claims import Comparison, Judgement, judge, verdict_of
from bench.report.claims_table import claims_tables, tally
from bench.report.render_markdown import markdown
from bench.report.reported import load_reported


def by_id(out: Path) -> dict[str, Judgement]:
    return {each.claim.id: each for each in judge(read(out))}


def ssan_and_ssa(out: Path, gain: float, noise: float = 0.05) -> None:
    add(out, "linear", table=scores("linear", 19.0))
    add(out, "ssan", "ls", table=scores("ssan", 19 + gain, noise=noise))
    add(out, "ssan[aggregation=ssa]", "ls", table=scores("ssa", 19.0, noise=noise))


@pytest.mark.parametrize(
    ("gain", "noise", "verdict"),
    [(0.5, 0.05, "holds"), (-0.5, 0.05, "does not hold"), (0.05, 2.0, "not settled")],
)
def test_a_gain_is_judged_by_its_interval(
    tmp_path: Path, gain: float, noise: float, verdict: str
) -> None:
    ssan_and_ssa(tmp_path, gain, noise)
    judged = by_id(tmp_path)
    # PSNR has to rise and IE, which falls with it here, to fall.
    for claim in ("aal-over-ssa-psnr", "aal-over-ssa-ie"):
        assert judged[claim].verdict == verdict
        (comparison,) = judged[claim].comparisons
        assert comparison.measured is not None
        assert comparison.measured.low < comparison.measured.mean < comparison.measured.high
    assert judged["aal-over-ssa-psnr"].comparisons[0].measured.mean == pytest.approx(gain)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("samples", "said"), [(4000, " (provisional: preset `quick`)"), (None, "")]
)
def test_a_verdict_from_a_short_training_is_provisional(
    tmp_path: Path, samples: int | None, said: str
) -> None:
    budget = {"samples": samples, "crop": 128, "epochs": 50, "features_from": 0.6}
    options = {"lowpass": 1.0, "feature_crop": 64, "style": "plain"}
    config = {"preset": budget, "loss": {"name": "ls", "options": options}}
    add(tmp_path, "ssan", "ls", table=scores("ssan", 19.5, noise=0.05), config=config)
    name = "ssan[aggregation=ssa]"
    add(tmp_path, name, "ls", table=scores("ssa", 19.0, noise=0.05), config=config)
    write_profile(tmp_path)
    selection = read(tmp_path)
    tables = claims_tables(selection, judge(selection))
    for table, column in zip(tables, (2, 3), strict=True):
        found = {row.cells[column].text for row in table.rows if row.cells}
        # What was counted of layers rests on no training, and what was not measured on nothing.
        assert found - {"holds", "not measured"} == ({f"holds{said}"} if said else set())
        caption = " ".join(table.caption)
        assert ("a longer training may reverse the verdict" in caption) is bool(said)
        assert "features only in the last 40 % of the steps and of the central 64" in caption


def test_what_was_not_run_is_not_measured(tmp_path: Path) -> None:
    ssan_and_ssa(tmp_path, 0.5)
    judged = by_id(tmp_path)
    assert judged["ssan-over-sepconv"].verdict == "not measured"
    assert judged["ssan-over-sepconv"].why == "not run (mouse_triplet)"
    assert judged["ls-looks-best"].verdict == "not measured"
    assert judged["aal-flops"].why == "not profiled; `bench profile --layers` does it"


def test_without_an_interval_nothing_is_claimed(tmp_path: Path) -> None:
    add(tmp_path, "ssan", "ls", table=scores("ssan", 20.0)[:5])
    add(tmp_path, "ssan[aggregation=ssa]", "ls", table=scores("ssa", 19.0)[:5])
    judged = by_id(tmp_path)["aal-over-ssa-psnr"]
    assert judged.verdict == "not measured"
    assert "no interval" in judged.why


def test_a_claim_on_several_datasets_says_how_many_were_measured(tmp_path: Path) -> None:
    ssan_and_ssa(tmp_path, 0.5)
    add(tmp_path, "ssan[aggregation=kel]", "ls", table=scores("kel", 18.0))
    judged = by_id(tmp_path)["aal-above-kel-ssa"]
    assert judged.verdict == "holds"
    assert judged.why == "confirmed in 6 of 6 comparisons (18 not measured)"


def test_other_datasets_do_not_change_the_verdict(tmp_path: Path) -> None:
    ssan_and_ssa(tmp_path, 0.5)
    for name, mean in (("ssan", 18.0), ("ssan[aggregation=ssa]", 19.0)):
        add(tmp_path, name, "ls", dataset="vnc_triplet", table=scores(name, mean))
    judged = by_id(tmp_path)["aal-over-ssa-psnr"]
    assert judged.verdict == "holds"
    assert [one.verdict for one in judged.elsewhere] == ["does not hold"]
    text = markdown(claims_tables(read(tmp_path), [judged])[0])
    assert "on vnc\\_triplet, not in the claim: does not hold" in text
    assert "+0.18 dB" in text
    assert "the reported number lies outside the interval" in text
    assert "Especially on the mouse" in text


def test_segmentation_is_judged_by_dice_and_f1(tmp_path: Path) -> None:
    for name, quality in (("ssan", 0.7), ("sepconv", 0.6), ("dain", 0.65)):
        table = membranes(quality)
        table["dice"] += 0.0001 * (table["triplet"] % 3) * quality
        add(tmp_path, name, "ls", dataset="cremi_triplet_a", segmented=table)
    judged = by_id(tmp_path)["ssan-segments-best"]
    assert judged.verdict == "holds"
    assert {one.metric for one in judged.comparisons if one.measured} == {"dice", "boundary_f1"}


def test_layers_are_judged_by_the_profile(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    write_profile(tmp_path)
    judged = by_id(tmp_path)
    assert judged["aal-flops"].verdict == "holds"
    assert judged["aal-flops"].comparisons[0].measured.mean == pytest.approx(12.768, abs=1e-3)  # type: ignore[union-attr]
    assert judged["aal-memory"].verdict == "holds"
    faster = judged["aal-faster"]
    assert faster.verdict == "holds"
    assert faster.comparisons[0].measured[:3] == pytest.approx((-52, -62, -42))  # type: ignore[index]


def test_layers_of_another_size_say_nothing_about_the_paper(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    write_profile(tmp_path)
    (path,) = tmp_path.rglob("layers.json")
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"size": [1, 64, 128, 128]}))
    for name in ("aal-flops", "aal-memory", "aal-faster"):
        judged = by_id(tmp_path)[name]
        assert judged.verdict == "not measured"
        assert "the profile is of 1 x 64 x 128 x 128" in judged.why


def comparisons(*verdicts: str) -> list[Comparison]:
    return [Comparison("d", "psnr", "a", "b", None, verdict) for verdict in verdicts]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "almost", "expected"),
    [
        (("holds", "holds"), False, "holds"),
        (("holds", "not settled"), False, "not settled"),
        (("holds", "not settled"), True, "holds"),
        (("not settled", "not settled"), True, "not settled"),
        (("holds", "does not hold"), True, "does not hold"),
        (("holds", "not measured"), False, "holds"),
        (("not measured",), False, "not measured"),
    ],
)
def test_the_verdict_of_a_family(verdicts: tuple[str, ...], almost: bool, expected: str) -> None:
    assert verdict_of(comparisons(*verdicts), almost=almost)[0] == expected


def test_every_claim_has_its_place_and_its_quote() -> None:
    reported = load_reported()
    assert len({claim.id for claim in reported.claims}) == len(reported.claims)
    assert all(claim.place and claim.quote for claim in reported.claims)
    assert {claim.table for claim in reported.claims} >= set("12345")


def test_the_tally_counts_every_claim(tmp_path: Path) -> None:
    ssan_and_ssa(tmp_path, 0.5)
    judgements = judge(read(tmp_path))
    total = sum(int(part.split(": ")[1]) for part in tally(judgements).split(", "))
    assert total == len(judgements)
