"""How the files of a job are cut into parts, and parts shared out."""

from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.scale.parts import Part, cut, part_name, share
from mien.scale.shards import parse_shard

NAMES = [f"photos/{number:05d}.jpg" for number in range(4000)]


def part(name: str, size: int) -> Part:
    return Part(name, (name,), (Path(name),), size)


def test_parts_are_what_follows_each_other_and_hold_a_few_photos() -> None:
    parts = list(cut(NAMES))
    assert [name for names in parts for name in names] == NAMES
    assert 12 < len(NAMES) / len(parts) < 20
    assert max(map(len, parts)) < 200


def test_a_video_is_a_part_of_its_own() -> None:
    names = ["a.jpg", "b.MP4", "c.mp4", *NAMES[:3]]
    assert list(cut(names))[:3] == [("a.jpg",), ("b.MP4",), ("c.mp4",)]


def test_a_file_more_changes_one_part() -> None:
    before = {part_name(names) for names in cut(NAMES)}
    after = {part_name(names) for names in cut([*NAMES[:1000], "photos/00999b.jpg", *NAMES[1000:]])}
    assert len(before - after) == 1


@pytest.mark.parametrize("count", [1, 3, 7, 300])
def test_every_part_is_in_one_shard(count: int) -> None:
    parts = [part(f"p{number}", 0) for number in range(40)] + [part(f"v{n}", 1 + n) for n in range(25)]
    shares = [share(parts, index, count) for index in range(1, count + 1)]
    names = [one.name for several in shares for one in several]
    assert sorted(names) == sorted(one.name for one in parts)
    photos = [sum(not one.size for one in several) for several in shares]
    assert max(photos) - min(photos) <= 1


def test_far_more_shards_than_files_take_no_memory() -> None:
    parts = [part("p", 0), part("v", 9)]
    assert [share(parts, index, 999_999_999) for index in (1, 2)] == [parts[::-1], []]


def test_shards_get_as_many_bytes_of_video_the_largest_first() -> None:
    sizes = [900, 10, 500, 480, 30, 20, 450, 10, 10]
    shares = [share([part(f"v{n}", size) for n, size in enumerate(sizes)], index, 2) for index in (1, 2)]
    loads = [[one.size for one in several] for several in shares]
    assert max(map(sum, loads)) <= 4 / 3 * sum(sizes) / 2  # Graham's bound; a longest file can take more than its share
    assert loads == [sorted(load, reverse=True) for load in loads]


@pytest.mark.parametrize("text", ["0/0", "5/3", "0/3", "3", "a/b", "-1/3", "1/3/5", "", "1/ 3", "1/9999999999"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--shard .*: expected I/N with I from 1 to N, such as 3/100"):
        parse_shard(text)
