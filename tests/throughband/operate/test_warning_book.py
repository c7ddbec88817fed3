import json

import pytest

from network.errors import ThroughbandError
from throughband.operate.warning_book import BookRule, Kind, Sighting, Warned, WarningBook

from .cases import NOON, minutes, sighting

RULE = BookRule(2, 2, minutes(30))


def told(news):
    return [(each.what, each.warned.sighting.where) for each in news]


def test_a_cause_is_told_once_when_it_was_seen_often_enough():
    book = WarningBook(RULE)
    assert told(book.look([sighting()], NOON)) == []
    assert told(book.look([sighting()], NOON)) == [("raised", "d1")]
    for _ in range(20):
        assert told(book.look([sighting()], NOON)) == []
    assert len(book.open) == 1


def test_a_fact_is_told_at_once():
    book = WarningBook(RULE)
    assert told(book.look([sighting()], NOON, at_once=[Kind.DETECTOR])) == [("raised", "d1")]


def test_a_warning_is_over_after_it_was_absent_often_enough():
    book = WarningBook(BookRule(1, 2))
    book.look([sighting()], NOON)
    assert told(book.look([], NOON)) == []
    assert told(book.look([], NOON + minutes(5))) == [("cleared", "d1")]
    assert book.open == ()


def test_a_flickering_cause_raises_one_warning():
    book = WarningBook(RULE)
    news = []
    for at in range(40):
        news += book.look([sighting()] if at % 2 else [], NOON + minutes(at))
    assert told(news) == []


def test_what_comes_back_soon_is_the_same_warning():
    book = WarningBook(BookRule(1, 1, minutes(30)))
    assert told(book.look([sighting()], NOON)) == [("raised", "d1")]
    assert told(book.look([], NOON + minutes(5))) == [("cleared", "d1")]
    assert told(book.look([sighting()], NOON + minutes(10))) == [("back", "d1")]
    book.look([], NOON + minutes(15))
    book.look([], NOON + minutes(50))
    assert told(book.look([sighting()], NOON + minutes(55))) == [("raised", "d1")]


def test_nothing_is_over_because_nobody_looked():
    book = WarningBook(BookRule(1, 1))
    book.look([sighting()], NOON)
    assert told(book.look([], NOON, blind=[Kind.DETECTOR])) == []
    assert len(book.open) == 1


def test_an_open_warning_keeps_its_earliest_begin():
    book = WarningBook(BookRule(1, 1))
    book.look([sighting(at=NOON)], NOON)
    book.look([sighting(at=NOON + minutes(7))], NOON)
    assert book.open[0].sighting.since_utc == NOON


def test_a_book_forgets_what_is_long_over():
    book = WarningBook(BookRule(2, 2, minutes(30)))
    for at in range(1000):
        book.look([sighting(f"d{at}")], NOON + minutes(5 * at))
    assert len(book.kept) < 10


def test_warnings_survive_a_restart():
    book = WarningBook(RULE)
    book.look([sighting(), sighting("d2")], NOON)
    book.look([sighting()], NOON + minutes(5))
    kept = json.loads(json.dumps([each.to_dict() for each in book.kept]))
    again = WarningBook(RULE, [Warned.from_dict(each) for each in kept])
    assert again.kept == book.kept


def test_more_than_certain_is_refused():
    with pytest.raises(ThroughbandError, match="allowed are 0 to 1"):
        Sighting(Kind.QUEUE, "x", NOON, 1.1, "")
