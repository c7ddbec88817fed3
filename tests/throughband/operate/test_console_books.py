"""What the console's database is told of notices."""

from throughband.operate.config_entries import DatabaseEntry
from throughband.operate.console_books import ConsoleBooks
from throughband.setting import Setting
from throughband.store import open_store
from throughband.store.rows import NoticeState

from .cases import NOON
from .office_cases import NETWORK


class Named:
    name = "street"


def event(what, trouble=""):
    return {
        "event": f"operate: {what}",
        "utc": NOON.isoformat(),
        "channel": "email",
        "number": "n1",
        "text": "d1 is silent",
        "made_utc": NOON.isoformat(),
        "trouble": trouble,
    }


def test_a_notice_is_one_row_that_says_what_became_of_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'console.sqlite'}"
    books = ConsoleBooks(
        DatabaseEntry(url=url),
        tmp_path / "journal.sqlite",
        Setting(Named(), None, NETWORK),
        "street",
        tmp_path / "plans",
        lambda: NOON,
        {"email": "engineer@example.org"},
    )
    books.take(event("notice not taken", "no route"))
    books.take(event("notice not taken", "no route"))
    store = open_store(url, backups=None)
    try:
        (row,) = store.notices.listed()
        assert (row.state, row.trouble) == (NoticeState.FAILED, "no route")
        assert row.recipient == "engineer@example.org"
        for _ in range(2):
            books.take(event("notice sent"))
        (row,) = store.notices.listed()
        assert (row.state, row.sent_utc) == (NoticeState.SENT, NOON)
        # Told again after a crash: what was sent stays sent.
        books.take(event("notice not taken", "no route"))
        assert store.notices.listed()[0].state is NoticeState.SENT
    finally:
        store.close()
        books.close()
