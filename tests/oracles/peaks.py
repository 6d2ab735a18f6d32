"""The memory that a call of a plan takes at its peak."""

import tracemalloc


def peak(plan, feeds):
    """Bytes beyond the feeds at the peak of a call that makes its workspace anew; what is compiled is there already."""
    plan(feeds)
    plan.release()
    tracemalloc.start()
    try:
        plan(feeds)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
