"""docs/asvs.md is whole: each requirement once, each test and file that it names is there, and it counts right."""

import ast
import re
from collections import Counter
from functools import cache

import pytest
from django.conf import settings

PAGE = settings.BASE_DIR / "docs" / "asvs.md"
STATES = ("met", "not met", "not applicable")
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([123]) \| (.+?) \| ([a-z ]+) \| (.+) \|$", re.MULTILINE)
EVIDENCE = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.\w+)(?:::(\w+))?`")
LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22",
    "10.7": "222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
    "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip
"""The level of each requirement of ASVS 5.0.0, by section and in order."""
LEVEL_OF = {
    f"{section}.{number}": level for section, levels in LEVELS.items() for number, level in enumerate(levels, 1)
}
ROWS = ROW.findall(PAGE.read_text())


@cache
def names_in(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_the_standard_has_345_requirements():
    assert Counter(LEVEL_OF.values()) == {"1": 70, "2": 183, "3": 92}


def test_every_requirement_of_levels_1_and_2_stands_there_once():
    numbers = [number for number, *_ in ROWS]
    wanted = [number for number, level in LEVEL_OF.items() if level != "3"]

    assert [number for number in wanted if numbers.count(number) != 1] == []
    assert numbers == sorted(set(numbers), key=lambda number: [int(part) for part in number.split(".")])
    assert PAGE.read_text().count("\n| ") == len(ROWS) + 1 + len("123") + len({row[0].split(".")[0] for row in ROWS})


@pytest.mark.parametrize(("number", "level", "asked", "state", "shown"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_has_its_level_and_what_shows_it(number, level, asked, state, shown):
    named = EVIDENCE.findall(shown)

    assert LEVEL_OF[number] == level
    assert state in STATES
    assert "``" not in shown
    assert named if state == "met" else re.match(r"[A-Z`].*[.`]$", shown)
    for file, test in named:
        path = settings.BASE_DIR / file
        assert path.is_file(), file
        assert not test or test in names_in(path), f"{file}::{test}"


@pytest.mark.parametrize("level", "123")
def test_the_counts_at_the_top_are_right(level):
    found = Counter(state for _, of, _, state, _ in ROWS if of == level)
    counts = [found[state] for state in STATES]

    assert f"\n| {level} | {' | '.join(map(str, [*counts, counts[0] + counts[1]]))} |\n" in PAGE.read_text()


def test_all_of_level_1_that_applies_is_met_and_115_of_level_2():
    found = Counter((of, state) for _, of, _, state, _ in ROWS)

    assert found["1", "not met"] == 0
    assert found["2", "met"] >= 115
