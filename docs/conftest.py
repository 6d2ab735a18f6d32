"""Pages whose examples need an extra are run where it is installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") and find_spec("jax") else ["interop.md"]
