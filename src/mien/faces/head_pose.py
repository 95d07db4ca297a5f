"""Where a head points: roll, yaw and pitch from five landmarks, and landmarks that follow the head.

The landmarks of a first search hardly follow a rotation: for faces of about 100 pixels their slope is a quarter of the
head's. In further looks, at the face enlarged to 192 pixels, they do (benchmarks/head_pose.py).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.faces.detectors.detector import Detections
from mien.faces.detectors.yunet_network import YuNetNetwork

# Eyes, nose tip, corners of the mouth in distances of the eyes; right, down, away. Right and down are medians of 119
# portraits as YuNet marks them, away is anthropometry: the nose tip 27 mm before the eyes, which are 63 mm apart.
MEAN_FACE = np.array(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, 0.576, -0.43], [-0.415, 1.012, -0.1], [0.415, 1.012, -0.1]], np.float64
)
SIDE, MARGIN = 288, 0.25  # pixels of a further look; what is around the face, as a share of its box
# Each look is level by what the one before has found. The mean of the last two counts, as YuNet marks a face and its
# mirror image differently, by 7 degrees of yaw (LOG.md).
MIRRORED = (False, True, False)


def head_pose(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 [n, 3] for landmarks [n, 5, 2]: roll, yaw and pitch in degrees.

    Roll is clockwise in the image, -180 to 180. Yaw is above 0 where the nose points to the image's right, pitch where
    it points up, both from -90 to 90 and as seen after the head was turned upright. The perspective is that of a
    distant camera; five points cannot say more. Points that are off by 1 % of the face's side put roll, yaw and pitch
    off by 1.1, 2.6 and 2.9 degrees in the median, a camera at 0.6 m by 1.0, 1.4 and 3.5 (benchmarks/head_pose.py).

    Example:
        >>> head_pose(MEAN_FACE[None, :, :2].astype(np.float32)).round().tolist()
        [[0.0, 0.0, 0.0]]
    """
    model = MEAN_FACE - MEAN_FACE.mean(axis=0)
    points = landmarks.astype(np.float64) - landmarks.mean(axis=1, keepdims=True)
    left, _, right = np.linalg.svd(np.linalg.pinv(model) @ points, full_matrices=False)
    across, down = np.moveaxis(left @ right, 2, 0)  # two rows of the rotation that is nearest to what is seen
    nose = -np.stack([across, down, np.cross(across, down)], axis=1)[:, :, 2]  # right, down, away
    roll = np.arctan2(down[:, 0], across[:, 0])
    aside = np.cos(roll) * nose[:, 0] + np.sin(roll) * nose[:, 1]  # of the head turned upright
    below = np.cos(roll) * nose[:, 1] - np.sin(roll) * nose[:, 0]
    yaw, pitch = np.arctan2(aside, -nose[:, 2]), np.arctan2(-below, np.hypot(aside, nose[:, 2]))
    return np.asarray(np.degrees(np.stack([roll, yaw, pitch], axis=1)), np.float32)


def look_again(network: YuNetNetwork, image: images.Pixels, found: Detections) -> Detections:
    """Return the faces of an image with landmarks that follow the head, and with its pose.

    A face that is not found again keeps the landmarks that it has; without any its pose is NaN.
    """
    side = min(SIDE, *(network.size or (SIDE,)))
    points = (
        np.full((len(found.boxes), 5, 2), np.nan, np.float32) if found.landmarks is None else found.landmarks.copy()
    )
    for index, box in enumerate(found.boxes):
        looks, last = list[NDArray[np.float32]](), points[index]
        for mirrored in MIRRORED:
            square = _Square(box, float(_pose(last[None])[0, 0]))
            view = square.cut(image, side)
            faces = network(np.ascontiguousarray(view[:, ::-1]) if mirrored else view)
            if len(faces):
                last = square.to_image(_middle(faces, side, mirrored=mirrored), side)
                looks.append(last)
        if looks:
            points[index] = np.mean(looks[-2:], axis=0)
    landmarks = None if found.landmarks is None else points
    return found._replace(landmarks=landmarks, pose=_pose(points, unknown=np.nan))


def _pose(points: NDArray[np.float32], *, unknown: float = 0.0) -> NDArray[np.float32]:
    """Return `head_pose` of landmarks, of which some are NaN."""
    pose = np.full((len(points), 3), unknown, np.float32)
    known = np.isfinite(points).all(axis=(1, 2))
    pose[known] = head_pose(points[known])
    return pose


def _middle(faces: NDArray[np.float32], side: int, *, mirrored: bool) -> NDArray[np.float32]:
    """Return the landmarks [5, 2] of the face [n, 15] whose middle is nearest to that of a view, mirrored back."""
    away = np.abs(faces[:, :2] + faces[:, 2:4] / 2 - side / 2).max(axis=1)
    points = faces[away.argmin(), 4:14].reshape(5, 2)
    return np.asarray(points[[1, 0, 2, 4, 3]] * [-1, 1] + [side, 0] if mirrored else points, np.float32)


class _Square(NamedTuple):
    """The square of a further look: around a box, rotated by a roll in degrees."""

    box: NDArray[np.float32]
    roll: float

    def cut(self, image: images.Pixels, side: int) -> images.Pixels:
        return images.resize(images.crop_box(image, self.box.tolist(), margin=MARGIN, slope=self.roll), side)

    def to_image(self, points: NDArray[np.float32], side: int) -> NDArray[np.float32]:
        """Return points of the view in pixels of the image."""
        scale = self.box[2:].max() * (1 + 2 * MARGIN) / side
        cos, sin = np.cos(np.radians(self.roll)), np.sin(np.radians(self.roll))
        turned = (points - side / 2) @ np.array([[cos, sin], [-sin, cos]]) * scale
        return np.asarray(turned + self.box[:2] + self.box[2:] / 2, np.float32)
