"""Training: the steps of the optimizers, mini-batches of columns, progress, and Ctrl-C."""

import inspect
import io
import re
import sys

import numpy as np
import pytest

import chainrule as cr
import nets
from nets import DNN, load_iris_petals, train
from nets.training import SGD, Adam, Momentum, Optimizer


def parabola():
    """L = (w - 3)²: dw = 2 (w - 3), and the minimum is 3."""
    return cr.Graph(cr.Square(cr.Parameter("w") - 3, name="L"))


def means():
    """L = mean of (w - x)² over the columns, so that the gradient tells which columns a step has seen."""
    w, x = cr.Parameter("w", shape=(1, 1)), cr.Input("x", shape=(1, "m"))
    return cr.Graph(cr.Mean(cr.Square(w - x), name="L"))


def quiet(graph, params, feeds, **options):
    return train(graph, params, feeds, progress=False, **options)


# Compiling once ------------------------------------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch):
    """The optimizers of all steps that were compiled."""
    from chainrule.training import kept_steps

    seen, compile_step = [], kept_steps.compile_step
    monkeypatch.setattr(
        kept_steps, "compile_step", lambda *given, **facts: seen.append(given[-1]) or compile_step(*given, **facts)
    )
    return seen


def test_a_graph_is_compiled_once_for_all_its_trainings(compiled):
    graph = means()
    feeds = {"x": np.array([[1.0, 2.0, 6.0]])}
    found = [quiet(graph, {"w": [[4.0]]}, feeds, optimizer=SGD(0.25), epochs=3).losses for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert compiled == [SGD(0.25)]
    others = [SGD(0.125), Momentum(0.25), SGD(0.25), SGD(np.float32(0.25))]
    for optimizer in others:
        quiet(graph, {"w": [[4.0]]}, feeds, optimizer=optimizer, epochs=2)
    assert compiled == [SGD(0.25), SGD(0.125), Momentum(0.25), SGD(np.float32(0.25))]
    assert quiet(graph, {"w": [[np.float32(4)]]}, feeds, optimizer=SGD(0.25), epochs=2).losses == found[0][:2]


def test_no_array_is_kept_after_a_training(compiled):
    graph = means()
    quiet(graph, {"w": [[4.0]]}, {"x": np.ones((1, 5))}, epochs=2)
    (step,) = graph.kept.values()
    assert [computation.free() for computation in step.plan._computations.values()] == [[]]
    assert not vars(step.plan._local)


RATE = 0.5


def test_what_somebody_else_wrote_is_traced_for_every_training(monkeypatch):
    """A rule or an optimizer may read what has changed since: a variable of a notebook, an attribute."""

    class Scaled(cr.Node):
        def forward(self, x):
            return RATE * x

        def backward(self, grad, y, x):
            return (RATE * grad,)

    class Own(Optimizer):
        rate = 0.5

        def update(self, parameter, gradient, memory):
            return parameter - self.rate * gradient, memory

    graph, own = cr.Graph(cr.Sum(Scaled(cr.Parameter("w")), name="L")), Own()
    assert quiet(graph, {"w": 4.0}, {}, optimizer=SGD(1.0), epochs=1).losses == (2.0,)
    monkeypatch.setitem(globals(), "RATE", 0.25)
    assert quiet(graph, {"w": 4.0}, {}, optimizer=SGD(1.0), epochs=1).losses == (1.0,)
    plain = parabola()
    assert float(quiet(plain, {"w": 4.0}, {}, optimizer=own, epochs=1).params["w"]) == 3.0
    own.rate = 1.0
    assert float(quiet(plain, {"w": 4.0}, {}, optimizer=own, epochs=1).params["w"]) == 2.0


def test_many_steps_are_compiled_into_a_loop_unless_a_backend_is_told(monkeypatch):
    monkeypatch.setattr(sys.modules["chainrule.training.train"], "MANY_STEPS", 6)
    feeds = {"x": np.array([[1.0, 2.0, 6.0]])}

    def backend(**options):
        graph = means()
        quiet(graph, {"w": [[4.0]]}, feeds, **options)
        (step,) = graph.kept.values()
        return step.plan.backend

    assert [backend(epochs=5), backend(epochs=6), backend(epochs=2, batch_size=1)] == ["numpy", "auto", "auto"]
    assert [backend(epochs=6, backend="numpy"), backend(epochs=1, backend="auto")] == ["numpy", "auto"]


# Optimizers ----------------------------------------------------------------------------------------------------------


def test_gradient_descent_shrinks_the_distance_by_a_known_factor():
    history = quiet(parabola(), {"w": 11.0}, {}, optimizer=SGD(0.125), epochs=20)
    # Each step multiplies w - 3 by 1 - 2 · 0.125 = 0.75, exactly at first; the loss is its square.
    assert float(history.params["w"]) == pytest.approx(3 + 8 * 0.75**20, rel=1e-14)
    assert history.losses == pytest.approx([(8 * 0.75**k) ** 2 for k in range(20)], rel=1e-12)


def test_momentum_follows_its_recurrence():
    history = quiet(parabola(), {"w": 11.0}, {}, optimizer=Momentum(rate=0.1, decay=0.5), epochs=25)
    w, v = 11.0, 0.0
    for _ in range(25):
        v = 0.5 * v + 2 * (w - 3)
        w -= 0.1 * v
    assert float(history.params["w"]) == pytest.approx(w, rel=1e-13)


def test_momentum_without_decay_is_gradient_descent():
    plain = quiet(parabola(), {"w": 11.0}, {}, optimizer=SGD(0.1), epochs=9)
    assert quiet(parabola(), {"w": 11.0}, {}, optimizer=Momentum(0.1, decay=0), epochs=9).losses == plain.losses


def test_adam_moves_by_its_rate_at_first_whatever_the_scale_of_the_gradient():
    for scale in (1e-3, 1.0, 1e6):
        w = cr.Parameter("w")
        history = quiet(cr.Graph(cr.Multiply(scale, w, name="L")), {"w": 5.0}, {}, optimizer=Adam(0.01), epochs=3)
        # A constant gradient leaves M / √S = 1 once both are corrected, but for epsilon = 1e-8 beside 1e-3.
        assert float(history.params["w"]) == pytest.approx(5 - 3 * 0.01, rel=1e-7)


def test_adam_follows_the_published_algorithm():
    history = quiet(parabola(), {"w": 11.0}, {}, optimizer=Adam(rate=0.3), epochs=40)
    w, m, v = 11.0, 0.0, 0.0
    for t in range(1, 41):
        g = 2 * (w - 3)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w -= 0.3 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
    assert float(history.params["w"]) == pytest.approx(w, rel=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.02), Adam(0.1)])
def test_every_optimizer_reaches_the_minimum(optimizer):
    history = quiet(parabola(), {"w": -5.0}, {}, optimizer=optimizer, epochs=600)
    assert float(history.params["w"]) == pytest.approx(3, abs=1e-3)


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1), Adam(0.1)])
def test_an_optimizer_keeps_nothing_between_trainings(optimizer):
    first = quiet(parabola(), {"w": 11.0}, {}, optimizer=optimizer, epochs=5)
    assert quiet(parabola(), {"w": 11.0}, {}, optimizer=optimizer, epochs=5).losses == first.losses


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1), Adam(0.1)])
def test_an_update_changes_nothing_in_place(optimizer):
    array, gradient = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    memory = optimizer.start(array)
    for given in (array, gradient, *memory):
        given.flags.writeable = False
    new, _ = optimizer.update(array, gradient, memory)
    assert new.tolist() != [1, 2]


# What goes in and what comes out -------------------------------------------------------------------------------------


def test_the_losses_are_those_before_each_step():
    history = quiet(parabola(), {"w": 4.0}, {}, optimizer=SGD(0.5), epochs=3)
    assert history.losses == (1, 0, 0)
    assert history.params.keys() == {"w"}
    assert not history.interrupted
    assert repr(history) == "<History: 3 steps, loss 1 → 0>"


def test_nothing_handed_in_is_changed():
    x = np.arange(6.0).reshape(1, 6)
    params, feeds = {"w": np.zeros((1, 1))}, {"x": x}
    x.flags.writeable = params["w"].flags.writeable = False
    history = quiet(means(), params, feeds, epochs=4, batch_size=4)
    assert params["w"].tolist() == [[0]]
    assert feeds["x"] is x
    assert history.params["w"] is not params["w"]


def test_lists_and_whole_numbers_are_taken():
    history = quiet(means(), {"w": [[0]]}, {"x": [[1, 2, 6]]}, optimizer=SGD(0.25), epochs=1)
    assert history.params["w"].tolist() == [[1.5]]  # dw = 2 (0 - 3), and 0.25 of it


def test_float32_parameters_stay_float32():
    for optimizer in (SGD(0.1), Momentum(0.1), Adam(0.1)):
        start = {"w": np.zeros((1, 1), np.float32)}
        history = quiet(means(), start, {"x": np.ones((1, 4))}, optimizer=optimizer, epochs=3)
        assert history.params["w"].dtype == np.float32


def test_a_parameter_among_the_feeds_does_not_move():
    w, b = cr.Parameter("w"), cr.Parameter("b")
    graph = cr.Graph(cr.Square(w + b - 3, name="L"))
    history = quiet(graph, {"w": 0.0}, {"b": 1.0}, optimizer=SGD(0.5), epochs=1)
    assert {name: float(value) for name, value in history.params.items()} == {"w": 2}


def test_an_input_among_the_parameters_is_learned():
    history = quiet(means(), {"x": np.zeros((1, 2))}, {"w": [[5.0]]}, optimizer=SGD(1.0), epochs=1)
    assert history.params["x"].tolist() == [[5, 5]]  # dx = 2 (0 - 5) / 2


def test_a_graph_with_two_outputs_is_refused():
    w = cr.Parameter("w")
    with pytest.raises(cr.errors.ArgumentError, match="one output"):
        quiet(cr.Graph(w * 2, w * 3), {"w": 1.0}, {})


@pytest.mark.parametrize("options", [{"epochs": 0}, {"batch_size": 0}, {"epochs": -1}, {"batch_size": -5}])
def test_counts_below_one_are_refused(options):
    with pytest.raises(cr.errors.ArgumentError, match="at least 1"):
        quiet(means(), {"w": [[0.0]]}, {"x": [[1.0]]}, **options)


def test_missing_feeds_are_reported_by_the_graph():
    with pytest.raises(cr.errors.FeedError, match="'x'"):
        quiet(means(), {"w": [[0.0]]}, {})


# Mini-batches --------------------------------------------------------------------------------------------------------


class Recorder(Optimizer):
    """Moves nothing and remembers every gradient, for the test to tell columns apart; no symbol passes."""

    def __init__(self):
        self.seen = []

    def update(self, parameter, gradient, memory):
        self.seen.append(gradient.item())
        return parameter, memory


def columns_of_steps(size, batch_size, epochs=1, seed=0):
    """Which columns each step saw: column k of x is 2^k, so that a sum tells its terms."""
    w, x = cr.Parameter("w", shape=(1, 1)), cr.Input("x", shape=(1, "m"))
    recorder = Recorder()
    graph = cr.Graph(cr.Sum(w * x, name="L"))
    feeds = {"x": 2.0 ** np.arange(size)[None]}
    quiet(graph, {"w": [[1.0]]}, feeds, optimizer=recorder, epochs=epochs, batch_size=batch_size, seed=seed)
    return [{k for k in range(size) if int(step) >> k & 1} for step in recorder.seen]


def test_an_epoch_sees_every_column_once_and_the_last_step_what_is_left():
    steps = columns_of_steps(size=10, batch_size=4)
    assert [len(step) for step in steps] == [4, 4, 2]
    assert set.union(*steps) == set(range(10))


def test_columns_are_shuffled_anew_in_every_epoch():
    steps = columns_of_steps(size=30, batch_size=15, epochs=3)
    assert steps[0] != set(range(15))
    assert len({frozenset(step) for step in steps}) == 6


def test_the_seed_decides_the_order():
    assert columns_of_steps(20, 5, seed=1) == columns_of_steps(20, 5, seed=1) != columns_of_steps(20, 5, seed=2)


def test_a_batch_size_beyond_all_columns_takes_them_all():
    assert columns_of_steps(size=5, batch_size=100, epochs=2) == [set(range(5))] * 2


def test_without_a_batch_size_every_step_sees_all_columns():
    assert columns_of_steps(size=5, batch_size=None, epochs=3) == [set(range(5))] * 3


def test_feeds_are_cut_along_the_named_dimension_and_stay_together():
    # Columns of A, rows of B and entries of ids belong together; C has no such dimension and is fed whole.
    A, B = cr.Input("A", shape=(2, "m")), cr.Input("B", shape=("m", 3))
    ids, C = cr.Input("ids", shape=("m",), dtype=int), cr.Input("C", shape=(4, 5))
    table = cr.Parameter("table", shape=(2, 7))
    graph = cr.Graph(cr.Add(cr.Sum((A - cr.Gather(table, ids, axis=1)) @ B), cr.Sum(C), name="L"))
    numbers = np.arange(7.0)
    feeds = {
        "A": np.stack([numbers, numbers]),
        "B": np.ones((7, 3)),
        "ids": np.arange(7),
        "C": np.zeros((4, 5)),
    }
    history = quiet(graph, {"table": feeds["A"]}, feeds, optimizer=SGD(0.0), epochs=5, batch_size=3)
    assert len(history.losses) == 15
    assert set(history.losses) == {0.0}  # any mismatch between A and ids would leave a difference


def test_another_dimension_can_be_cut():
    x = cr.Input("x", shape=("n", 2))
    graph = cr.Graph(cr.Sum(x * cr.Parameter("w"), name="L"))
    history = quiet(graph, {"w": 1.0}, {"x": np.ones((6, 2))}, optimizer=SGD(0.0), epochs=1, batch_size=4, columns="n")
    assert history.losses == (8, 4)


def test_feeds_that_differ_in_their_number_of_columns_are_refused_before_any_step():
    x, y = cr.Input("x", shape=(1, "m")), cr.Input("y", shape=(1, "m"))
    graph = cr.Graph(cr.Sum(cr.Parameter("w") * (x - y), name="L"))
    with pytest.raises(ValueError, match=r"x \(1, 6\), y \(1, 8\)"):
        quiet(graph, {"w": 1.0}, {"x": np.ones((1, 6)), "y": np.ones((1, 8))}, batch_size=2)


@pytest.mark.parametrize("x", [np.ones((1, 0)), np.ones(6), 3.0])
def test_feeds_without_columns_cannot_be_cut(x):
    with pytest.raises(ValueError, match="mini-batches"):
        quiet(means(), {"w": [[1.0]]}, {"x": x}, batch_size=2)
    with pytest.raises(ValueError, match="none has any"):
        quiet(parabola(), {"w": 1.0}, {}, batch_size=2)


# Progress ------------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Text in memory that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("epochs", [10, 11, 19, 100, 1234])
def test_ten_lines_in_a_pipe(epochs):
    stream = io.StringIO()
    train(parabola(), {"w": 11.0}, {}, epochs=epochs, progress=stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith(f"step {epochs}/{epochs}   loss ")
    assert "\r" not in stream.getvalue()
    assert [line.rstrip() for line in lines] == lines


def test_one_line_a_step_when_there_are_fewer_than_ten():
    stream = io.StringIO()
    train(parabola(), {"w": 11.0}, {}, epochs=3, optimizer=SGD(0.25), progress=stream)
    assert stream.getvalue() == "step 1/3   loss 64\nstep 2/3   loss 16\nstep 3/3   loss 4\n"


def test_a_bar_on_a_terminal_redraws_one_line():
    stream = Terminal()
    train(parabola(), {"w": 11.0}, {}, epochs=1000, progress=stream)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    pictures = text.split("\r")[1:]
    assert len(pictures) == 101  # after the first step, and at every percent
    assert max(map(len, pictures)) <= 80
    filled = [re.match(r"\[(#*) *\]", picture)[1] for picture in pictures]
    assert filled[0] == ""
    assert filled[-1] == "#" * 25
    assert filled == sorted(filled)


def test_a_shorter_picture_covers_the_longer_one_before_it():
    stream = Terminal()
    train(parabola(), {"w": 11.0}, {}, epochs=1000, progress=stream)
    assert len({len(picture.rstrip("\n")) for picture in stream.getvalue().split("\r")[1:]}) == 1


def test_standard_output_is_used_unless_told_otherwise(capsys):
    train(parabola(), {"w": 11.0}, {}, epochs=20)
    assert len(capsys.readouterr().out.splitlines()) == 10
    train(parabola(), {"w": 11.0}, {}, epochs=20, progress=False)
    assert capsys.readouterr().out == ""
    train(parabola(), {"w": 11.0}, {}, epochs=20, progress=sys.stderr)
    assert len(capsys.readouterr().err.splitlines()) == 10


# Ctrl-C --------------------------------------------------------------------------------------------------------------


class Interrupting(Optimizer):
    """Gradient descent during which Ctrl-C comes at the given update, two of which make a step here."""

    def __init__(self, at):
        self.updates, self.at = 0, at

    def update(self, parameter, gradient, memory):
        gradient.item()  # no symbol passes, so that every update is a call
        self.updates += 1
        if self.updates == self.at:
            raise KeyboardInterrupt
        return parameter - 0.1 * gradient, memory


def two_parameters():
    return cr.Graph(cr.Square(cr.Parameter("a") + cr.Parameter("b") - 3, name="L"))


@pytest.mark.parametrize(("at", "complete"), [(1, 0), (2, 0), (7, 3), (8, 3)])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_an_interrupt_keeps_the_last_complete_step(at, complete, stream):
    start = {"a": 0.0, "b": 1.0}
    stream = stream()
    history = train(two_parameters(), start, {}, optimizer=Interrupting(at), epochs=9, progress=stream)
    assert history.interrupted
    assert len(history.losses) == complete
    assert "interrupted" in repr(history)
    assert stream.getvalue() == "" or stream.getvalue().endswith("\n")
    whole = quiet(two_parameters(), start, {}, optimizer=SGD(0.1), epochs=9)
    assert history.losses == whole.losses[:complete]
    expected = quiet(two_parameters(), start, {}, optimizer=SGD(0.1), epochs=complete).params if complete else start
    assert {k: float(v) for k, v in history.params.items()} == {k: float(v) for k, v in expected.items()}


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_an_interrupt_inside_a_rule_is_no_rule_error(way):
    calls = []

    class Pressed(cr.Node):
        """y = x², until Ctrl-C is pressed."""

        def forward(self, x):
            self.press("forward", x)
            return x * x

        def backward(self, grad, y, x):
            self.press("backward", x)
            return (2 * grad * x,)

        def press(self, where, x):
            float(x)  # no symbol passes, so that the plan calls the rule at every step
            calls.append(where)
            if calls.count(way) == 6 and where == way:
                raise KeyboardInterrupt

    graph = cr.Graph(Pressed(cr.Parameter("w"), name="L"))
    calls.clear()  # the shape of the rule was learned by calling it
    history = quiet(graph, {"w": 1.0}, {}, optimizer=SGD(0.1), epochs=9)
    assert history.interrupted
    assert len(history.losses) == 5
    assert float(history.params["w"]) == pytest.approx(0.8**5, rel=1e-15)


def interrupt_before_line(number):
    """A trace function that presses Ctrl-C before the given line, counted as they run, of the loop in `train`."""
    lines, first = inspect.getsourcelines(train)
    loop = range(*(first + k for k, line in enumerate(lines) if "for found, moved in" in line or "except Keyb" in line))
    seen = []

    def trace(frame, event, argument):
        if frame.f_code is not train.__code__:
            return None
        if event == "line" and frame.f_lineno in loop:
            seen.append(frame.f_lineno)
            if len(seen) == number:
                raise KeyboardInterrupt
        return trace

    return trace


@pytest.mark.parametrize("number", range(1, 32))
def test_an_interrupt_before_any_line_leaves_losses_and_parameters_of_the_same_step(number):
    before = sys.gettrace()
    sys.settrace(interrupt_before_line(number))
    try:
        history = quiet(parabola(), {"w": 11.0}, {}, optimizer=SGD(0.25), epochs=5)
    finally:
        sys.settrace(before)
    # SGD(0.25) halves w - 3 in every step, exactly.
    steps = len(history.losses)
    assert history.interrupted
    assert float(history.params["w"]) == 3 + 8 / 2**steps
    assert history.losses == tuple((8 / 2**k) ** 2 for k in range(steps))


def test_parameters_that_have_not_moved_are_copies_too():
    start = {"a": np.array(0.0), "b": np.array(1.0)}
    history = quiet(two_parameters(), start, {}, optimizer=Interrupting(1))
    assert history.losses == ()
    history.params["a"][...] = 7
    assert float(start["a"]) == 0


def test_an_interrupt_while_progress_is_written_keeps_the_step():
    class Breaking(io.StringIO):
        def write(self, text):
            if text.startswith("step 4"):
                raise KeyboardInterrupt
            return super().write(text)

    history = train(parabola(), {"w": 11.0}, {}, optimizer=SGD(0.25), epochs=9, progress=Breaking())
    assert history.interrupted
    assert history.losses == (64, 16, 4, 1)
    assert float(history.params["w"]) == 3.5


def test_training_goes_on_from_where_it_was_interrupted():
    start = {"a": 0.0, "b": 1.0}
    broken = quiet(two_parameters(), start, {}, optimizer=Interrupting(8), epochs=9)
    rest = quiet(two_parameters(), broken.params, {}, optimizer=SGD(0.1), epochs=9 - len(broken.losses))
    whole = quiet(two_parameters(), start, {}, optimizer=SGD(0.1), epochs=9)
    assert broken.losses + rest.losses == whole.losses


def test_other_exceptions_are_not_swallowed():
    class Failing(Optimizer):
        def update(self, parameter, gradient, memory):
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        quiet(parabola(), {"w": 1.0}, {}, optimizer=Failing())


# The network of the project ------------------------------------------------------------------------------------------


def test_the_iris_network_learns():
    X, Y = load_iris_petals()
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    net = DNN()
    history = quiet(net.fused, net.params, {"A0": X, "Y": Y}, optimizer=SGD(0.5), epochs=2000)
    net.params = history.params
    assert history.losses[0] > 0.6
    assert history.losses[-1] < 0.15
    assert (net.predict(X) == Y).mean() >= 0.93


def test_mini_batches_train_the_iris_network_too():
    X, Y = load_iris_petals()
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    net = DNN()
    history = quiet(net.fused, net.params, {"A0": X, "Y": Y}, optimizer=Momentum(0.1), epochs=150, batch_size=32)
    net.params = history.params
    assert len(history.losses) == 150 * 4
    assert (net.predict(X) == Y).mean() >= 0.93


# The names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Adam", "History", "Momentum", "Optimizer", "SGD", "train"])
def test_nets_keeps_its_names_for_what_chainrule_has(name):
    assert getattr(nets, name) is getattr(nets.training, name) is getattr(cr, name)
