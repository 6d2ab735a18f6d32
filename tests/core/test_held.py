"""What is held with a graph: up to so many bytes, and never anyone's own data."""

import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import chainrule as cr
from chainrule.core.held import Held
from chainrule.judging.ground import random_draws


def graph(width=3):
    x, y = cr.Input("x", (2, "m")), cr.Input("y", (width, "m"))
    a = cr.Tanh(cr.Parameter("W", (width, 2)) @ x, name="a")
    return cr.Graph(cr.MSELoss(a, y, name="L"))


def test_what_was_asked_for_longest_ago_makes_room():
    held, found = Held(room=3), []

    def get(key):
        return held.get(key, lambda: found.append(key) or key, lambda _: 1)

    for key in "abcabd":
        get(key)
    assert found == ["a", "b", "c", "d"]
    get("c")
    assert found == ["a", "b", "c", "d", "c"]


def test_more_than_there_is_room_for_is_handed_out_and_not_held():
    held = Held(room=3)
    assert [held.get("large", lambda k=k: k, lambda _: 4) for k in (1, 2)] == [1, 2]


def test_random_data_is_drawn_once_for_a_graph_and_each_seed():
    net = graph()
    first, again = (random_draws(net, 3, given=False) for _ in range(2))
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert random_draws(net, 4, given=False)[0] is not first[0]
    assert random_draws(graph(), 3, given=False)[0] is not first[0]


def test_data_of_ones_own_is_not_held():
    net = graph()
    mine = net.forward({**net.initialize(0), "x": np.ones((2, 5)), "y": np.ones((3, 5))})
    net.check({"da": "2 * (a - y) / m"}, {name: mine[name] for name in ("W", "x", "y")})
    kept = weakref.ref(mine)
    del mine
    gc.collect()
    assert kept() is None
    assert not any(draw.given for draw in random_draws(net, 0, given=True))


def test_a_graph_goes_with_all_that_is_held_with_it():
    net = graph()
    kept = weakref.ref(random_draws(net, 0, given=False)[0])
    assert kept() is not None
    del net
    gc.collect()
    assert kept() is None


def test_what_is_held_is_neither_copied_nor_pickled():
    net = graph(300)
    before = len(pickle.dumps(net))
    random_draws(net, 0, given=False)
    assert len(pickle.dumps(net)) == before


def test_nobody_can_write_to_data_that_others_will_be_judged_on():
    net = graph()

    def spoils(a, dL):
        for array in (a, np.asarray(dL)):
            array[...] = 0
        return a

    assert not net.check({"da": spoils}).ok
    for draw in random_draws(net, 0, given=False):
        assert not any(array.flags.writeable for array in (*draw.values.values(), *draw.gradients.values()))
    assert net.check({"da": "2 * (a - y) / m"}).ok


def test_threads_that_share_a_graph_give_the_same_verdicts():
    net, lines = graph(), {"da": "2 * (a - y) / m", "dW": "(da * a) @ x.T"}
    right = str(graph().check(lines))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: str(net.check(lines)), range(12))) == {right}
