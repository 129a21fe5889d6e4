"""The socket on which pages are served."""

from __future__ import annotations

import socket

import pytest

from gonogo.errors import Broken
from gonogo.web.serving import Address, bound_to


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head() -> None:
    with bound_to(Address("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_an_address_that_is_taken_is_named_with_the_way_out() -> None:
    with bound_to(Address("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(Broken, match="cannot listen") as caught:
            bound_to(Address("127.0.0.1", port))
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "--port 0" in str(caught.value)
