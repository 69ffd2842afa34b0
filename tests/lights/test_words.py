"""Prompts in many languages, their colours, and the words that a model doesn't know."""

import re

import pytest

from relight.errors import InputError
from relight.lights.colors import OTHER_NAMES, TINTS, tint, tint_name
from relight.lights.languages import translate
from relight.lights.subject import without_light
from relight.lights.word_table import english_words, key, languages
from relight.lights.words import LIGHT_WORDS, understand
from relight.models.catalogue import CATALOGUE

KNOWN = CATALOGUE["mini"].words

PHRASES = {
    "ru": {
        "красный неоновый свет": "red neon light",
        "медведь, красного неонового света": "медведь, red neon light",
        "ЖЁЛТЫЙ СВЕТ": "yellow light",
        "сине-красный неон": "blue and red neon",
        "свет свечи": "candle light",
        "закат, золотой свет": "sunset, golden light",
        "мягкий дневной свет": "soft daylight",
    },
    "de": {
        "rotes Neonlicht": "red neon light",
        "rotes und blaues Licht": "red and blue light",
        "warmes Kerzenlicht": "warm candle light",
        "grünliches Licht": "green light",
        "Mondlicht": "moonlight",
        "ein Bär im roten Licht": "ein Bär im red light",
    },
    "fr": {
        "lumière rouge néon": "red neon light",
        "néon rouge et bleu": "red and blue neon",
        "coucher de soleil doré": "golden sunset",
        "clair de lune": "moonlight",
        "lumière d'or": "golden light",
    },
    "es": {
        "luz de neón roja": "red neon light",
        "luz roja y azul": "red and blue light",
        "luz cálida del atardecer": "warm sunset light",
        "luz de la luna": "moonlight",
        "LUZ MORADA": "purple light",
    },
    "it": {
        "luce rossa al neon": "red neon light",
        "luce viola": "violet light",
        "tramonto dorato": "golden sunset",
        "luce della luna": "moonlight",
    },
    "pt": {
        "luz vermelha": "red light",
        "luz de néon azul": "blue neon light",
        "pôr do sol dourado": "golden sunset",
        "luz de velas": "candle light",
    },
    "nl": {
        "rood neonlicht": "red neon light",
        "zacht warm licht": "soft warm light",
        "zonsondergang": "sunset",
        "maanlicht": "moonlight",
    },
    "pl": {
        "czerwone światło neonu": "red neon light",
        "zielone swiatlo": "green light",
        "zachód słońca": "sunset",
        "ciepłe światło świec": "warm candle light",
    },
    "tr": {
        "kırmızı neon ışık": "red neon light",
        "MAVİ IŞIK": "blue light",
        "mavi ve mor ışık": "blue and purple light",
        "mum ışığı": "candle light",
        "gün batımı": "sunset",
    },
    "zh": {
        "红色霓虹灯": "red neon light",
        "紅色霓虹燈光": "red neon light",
        "一只熊，红蓝霓虹灯光": "一只熊, red and blue neon light",
        "月光": "moonlight",
        "柔和的自然光": "soft natural light",
    },
    "ja": {
        "赤いネオンの光": "red neon light",
        "赤と青のネオンライト": "red and blue neon light",
        "青いﾈｵﾝ": "blue neon",
        "夕焼け": "sunset",
        "月明かり": "moonlight",
    },
    "ko": {
        "빨간 네온 조명": "red neon light",
        "붉은 네온 불빛": "red neon light",
        "파란색과 보라색 네온": "blue and purple neon",
        "부드러운 자연광": "soft natural light",
        "석양": "sunset",
    },
    "ar": {
        "ضوء نيون أحمر": "red neon light",
        "الضوء الأحمر والأزرق": "red and blue light",
        "ضوءٌ أزرق": "blue light",
        "ضوء القمر": "moonlight",
        "غروب الشمس": "sunset",
    },
    "hi": {
        "लाल नियॉन रोशनी": "red neon light",
        "नीली और गुलाबी रोशनी": "blue and pink light",
        "सफेद रोशनी": "white light",
        "सूर्यास्त": "sunset",
    },
}
CASES = [(code, *pair) for code, phrases in PHRASES.items() for pair in phrases.items()]
CONCEPTS = {
    *("red", "orange", "yellow", "golden", "green", "turquoise", "cyan", "blue", "purple"),
    *("pink", "white", "light", "sunset", "sunrise", "moonlight", "fire", "warm", "cold", "soft"),
    *("bright", "dim", "dark", "night", "sunshine", "daylight"),
}
SAME_WORD = {"de": {"turquoise"}, "fr": {"orange", "turquoise", "cyan"}}
"""What these languages write as English does, so that no table needs it."""


@pytest.mark.parametrize("code, phrase, english", CASES)
def test_light_words_of_other_languages_are_read(code, phrase, english):
    words = understand(phrase, KNOWN)
    assert words.text == english
    assert not words.unknown or set(words.unknown) <= set(phrase.split())
    assert all(languages()[code].name in note for note in words.notes if note.startswith("read"))
    assert any(note.startswith("read") for note in words.notes)
    assert understand(english, KNOWN).colours == words.colours


@pytest.mark.parametrize("code", PHRASES)
def test_every_language_has_the_words_of_light(code):
    has = {form.english for form in languages()[code].forms.values()}
    assert has - SAME_WORD.get(code, set()) | SAME_WORD.get(code, set()) >= CONCEPTS


def test_all_that_the_tables_lead_to_is_known_to_the_embedded_model():
    assert english_words() <= KNOWN
    assert (LIGHT_WORDS & english_words()) <= KNOWN
    assert all(tint_name(word) for word in [*TINTS, *OTHER_NAMES])


@pytest.mark.parametrize(
    "prompt",
    [
        "a bear, red neon light",
        "sunset, golden light",
        "soft light",
        "a bunny, sunset",
        "A man, Warm Orange Light.",
        "a rot hell, or red light",  # German: red, bright; French: gold
        "a mum plays the viola, sole and luna, natural light",  # Turkish, Italian, Spanish
        "an emerald dress, natural light",
        "a man fighting a kangaroo, red and blue neon lights",
        "dancer in red light, best quality",
        "a street",
        "beautiful woman, detailed face, neon, warm atmosphere, at home",
    ],
)
def test_english_prompts_stay_and_get_no_note(prompt):
    words = understand(prompt, KNOWN)
    assert words.text == prompt and words.notes == () and words.unknown == ()


def test_the_prompts_of_the_readme_get_no_note(pytestconfig):
    text = (pytestconfig.rootpath / "README.md").read_text()
    prompts = set(re.findall(r'prompt[= ]"([^"]+)"', text))
    assert len(prompts) >= 4
    for prompt in prompts:
        assert understand(prompt, KNOWN).text == prompt
        assert understand(prompt, KNOWN).notes == ()


@pytest.mark.parametrize(
    "prompt, unknown, nearest",
    [
        ("turqoise light", ("turqoise",), "turquoise"),
        ("a car, turqoise", ("turqoise",), "turquoise"),
        ("purpel neon light", ("purpel",), "purple"),
        ("a bear, sunst", ("sunst",), "sunset"),
        ("halogen light", ("halogen",), None),
        ("volumetric godrays through the window", ("volumetric", "godrays"), None),
        ("punainen neonvalo", ("punainen", "neonvalo"), "neon"),
        ("แสงสีแดง", ("แสงสีแดง",), None),
        ("кракозябра", ("кракозябра",), None),
    ],
)
def test_unknown_words_are_named_with_the_nearest(prompt, unknown, nearest):
    words = understand(prompt, KNOWN)
    assert words.unknown == unknown and words.text == prompt
    (note,) = words.notes
    assert all(f'"{word}"' in note for word in unknown)
    assert f'"{nearest}"' in note if nearest else "nearest" not in note


def test_no_word_is_unknown_to_a_model_without_a_vocabulary():
    words = understand("turqoise light, kangaroo")
    assert words.unknown == words.notes == ()
    assert understand("emerald light").text == "emerald light"
    assert understand("rotes Licht").colours == ("red",)


@pytest.mark.parametrize(
    "prompt, text",
    [
        ("emerald neon light", "green neon light"),
        ("scarlet and azure neon lights", "red and blue neon lights"),
        ("in the candlelight", "in the candle light"),
        ("firelight", "fire light"),
        ("sunlight through leaves", "sunshine through leaves"),
        ("the light of a campfire", "the light of a fire light"),
    ],
)
def test_other_english_names_are_read(prompt, text):
    words = understand(prompt, KNOWN)
    assert words.text == text and words.notes and not words.unknown


@pytest.mark.parametrize(
    "prompt, colours",
    [
        ("a bear, red neon light", ("red",)),
        ("red and blue neon lights", ("red", "blue")),
        ("sunset, golden light", ("gold",)),
        ("a red car, natural light", ()),
        ("a red car in blue light", ("blue",)),
        ("light blue dress, soft light", ()),
        ("lit by purple", ("purple",)),
        ("amber", ("orange",)),
        ("crimson lighting and turquoise glow", ("red", "teal")),
        ("светящийся медведь, синий свет", ("blue",)),
    ],
)
def test_colours_are_those_of_the_light(prompt, colours):
    assert understand(prompt, KNOWN).colours == colours


@pytest.mark.parametrize(
    "prompt, neutral",
    [
        ("natural light", True),
        ("a woman, soft light", True),
        ("bright studio light", True),
        ("daylight", True),
        ("a street", True),
        ("a girl in red, natural light", True),
        ("自然光", True),
        ("luz natural", True),
        ("dim light", True),
        ("warm light", False),
        ("sunset", False),
        ("neon", False),
        ("a bear, red light", False),
        ("moonlight", False),
        ("forest light", False),
        ("luz de velas", False),
        ("night", False),
        ("red noen light", False),
        ("xyzzy light", True),
    ],
)
def test_neutral_is_a_light_without_colour(prompt, neutral):
    assert understand(prompt, KNOWN).neutral is neutral


@pytest.mark.parametrize(
    "prompt, text", [("金鱼", "金鱼"), ("红灯笼", "红灯笼"), ("불고기", "불고기")]
)
def test_signs_within_other_words_are_left(prompt, text):
    assert translate(prompt) == (text, ())


def test_languages_may_be_mixed():
    text, read = translate("a bear, luz roja, rotes Licht")
    assert text == "a bear, red light, red light"
    assert {one.language for one in read} == {"Spanish", "German"}


def test_keys_ignore_case_and_accents():
    assert key("É") == key("é") == "e"
    assert key("İŞIK") == key("işık") == "isik"
    assert key("प्रकाश") == "प्रकाश" and key("가") == "가" and key("が") != key("か")


def test_tints_are_lamps_of_the_named_hue():
    for name, levels in TINTS.items():
        assert max(levels) == 1 or name == "teal"
        assert min(levels) > 0
        assert tint(name) == levels
    with pytest.raises(InputError, match="unknown colour of a light 'bear': use red"):
        tint("bear")


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("a bear, warm orange light", "a bear"),
        ("a bear in red neon light", "a bear"),
        ("a bear lit by candle light", "a bear"),
        ("a dog in a studio under red light", "a dog in a studio"),
        ("a girl, soft light from the left, smiling", "a girl, smiling"),
        ("A man. He smiles. Red light.", "A man. He smiles"),
        ("a man in the sun", "a man"),
        ("ein Bär im roten Licht", "ein Bär"),
        ("медведь в красном свете", "медведь"),
        ("一只熊，红色霓虹灯光", "一只熊"),
        ("red neon light", ""),
        ("a lamp on a table", "a lamp on a table"),
        ("a candle, blue light", "a candle"),
        ("a woman in a white dress", "a woman in a white dress"),
        ("a girl holding a red lantern", "a girl holding a red lantern"),
        ("a man on a dark stage", "a man on a dark stage"),
        ("a red traffic light", "a red traffic light"),
        ("ein Mann im Hut", "ein Mann im Hut"),
    ],
)
def test_the_subject_is_what_is_left_without_the_light(prompt, subject):
    assert without_light(prompt) == subject
