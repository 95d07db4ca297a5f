"""Roll, yaw and pitch of a head, landmarks that follow it, crops that are level, and faces at any angle."""

import pickle
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.core import images
from mien.faces import Detections
from mien.faces.detectors import YuNet
from mien.faces.detectors.any_angle import AnyAngle
from mien.faces.detectors.yunet import BUNDLED
from mien.faces.detectors.yunet_network import YuNetNetwork
from mien.faces.head_pose import MEAN_FACE, head_pose, look_again


def rotation(roll: float, yaw: float, pitch: float) -> np.ndarray:
    """The rotation of a head in coordinates right, down, away."""
    r, y, p = np.radians([roll, yaw, pitch])
    aside = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    up = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    clockwise = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(clockwise @ aside @ up)


def turned(angles: np.ndarray) -> np.ndarray:
    """The points [n, 5, 2] of the mean face as a distant camera sees it at roll, yaw and pitch [n, 3]."""
    return np.stack([(MEAN_FACE @ rotation(*one).T)[:, :2] for one in angles.tolist()]).astype(np.float32)


def off(found: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """How far angles are from others, 0 to 180 degrees."""
    return np.asarray(np.abs((found - angles + 180) % 360 - 180))


def test_head_pose_of_a_turned_mean_face() -> None:
    steps = range(-170, 180, 35), range(-75, 76, 15), range(-75, 76, 15)
    angles = np.array(list(product(*steps)), np.float32)
    assert off(head_pose(turned(angles) * 80 + 300), angles).max() < 0.01


def test_head_pose_bears_points_that_are_off() -> None:
    """By 1 % of the face's side, 2.5 distances of the eyes: no more than LOG.md says."""
    rng = np.random.default_rng(0)
    angles = rng.uniform((-60, -45, -30), (60, 45, 30), (2000, 3))
    points = turned(angles) + rng.normal(0, 0.01 * 2.5, (2000, 5, 2))
    roll, yaw, pitch = np.median(off(head_pose(points.astype(np.float32)), angles), axis=0)
    assert roll < 1.5
    assert yaw < 3.5
    assert pitch < 3.5


def test_mirrored_points_turn_roll_and_yaw_around() -> None:
    points = turned(np.array([[10, 20, -15], [-40, -5, 30]])) * 50 + 100
    mirrored = (points * [-1, 1] + [200, 0])[:, [1, 0, 2, 4, 3]].astype(np.float32)
    assert head_pose(mirrored) == pytest.approx(head_pose(points) * [-1, -1, 1], abs=0.01)


def test_the_signs_of_head_pose_are_as_documented() -> None:
    """A nose at the image's right is a yaw above 0, a raised one a pitch above 0."""
    points = np.repeat(MEAN_FACE[None, :, :2], 3, axis=0).astype(np.float32)
    points[1, 2, 0] += 0.2
    points[2, 2, 1] -= 0.2
    front, right, raised = head_pose(points)
    assert front == pytest.approx(0, abs=1e-3)
    assert right[1] > 10
    assert abs(right[2]) < 5
    assert raised[2] > 10
    assert head_pose(points[:0]).shape == (0, 3)


def rotated(image: images.Pixels, degrees: float) -> images.Pixels:
    """The image rotated clockwise about its middle."""
    turn = cv2.getRotationMatrix2D((255.5, 255.5), -degrees, 1)
    return np.asarray(cv2.warpAffine(image, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.fixture(scope="module")
def network() -> YuNetNetwork:
    return YuNetNetwork(BUNDLED)


@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
def test_a_second_look_follows_the_head(network: YuNetNetwork, astronaut: images.Pixels, degrees: int) -> None:
    upright, turned = astronaut, rotated(astronaut, degrees)
    rolls = []
    for image in (upright, turned):
        found = look_again(network, image, YuNet()(image))
        assert found.pose is not None
        assert found.pose.shape == (1, 3)
        rolls.append(float(found.pose[0, 0]))
    first = YuNet()(turned).landmarks
    assert first is not None
    assert rolls[1] - rolls[0] == pytest.approx(degrees, abs=5)
    assert abs(head_pose(first)[0, 0] - rolls[0] - degrees) > abs(rolls[1] - rolls[0] - degrees)


def test_a_mirrored_image_has_the_mirrored_pose(network: YuNetNetwork, astronaut: images.Pixels) -> None:
    """With looks at one side only, roll is off by 6 degrees and yaw by 11."""
    sides = (astronaut, np.ascontiguousarray(astronaut[:, ::-1]))
    one, other = (look_again(network, side, YuNet()(side)).pose for side in sides)
    assert one is not None
    assert other is not None
    assert (np.abs(other - one * [-1, -1, 1]) < [3, 3, 8]).all()


def test_boxes_without_landmarks_get_a_pose_where_a_face_is(network: YuNetNetwork, astronaut: images.Pixels) -> None:
    boxes = np.array([[177, 65, 90, 95], [400, 400, 60, 60]], np.float32)
    found = look_again(network, astronaut, Detections(boxes))
    assert found.landmarks is None
    assert found.pose is not None
    assert abs(found.pose[0, 0]) < 15
    assert np.isnan(found.pose[1]).all()
    assert look_again(network, astronaut, Detections(boxes[:0])).pose is not None


def test_any_angle_finds_what_is_sideways_and_upside_down(astronaut: images.Pixels) -> None:
    recognizer = Recognizer(any_angle=True)
    for degrees in (0, 60, 90, 180, -90):
        faces = recognizer(rotated(astronaut, degrees))
        assert faces.head_pose is not None
        assert (len(faces), faces.labels, faces.detector) == (1, ("happy",), "yunet")
        off = (float(faces.head_pose[0, 0]) - 8.6 - degrees + 180) % 360 - 180  # 8.6: how the head is tilted
        assert abs(off) < 6
        x, y, width, height = faces.boxes[0].tolist()
        radians = np.radians(degrees)
        away = np.array([222 - 255.5, 112 - 255.5])  # the face's middle, seen from the image's
        turned = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]) @ away + 255.5
        assert [x + width / 2, y + height / 2] == pytest.approx(turned, abs=16)


def test_any_angle_takes_any_detector(astronaut: images.Pixels) -> None:
    seen = []

    def corner(image: images.Pixels, /) -> list[list[float]]:
        seen.append(image.shape[:2])
        return [[0, 0, 40, 20]] if len(seen) == 2 else []

    found = AnyAngle(corner)(astronaut)  # type: ignore[arg-type]
    assert len(seen) == 8
    assert found.boxes.tolist() == [[492, 0, 20, 40]]  # found after a quarter turn counter-clockwise
    assert (found.scores, found.landmarks) == (None, None)


def test_pose_is_in_tables_and_json_and_travels(model: Path, astronaut: images.Pixels) -> None:
    recognizer = pickle.loads(pickle.dumps(Recognizer(model, pose=True)))
    faces = recognizer(rotated(astronaut, 20))
    (row,) = faces.to_rows()
    (entry,) = faces.to_dicts()
    assert 20 < row["roll"] < 36
    assert [entry[name] for name in ("roll", "yaw", "pitch")] == [row[name] for name in ("roll", "yaw", "pitch")]
    assert row["roll"] == round(row["roll"], 1)
    plain = Recognizer(model)(astronaut)
    assert plain.head_pose is None
    assert [plain.to_rows()[0][name] for name in ("roll", "yaw", "pitch")] == [None] * 3


def test_a_crop_is_level_by_the_pose(astronaut: images.Pixels) -> None:
    pose = np.array([[-30, 0, 0], [np.nan] * 3], np.float32)
    boxes = np.array([[177, 65, 90, 95]] * 2, np.float32)
    found, spec = Detections(boxes, pose=pose), images.CropSpec(0.1)
    assert np.array_equal(
        found.crop(astronaut, 0, spec), images.crop_box(astronaut, boxes[0].tolist(), margin=0.1, slope=-30)
    )
    assert np.array_equal(found.crop(astronaut, 1, spec), images.crop_box(astronaut, boxes[1].tolist(), margin=0.1))
