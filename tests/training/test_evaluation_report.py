"""The report, the gallery and the file of figures between them and the measuring."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from facemodel import LimelightError
from tests.toy_model import toy_model
from tests.training.fake_evaluation import EXTENT, context, material
from training.data.landmarker import BUNDLE
from training.evaluation.ablation import Ablation, AblationRun, ablation_lines, read_ablation, write_ablation
from training.evaluation.curves import curves, joined, read_history
from training.evaluation.gallery import CaseDrawer, gallery, sheet
from training.evaluation.record import (
    Evaluation,
    NetworkRecord,
    measure_network,
    read_evaluations,
    write_evaluation,
)
from training.evaluation.report import Pictures, limited_rows, markdown
from training.evaluation.section import Case, Findings
from training.evaluation.sections import SECTIONS

MODEL = toy_model()
VECTOR = np.asarray(MODEL.layout.neutral(), float).tolist()


def record(name, **figures):
    """A network whose figures are given as section_key=value, with two underscores after the section."""
    sections: dict[str, Findings] = {}
    for path, value in figures.items():
        section, _, key = path.partition("__")
        found = sections.get(section, Findings({}))
        sections[section] = replace(found, figures=found.figures | {key: value})
    return NetworkRecord(name, 128, 17.65, sections)


GOOD = record("resnet50", photos__nme68=0.02, photos__color=0.05, light__key_angle=10.0, shape__closer_regions=0.4)
FAST = record("student", photos__nme68=0.022, photos__color=0.07, light__key_angle=16.0, shape__closer_regions=0.36)


def evaluation(*networks):
    return Evaluation("digest", EXTENT, list(networks))


def test_figures_come_back_from_the_file_as_they_went(tmp_path):
    found = Findings(
        {"nme68": 0.02, "color": math.nan},
        {"collections": {"lfw": {"nme68": 0.03}}},
        {"nme68": [Case("best", 0.01, "photo:lfw/A_0001.jpg", [1.0, 2.0])]},
        ["a note"],
        {"nme68": (0.015, 0.025)},
    )
    written = evaluation(
        NetworkRecord("student", 128, 17.7, {"photos": found}, {"clips": "no data"}, [{"step": 1.0, "minutes": 2.0}])
    )
    path = tmp_path / "deep" / "figures.json"
    write_evaluation(path, written)
    assert "NaN" not in path.read_text()
    read = read_evaluations([path])
    assert math.isnan(read.networks[0].sections["photos"].figures.pop("color"))
    found.figures.pop("color")
    assert read == written
    assert list(path.parent.iterdir()) == [path]


def test_several_files_are_one_report_and_must_be_of_one_kind(tmp_path):
    one, other, third = (tmp_path / f"{i}.json" for i in range(3))
    write_evaluation(one, evaluation(FAST))
    write_evaluation(other, evaluation(GOOD, replace(FAST, megabytes=9.0)))
    both = read_evaluations([one, other])
    assert [(network.name, network.megabytes) for network in both.networks] == [("student", 9.0), ("resnet50", 17.65)]
    write_evaluation(third, evaluation(record("student", photos__nme68=0.03, mouth__renders_mm=1.0)))
    joined_record = read_evaluations([one, third]).networks[0]
    assert joined_record.figure("photos", "nme68") == 0.03 and joined_record.figure("mouth", "renders_mm") == 1.0
    assert joined_record.figure("light", "key_angle") == 16.0  # of the earlier file, which alone has the section
    write_evaluation(third, replace(evaluation(GOOD), model_digest="another"))
    with pytest.raises(LimelightError, match=r"2\.json: measured with another face model"):
        read_evaluations([one, third])
    write_evaluation(third, replace(evaluation(GOOD), extent=replace(EXTENT, people=7)))
    with pytest.raises(LimelightError, match="another extent"):
        read_evaluations([one, third])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        ("{}", "not what 'limelight evaluate --json' writes"),
        ('{"format": 0}', "format 0"),
        ('{"format": 1, "model_digest": "", "extent": {"people": 1}, "networks": [1]}', "not what"),
        ('{"format": 1, "model_digest": "", "extent": {"many": 1}, "networks": []}', "not what"),
    ],
)
def test_a_file_of_something_else_is_one_line(tmp_path, text, words):
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(LimelightError, match=words) as caught:
        read_evaluations([path])
    assert "\n" not in str(caught.value)
    with pytest.raises(LimelightError, match="cannot be read"):
        read_evaluations([tmp_path / "absent.json"])


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LimelightError, match="cannot be written"):
        write_evaluation(tmp_path / "file" / "x.json", evaluation(FAST))


def test_loss_is_by_how_much_a_network_is_worse_whichever_way_a_figure_points():
    rows = {row.measure.key: row for row in limited_rows(evaluation(FAST, GOOD))}
    assert list(rows) == ["nme68", "color", "closer_regions", "key_angle"]
    assert rows["nme68"].loss(0, 1) == pytest.approx(0.1)
    assert rows["closer_regions"].loss(0, 1) == pytest.approx(0.1)
    assert rows["closer_regions"].loss(1, 0) < 0
    assert "| **no** |" in markdown(evaluation(*(record(name, light__key_angle=40.0) for name in "xy")))


def test_a_section_that_was_measured_later_is_not_left_out_any_more():
    without = replace(FAST, sections={}, left_out={"photos": "no data", "clips": "no data"})
    both = without.joined(FAST)
    assert both.left_out == {"clips": "no data"} and both.sections == FAST.sections


def test_files_of_before_there_were_intervals_are_read(tmp_path):
    path = tmp_path / "old.json"
    write_evaluation(path, evaluation(FAST))
    values = json.loads(path.read_text())
    del values["networks"][0]["sections"]["photos"]["intervals"], values["extent"]["people_points"]
    path.write_text(json.dumps(values))
    assert read_evaluations([path]).networks[0].interval("photos", "nme68") is None


def test_report_shows_intervals_and_says_what_is_wrong_with_a_bad_measure():
    known = replace(FAST.sections["photos"], intervals={"nme68": (0.0205, 0.0231)})
    text = markdown(evaluation(replace(FAST, sections=FAST.sections | {"photos": known})))
    assert "| 2.20 % (2.05 to 2.31) |" in text
    light = text[text.index("## Light on held-out renders") :]
    assert "| key light: angle † | 15.0° | 16.0° |" in light
    assert "† key light: angle: over pictures whose highlight nobody sees" in light
    assert "†" not in text[text.index("## Photos of held-out people") : text.index("## Shape")]


def test_report_begins_with_what_must_hold():
    text = markdown(evaluation(FAST, GOOD))
    summary = text[text.index("## What must hold") : text.index("## Photos of held-out people")]
    assert re.search(r"\| Photos.*NME \| at most 3\.50 % \| 2\.20 % met \| 2\.00 % met \| yes \|", summary)
    assert re.search(r"key light: angle † \| at most 15\.0° \| 16\.0° \*\*not met\*\* \| 10\.0° met \| yes \|", summary)
    assert "`student` meets 3 of 4 limits" in summary and "`resnet50` meets 4 of 4" in summary
    assert "`student` loses more than 15 % against `resnet50` on 2 of these 4 figures" in summary
    assert summary.index("key light: angle 60 %") < summary.index("colour error 40 %")
    assert "| `resnet50` / `student` |" in text and "| 0.91 |" in text
    close = markdown(evaluation(GOOD, replace(GOOD, name="student")))
    assert "`student` loses at most 15 % against `resnet50`" in close


def test_report_tells_what_was_left_out_and_folds_tables_away():
    found = Findings(
        {"tone_worst": 1.2}, {"skin tone": {"dark": {"mean": 0.0345, "count": 30.0}}}, {}, ["few are not compared"]
    )
    one = NetworkRecord("student", 128, 17.7, {"groups": found}, {"photos": "no data folder"})
    text = markdown(evaluation(one), None, Pictures({"student": "../docs/a.png"}, {"student": "../docs/b.png"}))
    assert "Left out for `student`: no data folder." in text
    assert "<summary><code>student</code>: skin tone</summary>" in text and "| dark | 0.0345 | 30 |" in text
    assert "few are not compared" in text
    assert "![Cases of student](../docs/a.png)" in text and "![Learning curves of student](../docs/b.png)" in text
    assert "met by one" not in text
    assert "Nothing that has a limit" in markdown(evaluation(record("x", performer__nme68=0.01)))


def test_ablation_table_has_a_row_for_every_run(tmp_path):
    ablation = Ablation(
        "About it.",
        ["identity (7)", "photometric (8)"],
        [
            AblationRun("photometric (8)", {"color": 0.3, "color_std": 0.1, "nme68": 0.02}),
            AblationRun("", {"color": 0.1, "color_std": 0.05, "nme68": 0.025}),
        ],
    )
    path = tmp_path / "ablation.json"
    write_ablation(path, ablation)
    assert read_ablation(path) == ablation
    lines = ablation_lines(ablation)
    assert lines[0] == "About it."
    assert lines[2] == "| identity (7) | photometric (8) | colour error | photo NME, % |"
    assert lines[4] == "| ✓ | ✓ | 0.1000 ± 0.0500 | 2.50 |"
    assert lines[5] == "| ✓ | × | 0.3000 ± 0.1000 (+200 %) | 2.00 (-20 %) |"
    assert "## Ablation" in markdown(evaluation(FAST), ablation)
    path.write_text('{"runs": [{}]}')
    with pytest.raises(LimelightError, match=r"not what .* writes"):
        read_ablation(path)


def test_learning_curves_are_drawn_from_a_history(tmp_path):
    path = tmp_path / "history.jsonl"
    rows = [{"step": s, "minutes": 0.5 * s, "photo.nme68": 1.0 / (s + 1), "render.nme68": 0.5} for s in range(200)]
    rows[3]["photo.nme68"] = math.nan
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    history = read_history(path, limit=50)
    assert len(history) == 50 and history[0]["step"] == 0 and history[-1]["step"] == 199
    chart = curves(history)
    assert chart is not None and chart.ndim == 3 and (chart < 128).any()
    both = joined([history, [{"minutes": 1.0, "labels.photo.nme68": 0.1}]])
    assert both[-1]["minutes"] == history[-1]["minutes"] + 1.0 and both[:-1] == history
    assert (curves(both) != curves(history)).any()
    assert curves(history[:1]) is None and curves([]) is None
    path.write_text("{")
    with pytest.raises(LimelightError, match="not the history"):
        read_history(path)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return material(MODEL, tmp_path_factory.mktemp("evaluation"), BUNDLE)


def test_cases_of_a_measured_network_are_drawn_again_from_the_figures_alone(shown, tmp_path):
    seen = context(shown, lambda vector, _: vector)
    said = []
    start = NetworkRecord("student", 48, 1.0)
    done = measure_network(seen, start, ["expression", "photos"], lambda r, name: said.append((name, len(r.sections))))
    assert said == [("expression", 1), ("photos", 1)]
    assert done.left_out.keys() == {"photos"}
    write_evaluation(tmp_path / "f.json", Evaluation(MODEL.digest, EXTENT, [done]))
    read = read_evaluations([tmp_path / "f.json"])
    draw = CaseDrawer(shown, side=40)
    cases = read.networks[0].sections["expression"].cases["random_active"]
    panels = [draw(case) for case in cases]
    assert [title for title, _ in panels[0]] == [
        "input",
        "reconstruction",
        "diffuse",
        "specular",
        "true diffuse",
        "true specular",
    ]
    np.testing.assert_allclose(panels[0][2][1].astype(int), panels[0][4][1].astype(int), atol=1)  # the truth's answer
    assert (panels[0][1][1] != panels[0][0][1]).any()
    picture = sheet([("title", row) for row in panels])
    assert picture.shape == (20 + 3 * (20 + 40), 240, 3)
    page = gallery(read, draw)
    assert page.count("data:image/jpeg;base64,") == 6 * sum(
        len(cases) for found in read.networks[0].sections.values() for cases in found.cases.values()
    )
    assert page.count("<figure>") == page.count("</figure>")
    assert "http" not in page.replace("http-equiv", "")


def test_a_case_that_cannot_be_drawn_says_why_in_its_place(shown):
    draw = CaseDrawer(shown, side=40)
    for picture, vector, words in (
        ("render:99999", VECTOR, "the render set has"),
        ("random:0", [1.0], "another face model"),
        ("photo:lfw/A_0001.jpg", VECTOR, "no data folder"),
    ):
        case = Case("worst", 1.0, picture, vector)
        with pytest.raises(LimelightError, match=words):
            draw(case)
        found = Findings({"nme68": 0.1}, {}, {"nme68": [case]})
        page = gallery(evaluation(NetworkRecord("<b>", 48, 1.0, {"photos": found})), draw)
        assert words in page and "&lt;b&gt;" in page and "<b>:" not in page


def test_every_section_is_described():
    for name, section in SECTIONS.items():
        assert section.name == name and section.title and section.about.endswith(".")
