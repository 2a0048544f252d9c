"""PostgreSQL's own: how soon we notice a server that is gone without a word."""

import os
import socket

from sqlalchemy import text

from service.store.engine import connect


def test_it_asks_whether_a_silent_server_is_still_there(postgresql):
    """Who waits for an answer sends nothing, so that only the kernel's own question can find out."""
    url = postgresql.new_database()
    engine = connect(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            descriptor = connection.connection.driver_connection.fileno()
            with socket.socket(fileno=os.dup(descriptor)) as ours:
                assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 15
                assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 15_000
    finally:
        engine.dispose()
        postgresql.drop(url)
