"""The libraries beside this one, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, final

from chainrule.errors import MissingExtraError


@final
class Neighbour:
    """A module of a library that an extra installs: its names are there as soon as one of them is asked for.

    >>> Neighbour("no_such_library", "torch").nn
    Traceback (most recent call last):
      ...
    chainrule.errors.MissingExtraError: no_such_library is not installed
      try:   pip install 'chainrule[torch]'
    """

    def __init__(self, path: str, extra: str) -> None:
        self._path, self._extra = path, extra

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__wrapped", "pytest_")):  # what doctest asks of anything
            raise AttributeError(name)
        return getattr(self.module(), name)

    def module(self) -> Any:
        """The module itself; raises MissingExtraError where the library is not installed."""
        library = self._path.partition(".")[0]
        try:
            import_module(library)
        except ModuleNotFoundError as error:
            if error.name != library:
                raise
            remedy = f"pip install 'chainrule[{self._extra}]'"
            raise MissingExtraError(f"{library} is not installed", remedy=remedy) from None
        return import_module(self._path)


torch: Any = Neighbour("torch", "torch")
jax: Any = Neighbour("jax", "jax")
jnp: Any = Neighbour("jax.numpy", "jax")
