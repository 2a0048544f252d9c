"""The version of the store: the same while nobody writes, another one whoever writes."""

from service.store import Store
from tests.builders import policy


def test_it_is_the_same_while_nobody_writes(house):
    house.open()
    version = house.store.version()
    house.snapshot()
    house.get(1)
    assert house.store.version() == version


def test_it_is_another_after_each_commit(house):
    seen = {house.store.version()}
    for _ in range(5):
        house.open()
        seen.add(house.store.version())
    assert len(seen) == 6


def test_it_is_another_after_somebody_else_wrote(house, database_url):
    version = house.store.version()
    other = Store.beside(database_url, policy())
    with other._write() as connection:
        connection.exec_driver_sql("update totals set number = number + 1")
        columns = "indicator, severity, resolution_source, le, number, seconds"
        connection.exec_driver_sql(f"insert into totals ({columns}) values ('x', '', '', 0, 1, 0)")
    other.close()
    assert house.store.version() != version
