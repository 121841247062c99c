"""Templates: what they say, what they refuse, and where."""

import pytest

from leantune.core.errors import SpecError
from leantune.core.long import Long
from leantune.data.template import Template

COLUMNS = {"premise": 0, "hypothesis": 1}


def test_a_row_is_put_into_words_and_its_places_are_known() -> None:
    template = Template.parse("{premise:nodot}? {mask}, {hypothesis:lower1:keep} {{x}}", COLUMNS)
    found = template.render(["It rains.", "We are wet."], ["[MASK]"])
    assert found.text == "It rains? [MASK], we are wet. {x}"
    assert [found.text[start:end] for start, end in found.fields] == ["It rains"]
    assert [found.text[start:end] for start, end in found.masks] == ["[MASK]"]


def test_a_text_may_be_cut_by_characters_and_stand_twice() -> None:
    template = Template.parse("{premise:max=4} {mask} {premise}", COLUMNS)
    assert template.render(["0123456789", ""], ["_"]).text == "0123 _ 0123456789"


def test_fields_say_how_they_are_shortened_or_the_study_does() -> None:
    template = Template.parse("{premise:tail} {mask} {hypothesis} {premise:keep} {hypothesis:both=0.5}", COLUMNS)
    assert [way["name"] for way in template.ways] == ["tail", "head", "both"]
    assert template.ways[2]["first"] == 0.5
    found = template.cutting(Long.parse("hypothesis=both(first=0.3)", COLUMNS))
    assert [way["name"] for way in found.ways] == ["tail", "both", "both"]
    assert [way.get("first") for way in found.ways] == [None, 0.3, 0.5]
    with pytest.raises(SpecError, match=r'"both=1\.5" is no filter'):
        Template.parse("{premise:both=1.5} {mask}", COLUMNS)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{premise} is good", "has no {mask}"),
        ("It was {mask}.", "has no text of the row. Put one in, such as {premise}"),
        ("{premis} {mask}", 'character 1: there is no column "premis". Closest: "premise"'),
        ("{premise:lower} {mask}", '"lower" is no filter. All: lower1, nodot, keep, head, tail, both, both=SHARE, compress, max=N'),
        ("{premise:max=0} {mask}", '"max=0" is no filter'),
        ("{premise} {mask", 'character 11 is a "{" without its "}"'),
        ("{premise} } {mask}", 'character 11 is a "}" without a "{"'),
        ("{premise.__class__} {mask}", 'there is no column "premise.__class__"'),
    ],
)
def test_mistakes_are_told_with_their_place(source: str, says: str) -> None:
    with pytest.raises(SpecError) as error:
        Template.parse(source, COLUMNS)
    assert says in error.value.message


def test_a_column_called_mask_goes_by_its_other_name() -> None:
    with pytest.raises(SpecError, match=r'never the column "mask": write \{text\} for that column') as error:
        Template.parse("{mask} It was {mask}.", {"mask": 0, "text": 0})
    assert "such as" not in error.value.message
    with pytest.raises(SpecError, match=r"write \{text_pair\} for that column"):
        Template.parse("It was {mask}.", {"first": 0, "text": 0, "mask": 1, "text_pair": 1})
    assert Template.parse("{text} It was {mask}.", {"mask": 0, "text": 0}).masks == 1


def test_only_a_mask_at_the_end_can_be_gone_on_with() -> None:
    assert Template.parse("{premise} It was {mask}.", COLUMNS).ends_with_mask
    assert not Template.parse("{premise} {mask} film", COLUMNS).ends_with_mask
    assert not Template.parse("{mask} {premise} {mask}", COLUMNS).ends_with_mask
