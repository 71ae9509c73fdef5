from __future__ import annotations

import pytest

from harness.backends.names import find_by_name
from harness.errors import ModelError


@pytest.mark.parametrize("wanted", ["Net/Out", "Net/Out:0"])
@pytest.mark.parametrize("there", ["Net/Out", "Net/Out:0"])
def test_with_and_without_the_port(wanted: str, there: str) -> None:
    assert find_by_name(wanted, {"other": 1, there: 2}, what="output", model="m") == 2


def test_another_port_is_another_name() -> None:
    with pytest.raises(ModelError, match="has no output 'Net/Out:1'"):
        find_by_name("Net/Out:1", {"Net/Out:0": 1}, what="output", model="m")


def test_the_nearest_and_the_list() -> None:
    with pytest.raises(ModelError) as caught:
        find_by_name("Net/Sofmax", {"Net/Softmax:0": 1, "Net/Logits": 2, "Net/Softmax": 1}, what="output", model="m.pb")
    assert str(caught.value) == (
        "m.pb: has no output 'Net/Sofmax'; did you mean 'Net/Softmax'? Available: Net/Softmax, Net/Logits"
    )


def test_nothing_alike_and_nothing_at_all() -> None:
    with pytest.raises(ModelError, match=r"^m: has no input 'zzz'; available: input$"):
        find_by_name("zzz", {"input": 1}, what="input", model="m")
    with pytest.raises(ModelError, match=r"^m: has no input 'zzz'; available: none$"):
        find_by_name("zzz", {}, what="input", model="m")


def test_a_long_list_is_cut() -> None:
    with pytest.raises(ModelError, match=r"n18, n19, \.\.\.$"):
        find_by_name("qqq", {f"n{number}": number for number in range(50)}, what="output", model="m")
