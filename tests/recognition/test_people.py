"""Who is who: persons who leave, are cut away and come back, drawn with known truth."""

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core import images
from mien.faces.faces import VideoFaces
from mien.recognition import people as module
from mien.recognition.appearance import appearance_of
from mien.recognition.people import People, merge

SIZE = (180, 320)  # height, width
FACE = 40
Place = tuple[int, int, int]  # who, left, top


class Cast:
    """People with faces, hair and clothes of their own, in rooms of their own."""

    def __init__(self, n: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.faces = [
            cv2.resize(rng.uniform(60, 220, (5, 5)), (FACE, FACE), interpolation=cv2.INTER_CUBIC) for _ in range(n)
        ]
        self.hair, self.clothes = rng.uniform(20, 200, (2, n, 3))
        self.rooms = [cv2.resize(rng.uniform(0, 255, (4, 6, 3)), SIZE[::-1]) for _ in range(4)]
        self.rng = rng

    def frame(self, places: Iterable[Place], *, room: int = 0, light: float = 1.0) -> images.Pixels:
        """Return a frame with persons at (who, left, top of the face)."""
        frame = self.rooms[room].copy()
        for who, x, y in places:
            cv2.rectangle(frame, (x - 25, y + 45), (x + 65, y + 140), self.clothes[who].tolist(), -1)
            cv2.rectangle(frame, (x - 4, y - 18), (x + FACE + 4, y + 20), self.hair[who].tolist(), -1)
            part = frame[max(y, 0) : y + FACE, max(x, 0) : x + FACE]
            part[:] = self.faces[who][: part.shape[0], : part.shape[1], None] * (1.0, 0.8, 0.7)
        frame = light * frame + self.rng.normal(0, 2, (*SIZE, 1))
        return np.asarray(frame.clip(0, 255), np.uint8)


def boxes(places: Sequence[Place]) -> NDArray[np.float32]:
    return np.array([[x, y, FACE, FACE] for _, x, y in places], np.float32).reshape(-1, 4)


def follow(
    people: People, shots: Iterable[tuple[images.Pixels, Sequence[Place]]], *, rate: int = 10
) -> list[VideoFaces]:
    """Return the frames with their tracks and persons."""

    def frames() -> Iterator[VideoFaces]:
        for number, (image, places) in enumerate(shots):
            found, rows = boxes(places), np.ones((len(places), 1), np.float32)
            tracks = people.add(number / rate, image, found)
            yield VideoFaces(found, rows, ("happy",), frame=number, time=number / rate, tracks=tracks, smoothed=rows)

    return list(people.number(frames()))


def persons(found: Iterable[VideoFaces]) -> list[list[int]]:
    """Return the persons of stretches of frames that show the same ones."""
    rows = [one.persons.tolist() for one in found]
    return [row for number, row in enumerate(rows) if not number or rows[number - 1] != row]


def merged(people: People) -> dict[int, int]:
    return {one.track: one.person for one in merge(list(people.tracks.values()))}


def stay(
    cast: Cast, places: Sequence[Place], frames: int, *, room: int = 0, light: float = 1.0
) -> list[tuple[images.Pixels, Sequence[Place]]]:
    return [(cast.frame(places, room=room, light=light), places) for _ in range(frames)]


def test_who_leaves_for_long_and_sits_elsewhere_is_the_same() -> None:
    cast, people = Cast(2), People(whole=True)
    one, other = (0, 60, 40), (1, 220, 40)
    shots = [
        *stay(cast, [one, other], 20),
        *stay(cast, [one], 50),
        *stay(cast, [one, (1, 150, 45)], 20),
        *stay(cast, [], 300),
        *stay(cast, [(0, 200, 30)], 20),
    ]
    found = follow(people, shots)
    assert persons(found) == [[1, 2], [1], [1, 2], [], [1]]
    assert [one.frame for one in found] == list(range(len(shots)))
    assert merged(people) == {1: 1, 2: 2, 3: 2, 4: 1}


@pytest.mark.parametrize("seed", range(4))
def test_cuts_between_two_people_at_one_place(seed: int) -> None:
    cast, people = Cast(2, seed), People(whole=True)
    place = (140, 50)
    shots = [shot for who in (0, 1, 0, 1, 0) for shot in stay(cast, [(who, *place)], 12, room=who)]
    found = follow(people, shots)
    assert persons(found) == [[1], [2], [1], [2], [1]]
    assert [one.tracks.tolist() for one in found[::12]] == [[1], [2], [3], [4], [5]]  # none goes across a cut
    assert merged(people) == {1: 1, 2: 2, 3: 1, 4: 2, 5: 1}


def test_without_a_cut_another_face_at_the_place_is_another_track() -> None:
    cast, people = Cast(2), People()
    found = follow(people, [*stay(cast, [(0, 140, 50)], 15), *stay(cast, [(1, 140, 50)], 15)])
    assert persons(found) == [[1], [2]]


def test_in_other_light_somebody_is_the_same() -> None:
    cast, people = Cast(3), People()
    first = [(0, 40, 40), (1, 140, 40), (2, 240, 40)]
    shots = [*stay(cast, first, 15), *stay(cast, [], 30), *stay(cast, [first[1], first[2]], 15, light=0.6)]
    assert persons(follow(people, shots)) == [[1, 2, 3], [], [2, 3]]


def test_the_number_is_decided_a_second_later_and_all_frames_come() -> None:
    cast, people = Cast(1), People()
    given = 0

    def frames() -> Iterator[VideoFaces]:
        nonlocal given
        for number, (image, places) in enumerate(stay(cast, [(0, 140, 50)], 30)):
            rows = np.ones((1, 1), np.float32)
            given += 1
            tracks = people.add(number / 10, image, boxes(places))
            yield VideoFaces(
                boxes(places), rows, ("happy",), frame=number, time=number / 10, tracks=tracks, smoothed=rows
            )

    found = people.number(frames())
    assert (next(found).frame, given) == (0, 11)
    assert [one.frame for one in found] == list(range(1, 30))


def test_two_at_once_are_never_one_person() -> None:
    """Twins, all in one frame or coming and going, at any pace."""
    for seed in range(12):
        rng, cast = np.random.default_rng(seed), Cast(3, seed)
        cast.faces, cast.hair, cast.clothes = [cast.faces[0]] * 3, cast.hair[[0] * 3], cast.clothes[[0] * 3]
        people, shots, there = People(whole=True), [], rng.random(3) < 0.5
        for _ in range(60):
            there ^= rng.random(3) < 0.15
            places = [(who, 20 + 100 * who + int(rng.integers(0, 30)), 40) for who in range(3) if there[who]]
            shots.append((cast.frame(places, room=int(rng.random() < 0.1)), places))
        found = follow(people, shots, rate=int(rng.choice([1, 5, 25])))
        whole = merged(people)
        for one in found:
            assert len(set(one.persons.tolist())) == len(one)
            assert len({whole[track] for track in one.tracks.tolist()}) == len(one)
        assert max(one.persons.max(initial=0) for one in found) >= 3


def test_what_is_doubtful_stays_apart_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURE", 20.0)
    cast, people = Cast(2), People(whole=True)
    follow(people, [*stay(cast, [(0, 60, 40)], 15), *stay(cast, [], 20), *stay(cast, [(0, 200, 40), (1, 60, 40)], 15)])
    one, again, other = merge(list(people.tracks.values()))
    assert [one.person, again.person, other.person] == [1, 2, 3]
    assert (one.maybe, again.maybe, other.maybe) == (2, 1, 0)
    assert max(one.sureness, again.sureness) < 0.5 < other.sureness


def test_what_is_known_of_a_track_at_the_end() -> None:
    cast, people = Cast(1), People(whole=True, pictures=True)
    places = [[(0, 100, 40)], [(0, 102, 40)], []]
    for number, row in enumerate(places):
        people.add(number / 2, cast.frame(row), boxes(row))
    people.add(1.5, cast.frame(places[0]), np.array([[97.4, 36.6, 46, 47.2]], np.float32))  # larger, nearer
    (one,) = merge(list(people.tracks.values()))
    assert (one.track, one.first, one.last, one.frames, one.person, one.maybe) == (1, 0.0, 1.5, 3, 1, 0)
    assert (one.shown, one.x, one.y, one.w, one.h) == (1.5, 97, 37, 46, 47)
    assert one.sureness == 1.0
    picture = cv2.imdecode(np.frombuffer(people.tracks[1].picture, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (109, 93, 3)  # with hair and shoulders; never enlarged


def test_memory_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KNOWN", 5)
    monkeypatch.setattr(module, "LATEST", 2)
    monkeypatch.setattr(module, "REMEMBER", 3.0)
    cast, people = Cast(40), People()
    shots = [shot for who in range(40) for shot in stay(cast, [(who, 140, 50)], 12, room=who % 4)]
    found = follow(people, shots)
    assert len(people.tracks) <= 21
    assert len(people._persons) <= 5
    assert found[-1].persons.tolist() == [40]


def test_faces_at_the_edge_and_beyond() -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    edges = np.array(
        [[-30, -30, 40, 40], [70, 50, 40, 40], [-300, 20, 310, 30], [10, 10, 1, 1], [0, 0, 80, 60]], np.float32
    )
    appearance = appearance_of(image, edges)
    assert appearance.looks.shape[0] == 5
    assert not np.isinf(appearance.looks).any()
    assert np.isnan(appearance.looks[0]).any()
    assert appearance_of(image, np.zeros((0, 4), np.float32)).looks.shape == (0, appearance.looks.shape[1])
