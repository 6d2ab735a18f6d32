"""The sections of the page on computing: 2-3-3-1, a large net against its products, training, load."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from comparison import aims
from comparison.contenders import PRODUCTS, Case
from comparison.kept import Kept, TimeIsUp
from comparison.page import Section, micro
from comparison.peers import PEERS, PLANS
from comparison.trained_by import RIVALS, TRAINED_BY
from comparison.trained_nets import NETS
from comparison.trainers import TRAINERS
from comparison.turns import Turns, another_process_computing

GRADIENTS: Final = "Forward and backward of 2-3-3-1"
TRAINED: Final = "Steps of training: forward, backward and Adam"
COLUMNS: Final = (1, 1_000, 10_000, 100_000, 1_000_000)
BATCHES: Final = (32, 256)
DTYPES: Final = ("float64", "float32")
Found = dict[Case, dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """What the command was asked for: seconds for a case, and the turns of all threads and of one."""

    seconds: float
    turns: Turns
    alone: Turns
    columns: tuple[int, ...] = COLUMNS
    batches: tuple[int, ...] = BATCHES
    dtypes: tuple[str, ...] = DTYPES


def _measured(kept: Kept, options: Options, cases: list[Case], turns: Turns) -> Found:
    """The medians of these cases by contender, as far as there is time. Raises TimeIsUp where there is for none."""
    found = {}
    for case in cases:
        with suppress(TimeIsUp):
            found[case] = kept(
                f"{case}, {turns.threads} threads", lambda case=case: turns.measured(case, options.seconds)
            )
    if not found:
        raise TimeIsUp
    return found


def _rows(found: Found, names: Any) -> list[list[str]]:
    """A row of microseconds for each contender that has any."""
    taken = [one["times"] for one in found.values()]
    return [
        [name, *(micro(times[name]) if name in times else "–" for times in taken)]
        for name in names
        if any(name in times for times in taken)
    ]


def _absent(section: Section, found: Found) -> None:
    """One line for each who took no part."""
    section.absent({name: why for one in found.values() for name, why in one["absent"].items()})


# --- 2-3-3-1 ---------------------------------------------------------------------------------------------------------


def gradients(kept: Kept, options: Options) -> Section:
    section = Section(GRADIENTS)
    section.say("Median µs of one call that gives the loss and the gradients of W1, B1, W2, B2, W3 and B3.")
    cases = [Case("gradients", "2-3-3-1", m, dtype) for m in options.columns for dtype in options.dtypes]
    section.found = found = _measured(kept, options, cases, options.turns)
    section.table(["what", *(f"m = {case.m:,}, {case.dtype}" for case in found)], _rows(found, PEERS))
    _absent(section, found)
    section.say("Ratios plan ÷ peer beside the aims; below 1 the plan is faster, bold is missed.")
    rivals = [name for name in PEERS if name not in PLANS]
    section.table(["m, dtype, plan", *rivals], list(_ratio_rows(section, found, rivals)))
    for case, one in found.items():
        if case.m == 1 and "PyTorch eager" in one["times"]:
            ratio = one["times"]["Run"] / one["times"]["PyTorch eager"]
            judged = section.judged(ratio, aims.RUN, f"m = 1, {case.dtype}, Run ÷ PyTorch eager")
            section.say(f"At m = 1 in {case.dtype} a Run takes {judged} of what PyTorch takes, node by node as well.")
    return section


def _ratio_rows(section: Section, found: Found, rivals: list[str]) -> Any:
    for case, one in found.items():
        taken = one["times"]
        for size, plan in [key for key in aims.RATIOS if key[0] == case.m] or [(case.m, "best")]:
            name = min((p for p in PLANS if p in taken), key=taken.__getitem__) if plan == "best" else plan
            if name not in taken:
                continue
            title = f"m = {case.m:,}, {case.dtype}, {name}"
            limits = aims.RATIOS.get((size, plan), {})
            ratios = {p: taken[name] / taken[p] for p in rivals if p in taken}
            cells = {p: section.judged(ratio, limits.get(p), f"{title} ÷ {p}") for p, ratio in ratios.items()}
            yield [title, *(cells.get(peer, "–") for peer in rivals)]


def one_thread(kept: Kept, options: Options) -> Section:
    section = Section("The same with one thread")
    section.say("Median µs; every process is kept to one processor.")
    cases = [Case("gradients", "2-3-3-1", m, dtype) for m in (1_000, 100_000) for dtype in DTYPES]
    found = _measured(kept, options, cases, options.alone)
    section.table(["what", *(f"m = {case.m:,}, {case.dtype}" for case in found)], _rows(found, PEERS))
    return section


def large_net(kept: Kept, options: Options) -> Section:
    section = Section("784-512-256-1 with 256 columns, float32, against its bare matrix products")
    section.say(
        "Eight products are needed: W1 A0, W2 A1 and W3 A2 forward; dZ3 A2ᵀ, dZ2 A1ᵀ and dZ1 A0ᵀ for the weights, W3ᵀ "
        "dZ3 and W2ᵀ dZ2 for the layers below (dA0 is not asked for). They are computed as plans compute them, "
        "with BLAS held to one thread and the largest in parts, into arrays that exist already; W3ᵀ dZ3, whose inner "
        "dimension is 1, as the broadcast product that it equals, which is faster."
    )
    case = Case("gradients", "784-512-256-1", 256, "float32")
    found = _measured(kept, options, [case], options.turns)
    times = found[case]["times"]
    rows = []
    for name, seconds in times.items():
        aim = aims.LARGE_NET if name in PLANS else None
        ratio = section.judged(seconds / times[PRODUCTS], aim, f"784-512-256-1, {name} ÷ bare products")
        rows.append([name, micro(seconds), ratio])
    section.table(["what", "µs", "÷ bare products"], rows)
    _absent(section, found)
    return section


def epochs(kept: Kept, options: Options) -> Section:
    section = Section("Training steps with gradient descent, 2-3-3-1, float64")
    section.say(
        "Median µs: one step on m columns; an epoch of 10,000 columns in 100 batches of 100. All start from the same "
        "parameters and are compared after two epochs. `nets.train` also shuffles and cuts batches."
    )
    cases = [Case("epoch", "2-3-3-1", m) for m in (1, 1_000, 10_000)]
    found = _measured(kept, options, cases, options.turns)
    columns = ("epoch" if c.m > 1_000 else f"one step, m = {c.m:,}" for c in found)
    section.table(["what", *columns], _rows(found, TRAINERS))
    section.absent({name: why for one in found.values() for name, why in one["absent"].items() if "several" not in why})
    return section


# --- nets that people train ------------------------------------------------------------------------------------------


def trained(kept: Kept, options: Options) -> Section:
    section = Section(TRAINED)
    section.say(
        "Median µs of a step. 784-512-256-10 has ReLU and a softmax; the CNN two convolutions on images of 28 × 28; "
        "attention is a transformer block of 64 tokens, 128 wide, in four heads; the LSTM has 32 steps; the embedding "
        "is the mean of 16 words out of 5,000. PyTorch has its LSTM in one call and Adam in one loop, JAX a scan and "
        "the whole step in one function. `torch.compile` is measured in float32. The last column is the fastest of Run "
        "and the plans ÷ the better of PyTorch and JAX: below 1 it is ahead, bold is an aim missed."
    )
    cases = [Case("step", net, m, dtype) for net in NETS for m in options.batches for dtype in options.dtypes]
    section.found = found = _measured(kept, options, cases, options.turns)
    _trained_table(section, found)
    _absent(section, found)
    return section


def trained_alone(kept: Kept, options: Options) -> Section:
    section = Section("Steps of training with one thread")
    section.say("Median µs of a step, float32, 32 examples; every process is kept to one processor.")
    cases = [Case("step", net, 32, "float32") for net in NETS]
    _trained_table(section, _measured(kept, options, cases, options.alone), aimed=False)
    return section


def best_ratio(times: dict[str, float]) -> float | None:
    """The fastest of this project over the better of PyTorch and JAX."""
    theirs = [times[name] for name in RIVALS if name in times]
    return min(times[name] for name in times if name not in RIVALS) / min(theirs) if theirs else None


def _trained_table(section: Section, found: Found, aimed: bool = True) -> None:
    rows = []
    for case, one in found.items():
        title = f"{case.net}, batch {case.m}, {case.dtype}"
        ratio = best_ratio(one["times"])
        limit = aims.TRAINED[case.net] if aimed else None
        what = f"{title}, the best of ours ÷ the better of PyTorch and JAX"
        judged = "–" if ratio is None else section.judged(ratio, limit, what)
        rows.append([title, *(micro(one["times"][n]) if n in one["times"] else "–" for n in TRAINED_BY), judged])
    section.table(["net", *TRAINED_BY, "best ÷ better"], rows)


# --- under load -------------------------------------------------------------------------------------------------------


def loaded(kept: Kept, options: Options) -> Section:
    section = Section("With one other process computing")
    section.say(
        "A laptop is never idle. Times as above while another process keeps one processor busy, over the times without "
        "it, measured one after the other; each contender has as many threads as there are processors."
    )
    cases = [
        Case("gradients", "2-3-3-1", 1_000),
        Case("gradients", "2-3-3-1", 100_000),
        Case("step", "784-512-256-10", 256, "float32"),
        Case("step", "LSTM", 32, "float32"),
    ]
    names = ("Run", "NumPy plan", "auto plan", "by hand", *RIVALS)
    found = {case: kept(f"{case}, under load", lambda case=case: _both(options, case, names)) for case in cases}
    rows = [[name, *(_longer(one, name) for one in found.values())] for name in names]
    section.table(["busy ÷ idle", *(f"{case.net}, m = {case.m:,}" for case in cases)], rows)
    rows = [
        [name, *(micro(one["busy"][name]) if name in one["busy"] else "–" for one in found.values())] for name in names
    ]
    section.table(["µs while another computes", *(f"{case.net}, m = {case.m:,}" for case in cases)], rows)
    return section


def _longer(one: dict[str, Any], name: str) -> str:
    return f"{one['busy'][name] / one['idle'][name]:.2f}" if name in one["idle"] else "–"


def _both(options: Options, case: Case, names: tuple[str, ...]) -> dict[str, Any]:
    from comparison.contenders import names_for

    known = [name for name in names_for(case) if name in names]
    idle = options.turns.measured(case, options.seconds / 2, known)
    with another_process_computing():
        busy = options.turns.timed(list(idle["times"]), options.seconds / 2)
    return {"idle": idle["times"], "busy": busy["times"], "load": idle["load"]}
