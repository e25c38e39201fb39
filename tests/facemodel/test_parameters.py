"""The parameter vector: order, names, views and limits."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, ParameterLayout
from facemodel.arkit import mirrored_name

ORDER = (
    "identity",
    "expression",
    "albedo",
    "rotation",
    "translation",
    "scale",
    "sh",
    "key_position",
    "key_color",
    "shininess",
)


@pytest.fixture
def layout() -> ParameterLayout:
    return ParameterLayout(n_identity=7, n_albedo=5, expression_names=ARKIT_NAMES)


def test_groups_tile_the_vector_in_the_documented_order(layout):
    assert tuple(layout.slices) == ORDER
    stops = [0]
    for span in layout.slices.values():
        assert span.start == stops[-1]
        stops.append(span.stop)
    assert stops[-1] == layout.size == 7 + 52 + 5 + 6 + 2 + 1 + 27 + 3 + 3 + 1


def test_names_are_one_for_each_number_and_unique(layout):
    names = list(layout.names())
    assert len(names) == len(set(names)) == layout.size
    at = {name: i for i, name in enumerate(names)}
    assert at["expression.jawOpen"] == layout.slices["expression"].start + ARKIT_NAMES.index("jawOpen")
    assert at["translation.y"] == layout.slices["translation"].start + 1
    assert at["sh.2.b"] == layout.slices["sh"].start + 2 * 3 + 2
    assert at["scale"] == layout.slices["scale"].start


def test_views_write_through(layout):
    vector = np.zeros(layout.size, np.float32)
    p = layout.view(vector)
    p.identity[:] = 1.0
    p.sh[8, 2] = 9.0
    p.shininess = 30.0
    p.scale = 2.5
    p.key_color[:] = 0.25
    assert (vector[:7] == 1.0).all()
    assert vector[layout.slices["sh"]][-1] == 9.0
    assert vector[-1] == 30.0
    assert (p.shininess, p.scale) == (30.0, 2.5)
    assert vector[layout.slices["key_color"]].tolist() == [0.25] * 3


def test_rotation_is_orthonormal_when_read(layout):
    vector = np.zeros(layout.size, np.float32)
    vector[layout.slices["rotation"]] = [2.0, 0.1, 0.0, 0.3, 3.0, 0.2]
    rotation = layout.view(vector).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)


def test_a_vector_of_another_size_is_refused(layout):
    with pytest.raises(ValueError, match=f"expected shape \\({layout.size},\\)"):
        layout.view(np.zeros(layout.size + 1))


def test_neutral_is_a_face_that_can_be_drawn(layout):
    vector = layout.neutral()
    p = layout.view(vector)
    np.testing.assert_array_equal(p.rotation, np.eye(3))
    assert p.scale == 1.0
    assert not p.identity.any()
    assert not p.expression.any()
    np.testing.assert_array_equal(layout.constrain(vector.copy()), vector)


def test_constrain_clamps_in_place(layout):
    vector = layout.neutral()
    p = layout.view(vector)
    p.expression[:] = np.linspace(-1, 2, 52)
    p.key_color[:] = (-0.1, 0.5, 3.0)
    p.shininess = 1e6
    assert layout.constrain(vector) is vector
    assert p.expression.min() >= 0
    assert p.expression.max() <= 1
    assert p.key_color.tolist() == [0.0, 0.5, 3.0]
    assert p.shininess == 200.0
    p.shininess = -3.0
    layout.constrain(vector)
    assert p.shininess == 1.0


@pytest.mark.parametrize(("close", "jaw", "expected"), [(0.8, 0.3, 0.3), (0.2, 0.6, 0.2), (0.9, -0.5, 0.0)])
def test_mouth_close_is_at_most_jaw_open(layout, close, jaw, expected):
    vector = layout.neutral()
    expression = layout.view(vector).expression
    expression[ARKIT_NAMES.index("mouthClose")] = close
    expression[ARKIT_NAMES.index("jawOpen")] = jaw
    layout.constrain(vector)
    assert expression[ARKIT_NAMES.index("mouthClose")] == pytest.approx(expected)


def test_gaussian_expressions_are_not_clamped():
    layout = ParameterLayout(2, 2, tuple(f"e{i}" for i in range(4)), (-np.inf, np.inf))
    vector = layout.neutral()
    layout.view(vector).expression[:] = (-3.0, 5.0, 0.5, -0.5)
    np.testing.assert_array_equal(layout.view(layout.constrain(vector)).expression, (-3.0, 5.0, 0.5, -0.5))


def test_arkit_names_are_apples_fifty_two():
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    left = {name.removesuffix("Left") for name in ARKIT_NAMES if name.endswith("Left")}
    right = {name.removesuffix("Right") for name in ARKIT_NAMES if name.endswith("Right")}
    assert left == right
    assert ARKIT_NAMES.index("jawLeft") < ARKIT_NAMES.index("jawRight"), "Unreal's order"


def test_a_mirror_swaps_left_and_right_names_alone():
    assert [mirrored_name(n) for n in ("eyeBlinkLeft", "jawRight", "browInnerUp", "cheekPuff_L")] == [
        "eyeBlinkRight",
        "jawLeft",
        "browInnerUp",
        "cheekPuff_R",
    ]
    assert {mirrored_name(name) for name in ARKIT_NAMES} == set(ARKIT_NAMES)


@pytest.mark.parametrize("expression_range", [(0.0, 1.0), (-np.inf, np.inf)])
def test_a_layout_survives_json(expression_range):
    layout = ParameterLayout(5, 3, ("jawOpen", "mouthClose"), expression_range)
    text = json.dumps(layout.to_dict(), allow_nan=False)
    assert ParameterLayout.from_dict(json.loads(text)) == layout
    assert json.loads(text)["slices"]["shininess"] == [layout.size - 1, layout.size]
