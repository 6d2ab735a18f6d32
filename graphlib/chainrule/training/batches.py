"""The feeds of every step of a training: mini-batches of columns in a random order, from memory or from disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.core.accepting import check_counts, generator
from chainrule.core.feeds import is_stored
from chainrule.errors import FeedError

Array = NDArray[Any]
_EXAMPLES: Final = "as many examples in each feed, along the axis that its Input gives their name"
_PAGE: Final = 64 << 20  # bytes of feeds on disk that mini-batches are drawn from


@final
class Batches:
    """The feeds of every step; without a batch size they are one batch, and nothing is cut."""

    def __init__(
        self, feeds: Mapping[str, ArrayLike], axes: Mapping[str, int], epochs: int, batch_size: int | None, seed: int
    ) -> None:
        check_counts(epochs=epochs, batch_size=1 if batch_size is None else batch_size)
        self.feeds, self.epochs, self.seed = dict(feeds), epochs, seed
        self.axes = {} if batch_size is None else axes
        self.whole: dict[str, Any] = {name: feeds[name] for name in self.axes}
        self.whole |= {name: _array(name, feed) for name, feed in self.whole.items() if not is_stored(feed)}
        self.size = 1 if batch_size is None else _common_size(self.whole, self.axes)
        self.given_size, self.batch_size = batch_size, batch_size or 1

    def __len__(self) -> int:
        """Return the number of steps in all epochs."""
        return self.epochs * math.ceil(self.size / self.batch_size)

    def __iter__(self) -> Iterator[dict[str, ArrayLike]]:
        """Yield the feeds of one step after another, the columns in a new order in each epoch."""
        for columns, order in self._pages():
            for first in range(0, len(order), self.batch_size):
                yield {**self.feeds, **self._cut(columns, order[first : first + self.batch_size])}

    def ordered(self) -> Iterator[dict[str, ArrayLike]]:
        """Yield the feeds of one page after another, their columns in the order of its steps."""
        for columns, order in self._pages():
            yield {**self.feeds, **self._cut(columns, order)}

    def _pages(self) -> Iterator[tuple[dict[str, Array], Array]]:
        """Yield what is shuffled at a time, and in which order: an epoch is one page, unless feeds lie on disk."""
        rng, page = generator(self.seed), self._page_size()
        for _ in range(self.epochs):
            for place in rng.permutation(math.ceil(self.size / page)):
                last = min((place + 1) * page, self.size)
                yield self._columns(place * page, last), rng.permutation(last - place * page)

    def _page_size(self) -> int:
        """Return how many columns are in a page, a multiple of the batch size."""
        on_disk = [array for array in self.whole.values() if is_stored(array)]
        size = sum(math.prod(array.shape) * array.dtype.itemsize for array in on_disk)
        batches = _PAGE * self.size // max(size, 1) // self.batch_size
        return self.batch_size * max(1, batches) if on_disk else max(1, self.size)

    def _columns(self, first: int, last: int) -> dict[str, Array]:
        """Return some columns, one after another, of every feed that has columns."""
        keys = {name: (*[slice(None)] * axis, slice(first, last)) for name, axis in self.axes.items()}
        return {name: np.asarray(array[keys[name]]) for name, array in self.whole.items()}

    def _cut(self, columns: Mapping[str, Array], chosen: Array) -> dict[str, Array]:
        """Return the chosen ones of these columns."""
        return {name: array.take(chosen, axis=self.axes[name]) for name, array in columns.items()}


def _array(name: str, feed: Any) -> Array:
    """A feed as an array; raises FeedError for rows of different lengths."""
    try:
        return np.asarray(feed)
    except ValueError as error:
        raise FeedError(f"{name} is no array", given=str(error), remedy="a list of rows of one length") from None


def _common_size(feeds: Mapping[str, Any], axes: Mapping[str, int]) -> int:
    """Return the number of columns, in which all feeds that have columns must agree."""
    shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items()) or "none has any"
    if any(len(array.shape) <= axes[name] for name, array in feeds.items()):
        raise FeedError("a feed lacks the dimension along which mini-batches are cut", given=shapes, remedy=_EXAMPLES)
    sizes = {array.shape[axes[name]] for name, array in feeds.items()}
    if len(sizes) != 1 or sizes == {0}:
        raise FeedError("mini-batches need feeds with one common number of columns", given=shapes, remedy=_EXAMPLES)
    return int(sizes.pop())
