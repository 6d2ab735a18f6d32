"""What rules record, forward and backward, has nodes again, and those nodes have: a backward pass is a graph."""

import numpy as np
import pytest
from every_rule import EXAMPLES
from in_turn import every_case
from node_rows import ROWS, examples, feeds_of, gives_numbers, graph_of_one

import chainrule as cr
from chainrule.program.calls import Call
from chainrule.program.program import Program
from chainrule.program.recording import record, record_forward
from chainrule.program.step import map_refs
from chainrule.symbols import operations
from chainrule.symbols.operations import NODES


def program_of(row, case):
    """What the rule of a node records: its forward, and its backward where it has a gradient."""
    graph = graph_of_one(row, case, examples(row, case))
    return record(ended(graph)) if gives_numbers(row, case) else record_forward(graph)


def ended(graph):
    """The graph with a scalar behind its last node, so that gradients start there and are no constants."""
    last = graph.outputs[0]
    return cr.Graph(cr.Sum(last * 2.0)) if last.shape != () else graph


def nodes_of(program: Program) -> list[cr.Node]:
    """The node of every step, built from the table of operations alone."""
    nodes: list[cr.Node] = []
    for step in program.steps:
        if step.operation is not None:
            operands = map_refs(step.operands, lambda ref: nodes[ref.step])
            nodes.append(NODES[step.operation](*operands, **step.options))
        elif step.is_feed:
            nodes.append(cr.Input(step.name, step.shape, step.dtype))
        else:
            nodes.append(NODES[operations.constant](step.operands[0], dtype=step.operands[0].dtype))
    return nodes


def without_a_node(program: Program) -> set[str]:
    """The names of operations that no node computes, rules called as they are among them."""
    recorded = {step.operation for step in program.steps} - {None}
    return {function.__name__ for function in recorded if isinstance(function, Call) or function not in NODES}


@every_case(ROWS)
def test_whatever_a_rule_records_has_a_node(row, case):
    assert without_a_node(program_of(row, case)) == set()


@pytest.mark.parametrize("name", EXAMPLES)
def test_whatever_a_graph_with_named_sizes_records_has_a_node(name):
    graph = ended(EXAMPLES[name].graph)
    assert without_a_node(record(graph)) | without_a_node(record(graph.fuse())) == set()


def test_what_is_built_for_an_operation_is_a_class_with_rows_of_its_own():
    """So the two tests above go on to the rules of the nodes that they find, until none is missing."""
    builders = {NODES[function] for function in NODES} - {NODES[operations.constant]}
    classes = {getattr(getattr(builder, "func", builder), "__self__", None) for builder in builders}
    assert classes - {cr.Size} <= {row.kind for row in ROWS}  # a size stands in test_counting.py


@every_case(ROWS)
def test_the_nodes_of_a_recorded_pass_compute_what_the_run_does(row, case):
    arrays = examples(row, case)
    graph = graph_of_one(row, case, arrays)
    graph = ended(graph) if gives_numbers(row, case) else graph
    program, feeds = program_of(row, case), feeds_of(graph, arrays)
    nodes = nodes_of(program)
    again = cr.Graph(*dict.fromkeys(nodes[k] for k in (*program.values.values(), *program.gradients.values())))
    run, twin = graph.forward(feeds), again.forward({name: feeds[name] for name in feeds if name in again})
    for name, k in program.values.items():
        np.testing.assert_allclose(twin[nodes[k]], run[name], rtol=1e-14, err_msg=name)
    gradients = run.backward() if program.gradients else {}
    for name, k in program.gradients.items():
        np.testing.assert_allclose(twin[nodes[k]], gradients[name], rtol=1e-14, atol=1e-300, err_msg=name)
