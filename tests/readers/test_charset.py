"""Texts of any encoding come out as they were written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.core.errors import Unreadable
from sensorium.readers.charset import decode, looks_like_text

TEXTS = {
    "German": "Die Straße führt über den Fluß zu den schönen Gärten. Müller und Söhne verkaufen dort Käse.",
    "French": "Le café est déjà fermé, mais la boulangerie près de l'église reste ouverte jusqu'à dix-neuf heures.",
    "Spanish": "El niño comió una manzana en el jardín. ¿Dónde está la canción? Mañana iremos a la montaña.",
    "Swedish": "Räksmörgås är en svensk maträtt. På sommaren åker vi till sjön och badar.",
    "Polish": "W Szczebrzeszynie chrząszcz brzmi w trzcinie i Szczebrzeszyn z tego słynie. Dziękuję bardzo.",
    "Russian": "Собака бежит по пляжу вдоль моря. Дети играют в мяч, а родители сидят на песке и смотрят на волны.",
    "Greek": "Ο σκύλος τρέχει στην παραλία δίπλα στη θάλασσα. Τα παιδιά παίζουν με την μπάλα.",
    "Turkish": "Köpek plajda koşuyor, çocuklar top oynuyor. Öğretmen öğrencilere güzel bir şarkı söyledi. "
    "İstanbul'da ılık bir gün.",
    "Hebrew": "הכלב רץ לאורך החוף ליד הים. הילדים משחקים בכדור וההורים יושבים על החול ומסתכלים בגלים.",
    "Arabic": "يركض الكلب على الشاطئ بجانب البحر. يلعب الأطفال بالكرة ويجلس الآباء على الرمال.",
    "Japanese": "犬が海辺を走っています。子供たちはボールで遊んでいて、両親は砂の上に座って波を見ています。",
    "Chinese": "一只狗在海滩上奔跑。孩子们在玩球，父母坐在沙滩上看海浪。今天天气很好，我们一起去公园散步吧。",
    "Taiwanese": "一隻狗在海灘上奔跑。孩子們在玩球，父母坐在沙灘上看海浪。今天天氣很好，我們一起去公園散步吧。",
    "Korean": "개가 해변을 따라 달리고 있습니다. 아이들은 공놀이를 하고 부모님은 모래 위에 앉아 파도를 바라봅니다.",
}
OLD = {
    "German": ["cp1252", "latin-1", "cp850"], "French": ["cp1252", "latin-1"], "Spanish": ["cp1252"],
    "Swedish": ["latin-1"], "Polish": ["cp1250", "iso8859-2"],
    "Russian": ["cp1251", "koi8-r", "iso8859-5", "cp866"], "Greek": ["cp1253"],
    "Turkish": ["cp1254", "iso8859-9"], "Hebrew": ["cp1255"], "Arabic": ["cp1256"],
    "Japanese": ["shift_jis", "cp932", "euc_jp", "iso2022_jp"], "Chinese": ["gb18030", "gbk"], "Taiwanese": ["big5"],
    "Korean": ["euc_kr", "cp949"],
}  # fmt: skip


@pytest.mark.parametrize(("language", "encoding"), [(name, each) for name, all_ in OLD.items() for each in all_])
def test_texts_of_the_time_before_unicode_are_read(language, encoding):
    data = TEXTS[language].encode(encoding)
    assert looks_like_text(data)
    assert decode(data) == TEXTS[language]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("language", TEXTS)
def test_unicode_is_read_with_and_without_its_mark(language, encoding):
    assert decode(TEXTS[language].encode(encoding)) == TEXTS[language]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_unicode_without_its_mark_is_known_by_its_zeros(encoding):
    assert decode(TEXTS["German"].encode(encoding)) == TEXTS["German"]
    assert decode("\ufeff".encode(encoding) + TEXTS["Russian"].encode(encoding)) == TEXTS["Russian"]


@given(st.text(st.characters(exclude_characters="\0\x1b\ufeff", exclude_categories=["Cs"])))
def test_utf8_always_comes_back(text):
    assert decode(text.encode()) == text


def test_a_few_damaged_characters_do_not_make_it_another_encoding():
    damaged = TEXTS["Russian"].encode().replace("песке".encode(), b"\xd0\xbf\xff\xd0\xb5")
    assert decode(damaged * 3).count("\ufffd") == 3
    assert "Собака" in decode(damaged)


def test_a_long_ascii_beginning_does_not_hide_the_encoding():
    assert decode(b"plain words\n" * 20_000 + "süß".encode("latin-1")).endswith("süß")


def test_half_a_character_at_the_end_is_no_error():
    assert decode("ende 犬".encode("utf-16")[:-1]).startswith("ende ")
    assert decode(("viele Wörter " * 50 + "ü").encode()[:-1]).startswith("viele Wörter")


@pytest.mark.parametrize("seed", range(10))
def test_binary_data_is_refused(seed):
    noise = np.random.default_rng(seed).integers(0, 256, 3000, dtype=np.uint8).tobytes()
    assert not looks_like_text(noise)
    with pytest.raises(Unreadable):
        decode(noise)


def test_a_zero_in_a_text_makes_it_binary():
    with pytest.raises(Unreadable, match="binary"):
        decode(b"text that turns into\0data")
