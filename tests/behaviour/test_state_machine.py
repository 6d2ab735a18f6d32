"""A machine that grows a graph and builds, runs, fuses, expands, compiles, copies and pickles it in any order.

Whatever comes out is held against the first run of the graph, and that against dual numbers. Every node of the sketch
has a name, so that its value and its gradient are found again in every rewritten graph. The short profile of
tests/conftest.py is the same in every run; `pytest --hypothesis-profile=long
tests/behaviour/test_state_machine.py` tries new machines for some minutes.
"""

import copy
import pickle

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from random_graphs import KINDS, SHAPES, Sketch, collect, evaluator

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError
from chainrule.plan.plan import compile_graph

# Two ways to one number, some hundred roundings of 1e-16 apart, relative to the largest of what was added up to it. An
# array that cancels is judged by the largest gradient of all (a softmax over one entry has gradients of exactly 0).
TOLERANCE = 1e-11
FLOOR = 1e-2
M, K = 11, 6  # the sizes behind the names: no other axis has them
NAMED = {("m",): (M,), (1, "m"): (1, M), (3, "m"): (3, M), ("k", "m"): (K, M), (2, "k"): (2, K)}
NODES = 40  # a graph grows no further

seeds = st.integers(0, 2**32 - 1)
places = st.integers(0, 10**6)  # which one of what there is
layers = st.lists(st.sampled_from(["Layer 1", "Layer 2", "σ <b>"]), max_size=2)


class Machine(RuleBasedStateMachine):
    """A sketch that grows; the graph built from it last; what was made of that graph."""

    @initialize(seed=seeds, shapes=st.lists(st.sampled_from(SHAPES), min_size=2, max_size=3), named=st.booleans())
    def start(self, seed, shapes, named):
        self.sketch = Sketch(seed, named=True)
        self.named = named
        for shape in shapes:
            self.sketch.leaf(shape)
        for shape in NAMED if named else ():
            self.named_leaf(shape)
        self.graph = None
        self.graphs, self.plans, self.runs = [], [], []

    def named_leaf(self, shape):
        """The leaf as an Input whose axes are named."""
        k = self.sketch.leaf(NAMED[shape])
        self.sketch.nodes[k] = cr.Input(self.sketch.nodes[k].name, shape)

    def pick(self, made, place):
        return made[place % len(made)]

    # --- growing -----------------------------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(KINDS), seed=seeds, inside=layers)
    def grow(self, kind, seed, inside):
        """One more step, in some layers; a kind that writes the number 11 where an axis is called m is refused."""
        sketch = self.sketch
        if len(sketch.nodes) >= NODES:
            return
        before = len(sketch.nodes), set(sketch.used), dict(sketch.feeds), list(sketch.moving)
        sketch.rng = np.random.default_rng(seed)
        try:
            within(inside, lambda: kind(sketch))
        except (ShapeError, ArgumentError):  # or normalizes along the axis of the examples
            if not self.named:
                raise
            size, sketch.used, sketch.feeds, sketch.moving = before
            del sketch.nodes[size:], sketch.steps[size:], sketch.values[size:]

    @rule(place=places, inside=layers)
    def use_twice(self, place, inside):
        """A node that meets itself: a repeated argument, and two consumers of one node."""
        if len(self.sketch.nodes) >= NODES:
            return
        k = place % len(self.sketch.nodes)
        if self.sketch.largest(k) < 2:
            within(inside, lambda: self.sketch.add(lambda x: x * x + x, lambda x: x * x + x, k))

    # --- building ----------------------------------------------------------------------------------------------------

    @rule(place=places, seed=seeds)
    def build(self, place, seed):
        """The graph of all that was drawn, with something watched; its run is what all others are held against."""
        ends = copy.copy(self.sketch)
        for name in ("nodes", "steps", "values", "moving"):
            setattr(ends, name, list(getattr(self.sketch, name)))
        ends.used, ends.feeds, ends.rng = set(self.sketch.used), dict(self.sketch.feeds), np.random.default_rng(seed)
        loss, last = collect(ends)
        self.graph = cr.Graph(loss, watch=[self.pick(ends.nodes, place)])
        self.feeds = {name: sealed(value) for name, value in ends.feeds.items() if name in self.graph}
        self.untouched = {name: value.copy() for name, value in self.feeds.items()}
        self.run = self.graph.forward(self.feeds)
        self.run.backward()
        self.table = str(self.graph)
        self.graphs, self.plans, self.runs = [self.graph], [], [self.run]
        self.check_against_dual_numbers(evaluator(tuple(ends.steps), last), tuple(ends.moving), ends.feeds)

    def check_against_dual_numbers(self, compute, moving, feeds):
        """Value and slope along one direction for all leaves, and along one for each."""
        from dual import Dual

        rng = np.random.default_rng(0)
        whole = {name: rng.normal(size=np.shape(feeds[name])) for name in moving}
        gradients = self.run.gradients
        for direction in (whole, *({name: array} for name, array in whole.items())):
            expected = compute({name: Dual(feeds[name], direction.get(name, 0.0)) for name in moving})
            terms = [gradients[name] * array for name, array in direction.items() if name in gradients]
            slope, size = sum(t.sum() for t in terms), sum(np.abs(t).sum() for t in terms)
            assert abs(self.run[self.graph.outputs[0]] - expected.value) <= TOLERANCE * max(abs(expected.value), 1)
            assert abs(slope - expected.tangent) <= TOLERANCE * max(size, FLOOR), list(direction)

    built = precondition(lambda self: self.graph is not None)

    # --- what is made of a graph -------------------------------------------------------------------------------------

    @built
    @rule(place=places)
    def fuse(self, place):
        graph = self.pick(self.graphs, place)
        self.keep(graph.fuse(), from_=graph)

    @built
    @rule(place=places)
    def expand_all(self, place):
        graph = self.pick(self.graphs, place)
        self.keep(graph.expand(), from_=graph)

    @built
    @rule(place=places, which=places)
    def expand_one(self, place, which):
        graph = self.pick(self.graphs, place)
        if opened := [node for node in graph if type(node).expand is not cr.Node.expand]:
            self.keep(graph.expand(self.pick(opened, which)), from_=graph)

    def keep(self, graph, from_):
        """A rewritten graph: the same under the same names, and the first one still prints as it did."""
        assert graph.outputs[0].name == from_.outputs[0].name
        run = graph.forward(self.feeds)
        run.backward()
        self.compare(run)
        self.graphs.append(graph)

    @built
    @rule(place=places, by=st.sampled_from([copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]))
    def copy_graph(self, place, by):
        graph = self.pick(self.graphs, place)
        twin = by(graph)
        assert str(twin) == str(graph)
        assert twin.names == graph.names
        assert [node.layer for node in twin] == [node.layer for node in graph]
        self.same_bits(twin.forward(self.feeds), graph.forward(self.feeds))
        self.graphs.append(twin)

    @built
    @rule(place=places, by=st.sampled_from([copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]))
    def copy_run(self, place, by):
        """A copy of a run holds what the run held, and sweeps to the same gradients."""
        run = self.pick(self.runs, place)
        twin = by(run)
        for name in run.gradients:
            np.testing.assert_array_equal(twin.gradients[name], run.gradients[name])
            assert len(twin.contributions(name)) == len(run.contributions(name))
        twin.backward()
        self.same_bits(twin, run)
        self.runs.append(twin)

    @built
    @rule(place=places)
    def copy_node(self, place):
        """A node through pickle, and everything it reads: a graph of its own with the same value."""
        node = self.pick(self.graph.order, place)
        twin = pickle.loads(pickle.dumps(node))
        graph = cr.Graph(twin)
        run = graph.forward({name: value for name, value in self.feeds.items() if name in graph})
        np.testing.assert_array_equal(run[twin], self.run[node])

    @built
    @rule(place=places)
    def share(self, place):
        """A node in a graph of its own, together with the graph it stands in: one subgraph, two graphs."""
        node = self.pick(self.graph.order, place)
        part = cr.Graph(node, watch=[self.graph.outputs[0]])
        run = part.forward(self.feeds)
        assert all(run[each].tobytes() == self.run[each].tobytes() for each in self.graph)
        run.backward(seed=np.ones_like(run[node]))
        self.run.backward()
        self.same_bits(self.run, self.runs[0])

    # --- running -----------------------------------------------------------------------------------------------------

    @built
    @rule(place=places)
    def run_again(self, place):
        graph = self.pick(self.graphs, place)
        first, second = graph.forward(self.feeds), graph.forward({graph[n]: v for n, v in self.feeds.items()})
        first.backward()
        first.backward()
        second.backward()
        self.same_bits(first, second)
        self.compare(first)
        self.runs.append(first)

    @built
    @rule(place=places, every=st.booleans())
    def compile(self, place, every):
        """A plan for all gradients that the graph and its fused form both have, or for the parameters'."""
        graph = self.pick(self.graphs, place)
        fused = graph.fuse()
        sweep = fused.forward(self.feeds)
        names = [name for name in sweep.backward() if name in graph and name not in self.lost()] if every else None
        self.plans.append(compile_graph(graph, names))

    @precondition(lambda self: self.plans)
    @rule(place=places)
    def run_plan(self, place):
        plan = self.pick(self.plans, place)
        loss, gradients = plan(self.feeds)
        again, same = plan(self.feeds)
        assert loss.tobytes() == again.tobytes()
        assert all(same[name].tobytes() == gradient.tobytes() for name, gradient in gradients.items())
        self.close(loss, self.run[self.graph.outputs[0]], 1.0, "loss")
        for name in gradients.keys() & self.run.gradients.keys() & self.own() - self.lost():
            self.close(gradients[name], self.run.gradients[name], self.scale(name), name)

    @precondition(lambda self: self.plans)
    @rule(place=places)
    def copy_plan(self, place):
        plan = self.pick(self.plans, place)
        twin = pickle.loads(pickle.dumps(plan))
        assert twin(self.feeds)[0].tobytes() == plan(self.feeds)[0].tobytes()
        assert twin.source == plan.source
        self.plans.append(twin)

    @precondition(lambda self: self.graph is not None and len(self.graph) < 40)
    @rule(place=places)
    def derive(self, place):
        graph = self.pick(self.graphs, place)
        twin = pickle.loads(pickle.dumps(graph))
        assert str(graph.derivation()) == str(twin.derivation())
        assert graph.draw().dot == twin.draw().dot

    # --- comparing ---------------------------------------------------------------------------------------------------

    def own(self):
        """The names that nodes have of their own; the others count nodes of a kind, and differ from graph to graph."""
        return {node.name for node in self.graph if node.name is not None}

    def lost(self):
        """Activations that a fused loss reads past: what is left of their gradient is another one."""
        pairs = [n.inputs[0] for n in self.graph if isinstance(n, (cr.BCELoss, cr.CrossEntropyLoss))]
        return {node.name for node in pairs}

    def scale(self, name):
        """The most that was added up to a gradient, and a hundredth of the largest gradient of all."""
        sent = sum(np.abs(use.gradient).max(initial=0) for use in self.run.contributions(name))
        return max(sent, FLOOR * max(np.abs(gradient).max(initial=0) for gradient in self.run.gradients.values()))

    def compare(self, run):
        """Values and gradients of every node that the first run knows by name."""
        for name in self.own():
            largest = np.abs(self.run.values[name]).max(initial=1.0)
            self.close(run.values[name], self.run.values[name], largest, name)
        for name in self.own() & self.run.gradients.keys() - self.lost():
            self.close(run.gradients[name], self.run.gradients[name], self.scale(name), f"d{name}")

    def close(self, found, expected, scale, name):
        assert found.shape == expected.shape, name
        assert found.dtype == expected.dtype, name
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale, err_msg=name)

    def same_bits(self, found, expected):
        assert list(found.values) == list(expected.values)
        for name, value in expected.values.items():
            assert found.values[name].tobytes() == value.tobytes(), name
        if found.has_gradients and expected.has_gradients:
            assert list(found.gradients) == list(expected.gradients)
            for name, gradient in expected.gradients.items():
                assert found.gradients[name].tobytes() == gradient.tobytes(), name

    @invariant()
    def nothing_has_changed(self):
        if getattr(self, "graph", None) is None:
            return
        assert str(self.graph) == self.table
        for name, value in self.feeds.items():
            assert value.tobytes() == self.untouched[name].tobytes(), name
        for array in (*self.run.values.values(), *self.run.gradients.values()):
            assert not array.flags.writeable


def within(names, work):
    """Do something inside layers, the first outermost."""
    if names:
        with cr.layer(names[0]):
            return within(names[1:], work)
    return work()


def sealed(value):
    """A copy that cannot be written to: whoever tries raises."""
    array = np.array(value)
    array.flags.writeable = False
    return array


TestStateMachine = Machine.TestCase
