import pytest

from bench.errors import UserError
from bench.variants import parse_variant


def test_options_change_the_preset_they_start_from() -> None:
    plain, changed = parse_variant("ssan", "quick"), parse_variant("ssan[k=4]", "quick")
    assert plain.options.k != 4
    assert changed.options.k == 4
    assert type(changed.options) is type(plain.options)


def test_spelling_does_not_depend_on_order_or_spaces() -> None:
    one = parse_variant("ssan[k=4, form=released]", "quick")
    other = parse_variant(" ssan[form=released,k=4]", "quick")
    assert one.text == other.text == "ssan[form=released,k=4]"
    assert one.options == other.options


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sepcon", "did you mean 'sepconv'"),
        ("ssan[extractr=unet]", "did you mean 'extractor'"),
        ("ssan[extractor=resnet]", "srdn"),
        ("ssan[k=3]", "k=3"),
        ("ssan[k]", "option=value"),
        ("ssan[k=]", "option=value"),
        ("ssan[", "name[option=value"),
        ("average[k=1]", "option of average"),
    ],
)
def test_a_wrong_variant_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_variant(text, "quick")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
