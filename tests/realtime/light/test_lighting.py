"""The values of a show, and the light that they make on a face."""

import numpy as np
import pytest

from facemodel import LimelightError, ParameterLayout
from facemodel.lighting import rotate_sh, sh_basis
from facemodel.rotation import matrix_from_euler
from realtime.light.color_temperature import color_of_temperature
from realtime.light.environments import ENVIRONMENTS
from realtime.light.lighting import FaceLight, Lighting, direction_of, dragged, light_on, place_of
from realtime.light.show import Show
from realtime.light.values import DEFAULTS, VALUES, spec_of

LAYOUT = ParameterLayout(2, 2, ("jawOpen",))


def a_face(yaw: float = 0.0):
    face = LAYOUT.view(np.zeros(LAYOUT.size, np.float32))
    face.rotation = matrix_from_euler(yaw, 0.0, 0.0)
    face.sh[0] = 2.0
    face.key_position[:] = 0.0, 100.0, 500.0
    face.key_color[:] = 0.5
    face.shininess = 12.0
    return face


def test_every_default_is_one_that_its_value_may_have():
    assert all(spec.checked(spec.default) == spec.default for spec in VALUES.values())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("light/9/intensity", 1.0, "there is no such value"),
        ("light/1/intensity", float("nan"), "must be a number"),
        ("light/1/intensity", True, "must be a number"),
        ("light/1/kind", "laser", "must be one of point, directional, spot"),
        ("light/1/color", [1.0, 2.0], "red, green and blue"),
        ("environment/name", 3, "must be a text"),
        ("relight/lock", "yes", "true or false"),
    ],
)
def test_what_a_value_cannot_be_is_refused_and_nothing_is_set(name, value, says):
    show = Show()
    with pytest.raises(LimelightError, match=says):
        show.set({"light/2/intensity": 1.0, name: value})
    assert show.values() == DEFAULTS


def test_a_number_beyond_its_range_is_the_nearest_allowed():
    assert spec_of("light/1/elevation").checked(200) == 90.0


def test_listeners_are_told_what_changed_alone():
    show, told = Show(), []
    show.listen(told.append)
    show.set({"light/1/intensity": 1.0, "light/1/kind": "point"})
    show.set({"light/1/intensity": 1.0})
    assert told[1:] == [{"light/1/intensity": 1.0}]


def test_only_lights_that_shine_are_there_and_the_master_dims_them_all():
    show = Show({"light/3/intensity": 2.0, "light/3/color": (1.0, 0.5, 0.0), "light/source": "show"})
    show.set_master(0.5)
    (light,) = show.now().lights
    assert (light.number, light.color) == (3, (1.0, 0.5, 0.0))
    assert show.now().intensity == 0.5
    show.set_blackout(True)
    assert show.now().lights == () and show.now().intensity == 0.0


def test_temperature_is_white_at_6500_and_warm_below_at_the_same_luminance():
    assert color_of_temperature(6500.0) == pytest.approx((1.0, 1.0, 1.0))
    for kelvin in (1500.0, 3200.0, 10000.0):
        color = color_of_temperature(kelvin)
        assert np.dot(color, (0.2126, 0.7152, 0.0722)) == pytest.approx(1.0)
        assert (color[0] > color[2]) == (kelvin < 6500.0)
    # Planck's law at 2856 K over that at 6500 K, by the CIE 1931 observer of Wyman et al. (2013)
    assert np.array(color_of_temperature(2856.0)) / color_of_temperature(2856.0)[1] == pytest.approx(
        (2.074, 1.0, 0.266), rel=0.02
    )


def test_directions_and_places_are_each_other_s_inverse():
    for azimuth, elevation in ((0.0, 0.0), (90.0, 0.0), (-120.0, 40.0), (170.0, -80.0)):
        assert place_of(direction_of(azimuth, elevation)) == pytest.approx((azimuth, elevation))
    assert direction_of(90.0, 0.0) == pytest.approx((1.0, 0.0, 0.0), abs=1e-12)


def test_the_estimated_light_is_what_the_face_was_seen_in_and_the_material_still_counts():
    face = a_face()
    light = light_on(Lighting.of({"light/1/intensity": 1.0, "material/specular": 2.0}), face)
    assert light.lights == () and light.specular == 2.0
    assert np.array_equal(light.sh, face.sh) and np.array_equal(light.key_color, face.key_color)
    assert light.shininess == 12.0


def test_a_show_without_an_environment_keeps_the_estimated_sh_but_not_its_highlight():
    light = light_on(Lighting.of({"light/source": "show", "environment/intensity": 0.5}), a_face())
    assert np.allclose(light.sh, 0.5 * a_face().sh, atol=1e-6)
    assert not light.key_color.any()


def test_an_environment_turns_with_its_highlight():
    values = {"light/source": "show", "environment/name": "sunset", "environment/rotation": 90.0}
    light = light_on(Lighting.of(values), a_face())
    turn = matrix_from_euler(np.pi / 2, 0.0, 0.0)
    assert np.allclose(light.sh, rotate_sh(turn, ENVIRONMENTS["sunset"].sh), atol=1e-5)
    assert np.allclose(light.key_position, turn @ ENVIRONMENTS["sunset"].key_position, atol=1e-3)


def test_a_light_on_the_head_goes_with_it_and_one_in_the_room_stays():
    values = {"light/source": "show", "light/1/intensity": 1.0, "light/1/azimuth": 0.0, "light/1/elevation": 0.0}
    yaw = np.radians(30.0)
    room = light_on(Lighting.of(values), a_face(yaw)).lights[0]
    head = light_on(Lighting.of({**values, "light/1/fixed": "head"}), a_face(yaw)).lights[0]
    assert place_of(room.direction) == pytest.approx((0.0, 0.0))
    assert place_of(head.direction) == pytest.approx((30.0, 0.0), abs=1e-4)
    assert isinstance(light_on(Lighting(), a_face()), FaceLight)


def test_a_drag_moves_the_light_as_the_picture_moves():
    front = (0.0, 0.0, 1.0)
    assert dragged(front, np.pi / 2, 0.0) == pytest.approx((1.0, 0.0, 0.0), abs=1e-9)
    assert dragged(front, 0.0, np.pi / 4) == pytest.approx((0.0, 0.5**0.5, 0.5**0.5), abs=1e-9)
    around = front
    for _ in range(8):
        around = dragged(around, np.pi / 4, 0.0)
    assert around == pytest.approx(front, abs=1e-9)
    assert dragged(front, 0.0, 0.0) == front


@pytest.mark.parametrize("name", ["", "of a version to come"])
def test_an_unknown_environment_is_the_estimated_one(name):
    light = light_on(Lighting.of({"light/source": "show", "environment/name": name}), a_face())
    assert np.allclose(light.sh, a_face().sh, atol=1e-6)


def test_lamps_become_sh_light_and_the_brightest_highlight():
    values = {
        "light/source": "show",
        "environment/intensity": 0.0,
        "material/diffuse": 0.5,
        "material/specular": 2.0,
        "light/1/intensity": 0.2,
        "light/3/intensity": 1.0,
        "light/3/color": (1.0, 0.5, 0.0),
        "light/3/azimuth": 90.0,
        "light/3/elevation": 0.0,
    }
    light = light_on(Lighting.of(values), a_face()).without_lamps()
    assert light.lights == () and (light.diffuse, light.specular) == (1.0, 1.0)
    assert light.key_position == pytest.approx((1000.0, 0.0, 0.0), abs=1e-3)
    assert light.key_color == pytest.approx((2.0, 1.0, 0.0))
    alone = light_on(Lighting.of({**values, "light/1/intensity": 0.0}), a_face()).without_lamps()
    for angle in np.radians((0.0, 40.0, 80.0, 120.0, 180.0)):  # of the normal from the lamp
        normal = (np.cos(angle), 0.0, np.sin(angle))
        assert (sh_basis(normal) @ alone.sh)[0] == pytest.approx(0.5 * max(np.cos(angle), 0.0), abs=0.06)
    assert np.allclose(light_on(Lighting(), a_face()).without_lamps().sh, a_face().sh)
